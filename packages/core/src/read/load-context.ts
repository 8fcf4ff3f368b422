import { InvalidArgumentError } from '../errors.ts'
import { type Duration, parseDuration } from '../options/duration.ts'
import type { LoadContext } from '../options/namespace-options.ts'

/** What one load decided besides its value. */
export class Context<V> implements LoadContext<V> {
  readonly stale: V | undefined
  signal: AbortSignal
  chosenTtl: number | undefined
  skipped = false
  /** Not for the load to see: whether the load before this one failed, a moment ago. */
  readonly #failedJustNow: boolean

  constructor(stale: V | undefined, signal: AbortSignal, failedJustNow = false) {
    this.stale = stale
    this.signal = signal
    this.#failedJustNow = failedJustNow
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
