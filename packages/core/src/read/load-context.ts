import { InvalidArgumentError } from '../errors.ts'
import { type Duration, parseDuration } from '../options/duration.ts'
import type { LoadContext } from '../options/namespace-options.ts'
import type { Attempt } from './attempt.ts'

const neverAborted = new AbortController().signal

/** What one load decided besides its value. */
export class Context<V> implements LoadContext<V> {
  readonly stale: V | undefined
  chosenTtl: number | undefined
  skipped = false
  /** Not for the load to see: whether the load before this one failed, a moment ago. */
  readonly #failedJustNow: boolean
  #attempt: Attempt | undefined

  constructor(stale: V | undefined, failedJustNow = false) {
    this.stale = stale
    this.#failedJustNow = failedJustNow
  }

  get signal(): AbortSignal {
    return this.#attempt?.signal ?? neverAborted
  }

  static begin(context: Context<unknown>, attempt: Attempt): void {
    context.#attempt = attempt
  }

  static failedJustNow(context: Context<unknown>): boolean {
    return context.#failedJustNow
  }

  ttl(duration: Duration): void {
    const milliseconds = parseDuration(duration)
    if (milliseconds === undefined || milliseconds < 1) {
      throw new InvalidArgumentError('ttl', 'expected a duration from 1ms, such as "5m", or milliseconds')
    }
    this.chosenTtl = milliseconds
  }

  skip(): void {
    this.skipped = true
  }
}
