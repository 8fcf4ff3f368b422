import type { Clock } from '../clock.ts'

const most = 10_000
const firstPause = 250
const longestPause = 5_000
const lastBatch = 1_000

/**
 * What Redis has not acknowledged, by id, tried again until it has: a batch at a time, after pauses that double from
 * 250 ms to 5 s while nothing gets through. The bound is 10,000; what gives way beyond it is for the owner to say.
 */
export class ReplayQueue<Item extends object> {
  readonly #clock: Clock
  readonly #replay: (item: Item) => Promise<void>
  readonly #batch: number
  readonly #pending = new Map<string, Item>()
  #running = false
  #timer: unknown
  #pause = firstPause
  #closed = false
  /** How many were acknowledged. */
  replayed = 0

  constructor(clock: Clock, replay: (item: Item) => Promise<void>, batch: number) {
    this.#clock = clock
    this.#replay = replay
    this.#batch = batch
  }

  get size(): number {
    return this.#pending.size
  }

  get isFull(): boolean {
    return this.#pending.size >= most
  }

  has(id: string): boolean {
    return this.#pending.has(id)
  }

  get(id: string): Item | undefined {
    return this.#pending.get(id)
  }

  /** A new object each time: a replay of the one before does not settle this one. */
  set(id: string, item: Item): void {
    this.#pending.set(id, item)
    this.#schedule()
  }

  delete(id: string): void {
    this.#pending.delete(id)
  }

  dropOldest(): void {
    const [oldest] = this.#pending.keys()
    if (oldest !== undefined) this.#pending.delete(oldest)
  }

  /** Redis came back: now rather than at the next attempt. */
  replayNow(): void {
    this.#pause = firstPause
    void this.#run()
  }

  /** Once more for the first thousand, before the process ends and nobody knows of them. */
  async lastAttempt(): Promise<void> {
    const some = [...this.#pending.values()].slice(0, lastBatch)
    await Promise.allSettled(some.map((item) => this.#replay(item)))
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
      const some = [...this.#pending].slice(0, this.#batch)
      const outcomes = await Promise.allSettled(some.map(([, item]) => this.#replay(item)))
      progress = outcomes.some(({ status }) => status === 'fulfilled')
      for (const [index, [id, item]] of some.entries()) {
        // A newer item of this id has a replay of its own to come.
        if (this.#pending.get(id) !== item) continue
        this.#pending.delete(id)
        if (outcomes[index]?.status === 'fulfilled') this.replayed += 1
        // To the end: what cannot be replayed, for a dead shard for one, must not keep the others waiting.
        else this.#pending.set(id, item)
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
