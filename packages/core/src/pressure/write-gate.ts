import type { Clock } from '../clock.ts'
import { classify, isRefusedWrite, type TroubleClass } from '../redis/trouble.ts'

/** The write was not sent, or Redis refused it; either way Redis is as it was. */
export type Withheld = 'withheld' | 'refused'

// One refused write a second tells all there is to know; the caller is spared the others.
const longestPause = 1_000
const shortestPause = 1

/**
 * Decides which writes are sent to a Redis that refuses them (OOM, MISCONF, READONLY). After a refusal one canary at a
 * time goes out, a second apart; each success halves the pause until it is gone, each refusal brings the full pause
 * back. A full Redis that frees a little at a time is thus not met by a burst that fills it again.
 */
export class WriteGate {
  readonly #clock: Clock
  readonly #onChange: () => void
  #refusal: TroubleClass | undefined
  #pause = 0
  #nextCanary = 0
  #canaryOut = false
  /** Writes that Redis refused, and writes that were not sent because of it. */
  refused = 0
  withheld = 0

  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock
    this.#onChange = onChange
  }

  /** Why writes are held back, or undefined while they are not. */
  get refusal(): TroubleClass | undefined {
    return this.#refusal
  }

  /** Whether a write would be sent now, without taking the canary's place. */
  get open(): boolean {
    return this.#refusal === undefined
  }

  /** A full Redis still deletes; one that cannot persist, or is a replica, takes no write at all. */
  get refusesDeletions(): boolean {
    return this.#refusal !== undefined && this.#refusal !== 'oom'
  }

  /**
   * Runs the write if it may be sent. Errors other than refusals are the caller's. `wrote` tells of a result whether it
   * proves that Redis takes writes.
   */
  async run<T>(write: () => Promise<T>, wrote: (result: T) => boolean = () => true): Promise<T | Withheld> {
    const canary = !this.open
    if (canary && !this.#takeCanary()) {
      this.withheld += 1
      return 'withheld'
    }
    try {
      const result = await write()
      if (canary && wrote(result)) this.#succeeded()
      return result
    } catch (error) {
      const trouble = classify(error)
      if (!isRefusedWrite(trouble)) throw error
      this.noteRefusal(trouble)
      return 'refused'
    } finally {
      if (canary) this.#canaryOut = false
    }
  }

  /** A script met a refusal and went on: the reply was no error, but the gate must know. */
  noteRefusal(trouble: TroubleClass): void {
    this.refused += 1
    this.#pause = longestPause
    this.#nextCanary = this.#clock.now() + longestPause
    const changed = this.#refusal !== trouble
    this.#refusal = trouble
    if (changed) this.#onChange()
  }

  /** Milliseconds to the next canary. A clock that was set back must not hold it for hours. */
  get #early(): number {
    const left = this.#nextCanary - this.#clock.now()
    return left > longestPause ? 0 : left
  }

  #takeCanary(): boolean {
    if (this.#canaryOut || this.#early > 0) return false
    this.#canaryOut = true
    return true
  }

  #succeeded(): void {
    // A refusal that came while this canary was out counts for more.
    if (this.#early > 0) return
    // Writes so rare that the pause held none of them back make no burst.
    this.#pause = this.#early <= -longestPause ? 0 : this.#pause / 2
    this.#nextCanary = this.#clock.now() + this.#pause
    if (this.#pause > shortestPause) return
    this.#refusal = undefined
    this.#onChange()
  }
}
