import { acquireLease, type Lease, seenOf } from './lease.ts'
import type { ReadParts } from './read-parts.ts'

/** For so long the processes do without a leader when it has been killed. */
export const leaderTtl = 5_000

/** Whether this process is the one that refreshes a namespace. All that refresh there go by one lease, or they would keep it from each other. */
export class Leadership<V> {
  readonly #parts: Pick<ReadParts<V>, 'remote' | 'id' | 'keys'>
  #followers = 0
  #lease: Lease | undefined
  #trying: Promise<void> | undefined

  constructor(parts: Pick<ReadParts<V>, 'remote' | 'id' | 'keys'>) {
    this.#parts = parts
  }

  get held(): boolean {
    // By the clock, not by what Redis has said last: a process that was frozen has not been told yet that another leads.
    return this.#parts.remote === undefined || this.#lease?.live === true
  }

  join(): void {
    this.#followers += 1
  }

  /** The last one gives it back: another process takes over at its next attempt. */
  leave(): void {
    this.#followers -= 1
    if (this.#followers === 0) this.#release()
  }

  /** Never rejects. */
  tryToLead(): Promise<void> {
    this.#trying ??= this.#try().finally(() => {
      this.#trying = undefined
    })
    return this.#trying
  }

  async #try(): Promise<void> {
    const { remote, id, keys } = this.#parts
    if (remote === undefined) return
    // What Redis may hold of an older one is not renewed any more, and ends by itself.
    this.#release()
    const outcome = await acquireLease(
      ...([remote, id, '', keys.leader, leaderTtl, seenOf(null), false, remote.commands.budget(), 'normal'] as const),
    )
    if (outcome.kind !== 'acquired') return
    this.#lease = outcome.lease
    if (this.#followers === 0) this.#release()
  }

  #release(): void {
    this.#lease?.release().catch(() => {})
    this.#lease = undefined
  }
}
