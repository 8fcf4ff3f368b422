import type { Clock, Random } from '../clock.ts'
import type { NodeAnswer } from '../redis/health-connection.ts'

export interface ProbeParts {
  readonly clock: Clock
  readonly random: Random
  look(): Promise<readonly NodeAnswer[]>
  onAnswers(answers: readonly NodeAnswer[]): void
  onFailure(error: unknown): void
  /** How long until the next look, in milliseconds, before jitter. */
  pause(): number
}

// A fleet that started together must not look together.
const jitter = 0.2
// Several reasons to look at once make one look.
const shortest = 50
// However much happens.
const between = 900

/** Looks at Redis again and again, at its own pace. One look at a time, and none that anybody waits for. */
export class Probe {
  readonly #parts: ProbeParts
  #timer: unknown
  #looking = false
  #again = false
  #lookedAt = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(parts: ProbeParts) {
    this.#parts = parts
  }

  /** Looks now, or within a second of the last look: the connection has come up, or something has happened there. */
  lookSoon(): void {
    if (this.#closed || this.#again) return
    this.#again = true
    if (!this.#looking) this.#schedule(this.#soon)
  }

  close(): void {
    this.#closed = true
    this.#parts.clock.clearTimeout(this.#timer)
  }

  get #soon(): number {
    const since = this.#parts.clock.now() - this.#lookedAt
    return since >= 0 && since < between ? between - since : shortest
  }

  #schedule(milliseconds: number): void {
    this.#parts.clock.clearTimeout(this.#timer)
    this.#timer = this.#parts.clock.setTimeout(() => void this.#look(), milliseconds)
  }

  async #look(): Promise<void> {
    this.#looking = true
    this.#again = false
    this.#lookedAt = this.#parts.clock.now()
    try {
      const answers = await this.#parts.look()
      if (!this.#closed) this.#parts.onAnswers(answers)
    } catch (error) {
      if (!this.#closed) this.#parts.onFailure(error)
    } finally {
      this.#looking = false
    }
    if (this.#closed) return
    const pause = this.#parts.pause()
    this.#schedule(this.#again ? this.#soon : pause * (1 - jitter + 2 * jitter * this.#parts.random()))
  }
}
