import type { Clock } from '../clock.ts'
import { type Mode, modes } from './mode.ts'

/** How long each mode was in force. */
export class ModeTimes {
  readonly #clock: Clock
  readonly #seconds: Record<Mode, number>
  #mode: Mode = 'normal'
  #since: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#since = clock.now()
    this.#seconds = Object.fromEntries(modes.map((mode) => [mode, 0])) as Record<Mode, number>
  }

  get mode(): Mode {
    return this.#mode
  }

  /** When the mode was entered, in milliseconds of the clock. */
  get since(): number {
    return this.#since
  }

  get seconds(): Readonly<Record<Mode, number>> {
    return { ...this.#seconds, [this.#mode]: this.#seconds[this.#mode] + this.#elapsed }
  }

  note(mode: Mode): void {
    if (mode === this.#mode) return
    this.#seconds[this.#mode] += this.#elapsed
    this.#mode = mode
    this.#since = this.#clock.now()
  }

  get #elapsed(): number {
    return Math.max(0, this.#clock.now() - this.#since) / 1_000
  }
}
