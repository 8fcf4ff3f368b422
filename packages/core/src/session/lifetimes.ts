import type { Clock } from '../clock.ts'
import { InvalidArgumentError } from '../errors.ts'

export interface LifetimeSettings {
  readonly idleTimeout: number
  readonly absoluteTimeout: number
  readonly touchAfter: number | undefined
}

const longestTouchAfter = 60_000
const touchShare = 0.1
// A visitor who comes back within half of a session's life must find it, whatever was asked for.
const longestTouchShare = 0.5

/** How long sessions live, in milliseconds. */
export class Lifetimes {
  readonly absolute: number
  readonly #idle: number
  readonly #touchAfter: number | undefined
  readonly #clock: Clock

  constructor({ idleTimeout, absoluteTimeout, touchAfter }: LifetimeSettings, clock: Clock) {
    this.#clock = clock
    this.#idle = idleTimeout
    this.absolute = absoluteTimeout
    this.#touchAfter = touchAfter
  }

  /** @throws InvalidArgumentError for what is no length of time. */
  requested(ttl: number | undefined): number {
    if (ttl === undefined) return this.#idle
    if (typeof ttl !== 'number' || !(ttl > 0)) throw new InvalidArgumentError('ttl', 'expected milliseconds above 0')
    return Math.max(1, Math.floor(Math.min(ttl, this.absolute)))
  }

  /** What a session may live that is stored or touched now: never past its cap, and nothing where that has passed. */
  left(requested: number, createdAt: number): number {
    return Math.min(requested, createdAt + this.absolute - this.#clock.now())
  }

  hasEnded(createdAt: number): boolean {
    return createdAt + this.absolute <= this.#clock.now()
  }

  /** Whether moving the end is worth a write. When it was moved last shows from how far off it is: nothing is remembered. */
  isTouchDue(requested: number, expiresAt: number, end: number): boolean {
    const after =
      this.#touchAfter === undefined
        ? Math.min(longestTouchAfter, requested * touchShare)
        : Math.min(this.#touchAfter, requested * longestTouchShare)
    return Math.abs(end - expiresAt) >= after
  }
}
