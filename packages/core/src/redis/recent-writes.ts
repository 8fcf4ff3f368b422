const mostKeys = 10_000

/** The keys that a reader may still show as they were before a write. Beyond its bound every key counts as one. */
export class RecentWrites {
  readonly #lag: number
  readonly #until = new Map<string, number>()
  #allUntil = 0

  constructor(lag: number) {
    this.#lag = lag
  }

  note(key: string): void {
    const now = performance.now()
    if (this.#until.size >= mostKeys) this.noteAll()
    // Insertion order is order of expiry, for the lag is the same for all.
    this.#until.delete(key)
    this.#until.set(key, now + this.#lag)
    for (const [oldest, until] of this.#until) {
      if (until > now) break
      this.#until.delete(oldest)
    }
  }

  /** Any key may have been written. */
  noteAll(): void {
    this.#until.clear()
    this.#allUntil = performance.now() + this.#lag
  }

  has(key: string): boolean {
    const now = performance.now()
    return now < this.#allUntil || now < (this.#until.get(key) ?? 0)
  }
}
