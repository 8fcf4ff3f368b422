import { acquireLease, type Lease, seenOf } from './lease.ts'
import type { ReadParts } from './read-parts.ts'

/** For so long the processes do without a leader when it has been killed. */
const leaderTtl = 5_000
const tryEvery = 1_500

export interface RefreshCall {
  /** Milliseconds. */
  readonly interval: number
  readonly concurrency: number
  keys(): Iterable<string> | AsyncIterable<string>
}

/** Refreshes keys at an interval, in one process of all that ask for it: the one that holds the leader's lease. */
export class RefreshAhead<V> {
  readonly #parts: ReadParts<V>
  readonly #call: RefreshCall
  readonly #refreshAll: (keys: Iterable<string> | AsyncIterable<string>, signal: AbortSignal) => Promise<unknown>
  readonly #stopped = new AbortController()
  #lease: Lease | undefined
  #timer: unknown
  #wake = () => {}

  constructor(
    parts: ReadParts<V>,
    call: RefreshCall,
    refreshAll: (keys: Iterable<string> | AsyncIterable<string>, signal: AbortSignal) => Promise<unknown>,
  ) {
    this.#parts = parts
    this.#call = call
    this.#refreshAll = refreshAll
    void this.#run()
  }

  /** Whether this process is the one that refreshes. */
  get leads(): boolean {
    if (this.#stopped.signal.aborted) return false
    return this.#parts.remote === undefined || (this.#lease !== undefined && !this.#lease.lost)
  }

  /** Another process takes over at its next attempt. */
  stop(): void {
    if (this.#stopped.signal.aborted) return
    this.#stopped.abort()
    this.#parts.clock.clearTimeout(this.#timer)
    this.#lease?.release().catch(() => {})
    this.#wake()
  }

  async #run(): Promise<void> {
    const { clock, logger, settings } = this.#parts
    const { signal } = this.#stopped
    let next = clock.now()
    while (!signal.aborted) {
      if (!this.leads) {
        await this.#tryToLead()
        // Entries that a leader before this one has refreshed lately are left alone by the round.
        next = clock.now()
      }
      if (this.leads && clock.now() >= next) {
        next = clock.now() + this.#call.interval
        try {
          await this.#refreshAll(this.#call.keys(), signal)
        } catch (error) {
          const reason = error instanceof Error ? error.name : 'unknown reason'
          if (!signal.aborted) logger.warn({ namespace: settings.name, reason }, 'a round of refreshEvery ended early')
        }
      }
      if (!signal.aborted) await this.#pause(this.leads ? Math.min(tryEvery, next - clock.now()) : tryEvery)
    }
  }

  async #tryToLead(): Promise<void> {
    const { remote, id, keys } = this.#parts
    if (remote === undefined) return
    this.#lease = undefined
    const outcome = await acquireLease(
      ...([remote, id, '', keys.leader, leaderTtl, seenOf(null), false, remote.commands.budget(), 'normal'] as const),
    )
    if (outcome.kind !== 'acquired') return
    this.#lease = outcome.lease
    if (this.#stopped.signal.aborted) outcome.lease.release().catch(() => {})
  }

  async #pause(milliseconds: number): Promise<void> {
    const { clock } = this.#parts
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      this.#timer = clock.setTimeout(resolve, Math.max(0, milliseconds))
    })
  }
}
