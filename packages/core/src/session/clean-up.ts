import type { Clock, Random } from '../clock.ts'
import type { Logger } from '../options/logger.ts'

// Each process does it now and then: with many of them it is done often, in small pieces, and nobody needs to be chosen.
const every = 600_000

/** Deletes what has ended from a backing, from time to time, and never twice at once in this process. */
export class CleanUp {
  readonly #deleteExpired: () => Promise<number>
  readonly #clock: Clock
  readonly #random: Random
  readonly #logger: Logger
  #timer: unknown
  #closed = false

  constructor(deleteExpired: () => Promise<number>, clock: Clock, random: Random, logger: Logger) {
    this.#deleteExpired = deleteExpired
    this.#clock = clock
    this.#random = random
    this.#logger = logger
    this.#schedule()
  }

  close(): void {
    this.#closed = true
    this.#clock.clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (this.#closed) return
    // Processes that start together must not clean up together.
    const pause = every * (0.5 + this.#random())
    this.#timer = this.#clock.setTimeout(() => void this.#run(), pause)
  }

  async #run(): Promise<void> {
    try {
      const deleted = await this.#deleteExpired()
      this.#logger.debug({ deleted }, 'sessions: those that had ended were deleted')
    } catch (error) {
      const { code } = error as { code?: unknown }
      this.#logger.warn({ code }, 'sessions: those that have ended could not be deleted')
    }
    this.#schedule()
  }
}
