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
  /** By the time at which they are due; thousands are at few times, and to find the next must not take a look at each. */
  readonly #due = new Map<number, Set<Timer>>()

  constructor(now = 1_700_000_000_000) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  setTimeout(callback: () => void, milliseconds: number): Timer {
    const timer = { at: this.#now + Math.max(0, milliseconds), callback }
    const together = this.#due.get(timer.at) ?? new Set()
    this.#due.set(timer.at, together.add(timer))
    return timer
  }

  clearTimeout(handle: unknown): void {
    const timer = handle as Timer | undefined
    if (timer === undefined) return
    const together = this.#due.get(timer.at)
    together?.delete(timer)
    if (together?.size === 0) this.#due.delete(timer.at)
  }

  /** Timers that have been set and neither run nor cleared. */
  get pending(): number {
    let pending = 0
    for (const { size } of this.#due.values()) pending += size
    return pending
  }

  /** When the next timer is due. */
  get nextAt(): number | undefined {
    return this.#next()?.at
  }

  /** Moves on by so many milliseconds; timers run on the way, each at its time and each with what it sets off. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.#now + milliseconds
    await settle()
    for (let next = this.#next(); next !== undefined && next.at <= until; next = this.#next()) {
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

  #run(timer: Timer): void {
    this.clearTimeout(timer)
    this.#now = Math.max(this.#now, timer.at)
    timer.callback()
  }

  #next(): Timer | undefined {
    const [first] = this.#due.get(Math.min(...this.#due.keys())) ?? []
    return first
  }
}

/** A source of chance that answers the given numbers in turn, and the last one for ever after. */
export function drawing(...numbers: readonly [number, ...number[]]): () => number {
  let index = 0
  return () => numbers[Math.min(index++, numbers.length - 1)] ?? 0
}
