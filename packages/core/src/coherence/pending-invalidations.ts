import type { Clock } from '../clock.ts'

export interface PendingKey {
  readonly namespace: string
  readonly key: string
}

/** Stands for all entries of a namespace, or of its tags: no entry has an empty key. */
export const wholeNamespace = ''

const mostKeys = 10_000
const firstPause = 250
const longestPause = 5_000
const batch = 64
const lastBatch = 1_000

/**
 * Writes that Redis did not take. Until each is replayed as an invalidation, this process does not believe Redis for
 * that key. Beyond the bound a whole namespace is disbelieved until every entry written before is past its end.
 */
export class PendingInvalidations {
  readonly #clock: Clock
  readonly #replay: (pending: PendingKey) => Promise<void>
  readonly #pending = new Map<string, PendingKey>()
  readonly #distrustedUntil = new Map<string, number>()
  #running = false
  #timer: unknown
  #pause = firstPause
  #closed = false

  constructor(clock: Clock, replay: (pending: PendingKey) => Promise<void>) {
    this.#clock = clock
    this.#replay = replay
  }

  get size(): number {
    return this.#pending.size
  }

  /** `longestLife` bounds, in milliseconds, how long an older entry can still be in Redis. */
  add(namespace: string, key: string, longestLife: number): void {
    const id = idOf(namespace, key)
    const isBeyond = this.#pending.size >= mostKeys && !this.#pending.has(id) && key !== wholeNamespace
    if (isBeyond) {
      this.#distrustedUntil.set(namespace, this.#clock.now() + longestLife)
      return
    }
    // A new object each time: a replay that began before this write does not settle it.
    this.#pending.set(id, { namespace, key })
    this.#schedule()
  }

  /** Whether Redis may be believed for this key. */
  trusts(namespace: string, key: string): boolean {
    if (this.#distrustedUntil.size > 0) {
      const until = this.#distrustedUntil.get(namespace)
      if (until !== undefined && this.#clock.now() < until) return false
      if (until !== undefined) this.#distrustedUntil.delete(namespace)
    }
    return this.#pending.size === 0 || !this.#pending.has(idOf(namespace, key))
  }

  /** Redis came back: now rather than at the next attempt. */
  replayNow(): void {
    this.#pause = firstPause
    void this.#run()
  }

  /** What the others do not hear of before this process ends, they learn when the ttl is over. */
  async lastAttempt(): Promise<void> {
    const some = [...this.#pending.values()].slice(0, lastBatch)
    await Promise.allSettled(some.map((pending) => this.#replay(pending)))
  }

  close(): void {
    this.#closed = true
    this.#clock.clearTimeout(this.#timer)
  }

  async #run(): Promise<void> {
    if (this.#running || this.#closed || this.#pending.size === 0) return
    this.#running = true
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    let progress = true
    while (progress && this.#pending.size > 0 && !this.#closed) {
      const some = [...this.#pending].slice(0, batch)
      const outcomes = await Promise.allSettled(some.map(([, pending]) => this.#replay(pending)))
      progress = outcomes.some(({ status }) => status === 'fulfilled')
      for (const [index, [id, pending]] of some.entries()) {
        // A newer write of the key has a replay of its own to come.
        if (this.#pending.get(id) !== pending) continue
        this.#pending.delete(id)
        // To the end: keys that cannot be replayed, of a dead shard for one, must not keep the others waiting.
        if (outcomes[index]?.status === 'rejected') this.#pending.set(id, pending)
      }
    }
    this.#pause = progress ? firstPause : Math.min(longestPause, this.#pause * 2)
    this.#running = false
    this.#schedule()
  }

  #schedule(): void {
    if (this.#closed || this.#running || this.#timer !== undefined || this.#pending.size === 0) return
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined
      void this.#run()
    }, this.#pause)
  }
}

function idOf(namespace: string, key: string): string {
  return `${namespace}:${key}`
}
