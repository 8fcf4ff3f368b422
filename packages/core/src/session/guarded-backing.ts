import type { Clock } from '../clock.ts'
import { InvalidArgumentError, SessionsUnavailableError } from '../errors.ts'
import type { Logger } from '../options/logger.ts'
import { Source } from '../read/source.ts'
import type { SessionBacking } from './backing.ts'

/** A web request that waits longer for its session is lost anyway. */
export const backingDeadline = 3_000
/** Statements at once and those that wait; a pool of `pg` has 10 connections. */
export const backingLimits = { concurrency: 32, queue: 1_000 }
// Seconds. The breaker lets a trial through each second.
const retryAfter = 2

/** A backing behind bulkhead, breaker and deadline. Whatever goes wrong there is a SessionsUnavailableError. */
export class GuardedBacking {
  readonly #backing: SessionBacking
  readonly #source: Source
  readonly #logger: Logger

  constructor(backing: SessionBacking, clock: Clock, logger: Logger) {
    this.#backing = backing
    this.#logger = logger
    this.#source = new Source(backingLimits, clock, (state, previous) => {
      if (state === 'open' && previous === 'closed') logger.warn({ state }, 'sessions: breaker of the backing opened')
      else if (state === 'closed') logger.info({ state }, 'sessions: breaker of the backing closed')
    })
  }

  /** Whether it has failed so often that it is left alone for a moment. */
  get isLeftAlone(): boolean {
    return this.#source.breaker !== 'closed'
  }

  /** @throws InvalidArgumentError where the backing lacks what it may lack, but not for this. */
  mustHave(method: keyof SessionBacking): void {
    if (this.#backing[method] === undefined) {
      throw new InvalidArgumentError('backing', `expected it to have the method ${method}, which is needed for this`)
    }
  }

  /** @throws SessionsUnavailableError */
  async ask<T>(question: (backing: SessionBacking) => Promise<T>): Promise<T> {
    try {
      return await this.#source.run('sessions', backingDeadline, () => question(this.#backing))
    } catch (error) {
      throw this.trouble(error)
    }
  }

  /** Says in the log what kind of trouble it is, by its code and never by its message, which may hold what was stored. */
  trouble(error: unknown): SessionsUnavailableError {
    if (error instanceof SessionsUnavailableError) return error
    const { name, code } = error as { name?: unknown; code?: unknown }
    this.#logger.debug({ name, code }, 'sessions: the backing failed')
    return new SessionsUnavailableError('unreachable', retryAfter)
  }

  close(): void {
    this.#source.close()
  }
}
