import type { Clock } from '../clock.ts'

// Kept before a test can put fake timers in their place.
const realImmediate = globalThis.setImmediate

/** Lets everything run that waits for nothing but promises that can settle by now. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    realImmediate(resolve)
  })
}

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/** A clock that stands still until a test moves it. */
export class SteppingClock implements Clock {
  #now: number
  #lastHandle = 0
  readonly #timers = new Map<number, Timer>()

  constructor(now = 1_700_000_000_000) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  setTimeout(callback: () => void, milliseconds: number): number {
    this.#lastHandle += 1
    this.#timers.set(this.#lastHandle, { at: this.#now + Math.max(0, milliseconds), callback })
    return this.#lastHandle
  }

  clearTimeout(handle: unknown): void {
    this.#timers.delete(handle as number)
  }

  /** Timers that have been set and neither run nor cleared. */
  get pending(): number {
    return this.#timers.size
  }

  /** When the next timer is due. */
  get nextAt(): number | undefined {
    return this.#next()?.[1].at
  }

  /** Moves on by so many milliseconds; timers run on the way, each at its time and each with what it sets off. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.#now + milliseconds
    await settle()
    for (let next = this.#next(); next !== undefined && next[1].at <= until; next = this.#next()) {
      this.#run(next)
      await settle()
    }
    this.#now = until
    await settle()
  }

  /** Jumps to the next timer and runs it alone; false where there is none. */
  runNext(): boolean {
    const next = this.#next()
    if (next === undefined) return false
    this.#run(next)
    return true
  }

  #run([handle, { at, callback }]: [number, Timer]): void {
    this.#timers.delete(handle)
    this.#now = Math.max(this.#now, at)
    callback()
  }

  #next(): [number, Timer] | undefined {
    let next: [number, Timer] | undefined
    for (const timer of this.#timers) {
      if (next === undefined || timer[1].at < next[1].at) next = timer
    }
    return next
  }
}

/** A source of chance that answers the given numbers in turn, and the last one for ever after. */
export function drawing(...numbers: readonly [number, ...number[]]): () => number {
  let index = 0
  return () => numbers[Math.min(index++, numbers.length - 1)] ?? 0
}
