import type { RefreshCounts } from './ahead-counts.ts'
import { endedErrand } from './errand.ts'
import { type Leadership, leaderTtl } from './leadership.ts'
import type { ReadParts } from './read-parts.ts'
import { type Prepare, warm } from './warm.ts'

const tryEvery = 1_500

export interface RefreshCall {
  /** Milliseconds. */
  readonly interval: number
  readonly concurrency: number
  readonly batch: number
  keys(): Iterable<string> | AsyncIterable<string>
}

/** Refreshes keys at an interval, in one process of all that ask for it: the one that holds the leader's lease. */
export class RefreshAhead<V> {
  readonly #parts: ReadParts<V>
  readonly #call: RefreshCall
  readonly #prepare: Prepare
  readonly #counts: RefreshCounts
  readonly #leadership: Leadership<V>
  readonly #onStop: (stopped: RefreshAhead<V>) => void
  readonly #stopped = new AbortController()
  #timer: unknown
  #wake = () => {}
  #endRound: (reason: unknown) => void = () => {}
  #doneAt: number

  /** @internal */
  constructor(
    parts: ReadParts<V>,
    call: RefreshCall,
    prepare: Prepare,
    counts: RefreshCounts,
    leadership: Leadership<V>,
    onStop: (stopped: RefreshAhead<V>) => void,
  ) {
    this.#parts = parts
    this.#call = call
    this.#prepare = prepare
    this.#counts = counts
    this.#leadership = leadership
    this.#onStop = onStop
    this.#doneAt = parts.clock.now()
    leadership.join()
    void this.#run()
  }

  /** @internal Milliseconds. */
  get interval(): number {
    return this.#call.interval
  }

  /** @internal When a round of this process last came to all keys, or it was asked to refresh, in milliseconds of the clock. */
  get doneAt(): number {
    return this.#doneAt
  }

  /** Whether this process is the one that refreshes. */
  get leads(): boolean {
    return !this.#stopped.signal.aborted && this.#leadership.held
  }

  /** Another process takes over at its next attempt, where nothing else of the namespace is refreshed by this one. */
  stop(): void {
    if (this.#stopped.signal.aborted) return
    this.#stopped.abort()
    this.#endRound(this.#stopped.signal.reason)
    this.#parts.clock.clearTimeout(this.#timer)
    this.#leadership.leave()
    this.#wake()
    this.#onStop(this)
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts
    const { signal } = this.#stopped
    const { interval } = this.#call
    let next = clock.now()
    while (!signal.aborted) {
      if (!this.leads) {
        await this.#leadership.tryToLead()
        // Entries that a leader before this one has refreshed lately are left alone by the round.
        next = clock.now()
      }
      // A clock that was set back must not hold it for hours.
      if (this.leads && (clock.now() >= next || next - clock.now() > interval)) {
        next = clock.now() + interval
        await this.#round()
      }
      if (!signal.aborted) await this.#pause(this.leads ? Math.min(tryEvery, next - clock.now()) : tryEvery)
    }
  }

  async #round(): Promise<void> {
    const { clock, random, logger, settings } = this.#parts
    const { concurrency, batch, keys } = this.#call
    // One a round: signals that hang on a long-lived one would be kept by it.
    const ending = new AbortController()
    this.#endRound = (reason) => ending.abort(reason)
    const prepare: Prepare = async (some) => {
      if (this.leads) return await this.#prepare(some)
      ending.abort(new DOMException('this process does not lead any more', 'AbortError'))
      return some.map(() => endedErrand('held'))
    }
    try {
      const call = {
        concurrency,
        batch,
        wait: leaderTtl,
        signal: ending.signal,
        onProgress: undefined,
        totals: this.#counts.keys,
      }
      await warm(settings.name, keys(), prepare, call, clock, random)
      this.#doneAt = clock.now()
    } catch (error) {
      this.#counts.endedEarly += 1
      const reason = error instanceof Error ? error.name : 'unknown reason'
      if (!this.#stopped.signal.aborted) {
        logger.warn({ namespace: settings.name, reason }, 'a round of refreshEvery ended early')
      }
    } finally {
      // Not when it begins: a count of those done would fall again where this one ends early.
      this.#counts.rounds += 1
    }
  }

  async #pause(milliseconds: number): Promise<void> {
    const { clock } = this.#parts
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      this.#timer = clock.setTimeout(resolve, Math.max(0, milliseconds))
    })
  }
}
