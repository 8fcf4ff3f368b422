import type { Clock } from '../clock.ts'

/** The timers of one process on a clock that several share. */
export class ProcessClock implements Clock {
  readonly #shared: Clock
  readonly #timers = new Set<unknown>()
  #stopped = false

  constructor(shared: Clock) {
    this.#shared = shared
  }

  now(): number {
    return this.#shared.now()
  }

  setTimeout(callback: () => void, milliseconds: number): unknown {
    if (this.#stopped) return undefined
    const timer = this.#shared.setTimeout(() => {
      this.#timers.delete(timer)
      callback()
    }, milliseconds)
    this.#timers.add(timer)
    return timer
  }

  clearTimeout(handle: unknown): void {
    this.#timers.delete(handle)
    this.#shared.clearTimeout(handle)
  }

  /** Timers that have been set and neither run nor cleared. */
  get pending(): number {
    return this.#timers.size
  }

  /** The process is gone, and its timers with it. */
  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers) this.#shared.clearTimeout(timer)
    this.#timers.clear()
  }
}
