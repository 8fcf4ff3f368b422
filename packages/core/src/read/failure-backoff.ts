import type { Clock } from '../clock.ts'

const pause = 1_000
const mostKeys = 1_000

/** Keys whose load has just failed: while a stale value serves, the source is not asked for them on every get. */
export class FailureBackoff {
  readonly #clock: Clock
  readonly #until = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note(key: string): void {
    if (this.#until.size >= mostKeys) this.#until.clear()
    this.#until.set(key, this.#clock.now() + pause)
  }

  forget(key: string): void {
    if (this.#until.size > 0) this.#until.delete(key)
  }

  has(key: string): boolean {
    if (this.#until.size === 0) return false
    const until = this.#until.get(key)
    if (until === undefined) return false
    if (this.#clock.now() < until) return true
    this.#until.delete(key)
    return false
  }
}
