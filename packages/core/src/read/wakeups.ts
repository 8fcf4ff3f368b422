import type { Clock } from '../clock.ts'

/** Those who wait in this process for a load in another one, by key. Bounded by what is in flight. */
export class Wakeups {
  readonly #sleepers = new Map<string, Set<() => void>>()
  /** The cache is closed: nobody is to wait any more. */
  ended = false

  /** The key's load has ended, or the key was written. */
  wake(key: string): void {
    const sleepers = this.#sleepers.get(key)
    if (sleepers === undefined) return
    this.#sleepers.delete(key)
    for (const wake of sleepers) wake()
  }

  end(): void {
    this.ended = true
    for (const key of [...this.#sleepers.keys()]) this.wake(key)
  }

  /** Resolves when the key is woken, or after so many milliseconds. */
  async wait(key: string, clock: Clock, milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(() => {
        forget()
        resolve()
      }, milliseconds)
      const forget = this.add(key, () => {
        clock.clearTimeout(timer)
        resolve()
      })
    })
  }

  /** Calls `wake` at most once; the answer forgets it. */
  add(key: string, wake: () => void): () => void {
    let sleepers = this.#sleepers.get(key)
    if (sleepers === undefined) {
      sleepers = new Set()
      this.#sleepers.set(key, sleepers)
    }
    sleepers.add(wake)
    return () => {
      sleepers.delete(wake)
      if (sleepers.size === 0 && this.#sleepers.get(key) === sleepers) this.#sleepers.delete(key)
    }
  }
}
