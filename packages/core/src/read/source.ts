import { Breaker, BreakerOpenError, type BreakerState } from '../breaker/breaker.ts'
import type { Clock } from '../clock.ts'
import { CacheClosedError, LoadTimeoutError, SourceOverloadedError, SourceUnavailableError } from '../errors.ts'
import { Attempt } from './attempt.ts'
import { Bulkhead } from './bulkhead.ts'

/** Thrown by a load whose failure says nothing of the other keys: the breaker does not count it. */
export class KeyFailedError extends Error {}

/** Whether an error says that the source as a whole is in trouble. */
function isTrouble(error: unknown): boolean {
  const turnedAway = error instanceof SourceOverloadedError || error instanceof CacheClosedError
  return !turnedAway && !(error instanceof KeyFailedError)
}

/** The guard round a source of truth: bulkhead, breaker, and a deadline that covers the waiting too. */
export class Source {
  readonly bulkhead: Bulkhead
  readonly #breaker: Breaker
  readonly #clock: Clock
  readonly #loading = new Set<Attempt>()
  /** Timers that take a place back from a load which ignores its signal. */
  readonly #lastCalls = new Set<unknown>()
  #closed = false

  constructor(
    limits: { readonly concurrency: number; readonly queue: number },
    clock: Clock,
    onTransition: (state: BreakerState, previous: BreakerState) => void,
  ) {
    this.bulkhead = new Bulkhead(limits.concurrency, limits.queue)
    this.#clock = clock
    this.#breaker = new Breaker({
      name: 'source',
      // Ten in a row and not three, each of another key or another second: see `run`.
      consecutiveFailures: 10,
      resetAfter: 1_000,
      isTrouble,
      onTransition,
    })
  }

  get breaker(): BreakerState {
    return this.#breaker.state
  }

  /**
   * `failedJustNow`: the last load of this key failed, a moment ago. Such a load is not counted by the breaker and never
   * its trial, for one bad key that is asked for all the time must not take the source from the others.
   *
   * @throws LoadTimeoutError, SourceOverloadedError, SourceUnavailableError, or what `load` throws
   */
  async run<T>(
    namespace: string,
    deadline: number,
    load: (attempt: Attempt) => Promise<T> | T,
    failedJustNow = false,
  ): Promise<T> {
    if (this.#closed) throw new CacheClosedError()
    if (failedJustNow && this.#breaker.state !== 'closed') throw new SourceUnavailableError()
    const attempt = new Attempt()
    this.#loading.add(attempt)
    const timer = this.#clock.setTimeout(() => attempt.giveUp(new LoadTimeoutError(namespace, deadline)), deadline)
    try {
      const enterAndLoad = async () => {
        const leave = await this.bulkhead.enter(attempt)
        return await this.#loadInPlace(load, attempt, deadline, leave)
      }
      return failedJustNow ? await enterAndLoad() : await this.#breaker.run(enterAndLoad)
    } catch (error) {
      throw error instanceof BreakerOpenError ? new SourceUnavailableError() : error
    } finally {
      this.#clock.clearTimeout(timer)
      this.#loading.delete(attempt)
    }
  }

  /** Aborts what is loading. */
  close(): void {
    this.#closed = true
    for (const timer of this.#lastCalls) this.#clock.clearTimeout(timer)
    for (const attempt of this.#loading) attempt.giveUp(new CacheClosedError())
    this.#breaker.close()
  }

  async #loadInPlace<T>(
    load: (attempt: Attempt) => Promise<T> | T,
    attempt: Attempt,
    deadline: number,
    leave: () => void,
  ): Promise<T> {
    // A load that ignores its signal still burdens the source, so it keeps its place until it ends; one that never
    // ends gives it back after twice the deadline, or the bulkhead would shrink for good.
    const loading = startLoad(load, attempt)
    loading.then(leave, leave)
    try {
      return await attempt.outcomeOf(loading)
    } catch (error) {
      if (attempt.isGivenUp) this.#takeBackLater(loading, leave, deadline)
      throw error
    }
  }

  #takeBackLater(loading: Promise<unknown>, leave: () => void, deadline: number): void {
    if (this.#closed) return
    const timer = this.#clock.setTimeout(() => {
      this.#lastCalls.delete(timer)
      leave()
    }, deadline)
    this.#lastCalls.add(timer)
    const ended = () => {
      this.#lastCalls.delete(timer)
      this.#clock.clearTimeout(timer)
    }
    loading.then(ended, ended)
  }
}

async function startLoad<T>(load: (attempt: Attempt) => Promise<T> | T, attempt: Attempt): Promise<T> {
  return await load(attempt)
}
