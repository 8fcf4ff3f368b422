import type { Clock, Random } from '../clock.ts'
import {
  CacheClosedError,
  SourceOverloadedError,
  SourceUnavailableError,
  type WarmProgress,
  WarmStalledError,
} from '../errors.ts'
import { type AheadCounts, countThrough, createAheadCounts } from './ahead-counts.ts'
import type { Errand } from './errand.ts'
import { Pace } from './pace.ts'
import { Upcoming } from './upcoming.ts'

export interface WarmCall {
  /** Batches at once. */
  readonly concurrency: number
  /** Keys of a batch. */
  readonly batch: number
  /** Milliseconds. */
  readonly wait: number
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((progress: WarmProgress) => void) | undefined
  /** Counts on, over all calls. */
  readonly totals: AheadCounts
}

/** Who sees to a batch of keys: one answer a key, in their order. Never rejects. */
export type Prepare = (keys: readonly string[]) => Promise<readonly Errand[]>

// Several processes that warm the same keys would meet at the same ones all the way: each chooses among so many batches
// for each of its workers.
const singlesAhead = 64
const batchesAhead = 8
// Until a key is looked at again that another process loads.
const heldFrom = 50
const heldTo = 150
// Until anything is tried again where Redis or the source is in trouble.
const shortestPause = 100
const longestPause = 1_000

/**
 * Sees to every key, a bounded number at a time. Ends with the reason of `signal` where it aborts, after what has begun.
 *
 * @throws WarmStalledError, or what `keys` or `onProgress` throws
 */
export async function warm(
  namespace: string,
  keys: Iterable<string> | AsyncIterable<string>,
  prepare: Prepare,
  call: WarmCall,
  clock: Clock,
  random: Random,
): Promise<WarmProgress> {
  return await new Warming(namespace, keys, prepare, call, clock, random).run()
}

class Warming {
  readonly #namespace: string
  readonly #prepare: Prepare
  readonly #call: WarmCall
  readonly #clock: Clock
  readonly #random: Random
  readonly #upcoming: Upcoming
  readonly #pace: Pace
  readonly #total: number | undefined
  readonly #counts = createAheadCounts()
  #waitingFor: WarmProgress['waitingFor']
  #pause = shortestPause
  #pausedUntil = 0
  #fruitlessSince: number | undefined
  #failure: { readonly error: unknown } | undefined
  readonly #sleepers = new Set<() => void>()

  constructor(
    namespace: string,
    keys: Iterable<string> | AsyncIterable<string>,
    prepare: Prepare,
    call: WarmCall,
    clock: Clock,
    random: Random,
  ) {
    this.#namespace = namespace
    this.#prepare = prepare
    this.#call = call
    this.#clock = clock
    this.#random = random
    const ahead = call.concurrency * (call.batch === 1 ? singlesAhead : batchesAhead)
    this.#upcoming = new Upcoming(keys, call.batch, ahead, random)
    this.#pace = new Pace(clock.now())
    this.#total = Array.isArray(keys) ? keys.length : keys instanceof Set ? keys.size : undefined
  }

  async run(): Promise<WarmProgress> {
    const { concurrency, signal } = this.#call
    const wakeAll = () => {
      for (const wake of this.#sleepers) wake()
    }
    signal?.addEventListener('abort', wakeAll)
    const worker = async () => {
      try {
        await this.#work()
      } catch (error) {
        this.#failure ??= { error }
        wakeAll()
      }
    }
    try {
      await Promise.all(Array.from({ length: concurrency }, worker))
    } finally {
      signal?.removeEventListener('abort', wakeAll)
      await this.#upcoming.close()
    }
    if (this.#failure !== undefined) throw this.#failure.error
    signal?.throwIfAborted()
    return this.#progress()
  }

  get #stopped(): boolean {
    return this.#failure !== undefined || this.#call.signal?.aborted === true
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      const now = this.#clock.now()
      if (now < this.#pausedUntil) {
        await this.#sleep(this.#pausedUntil - now)
        continue
      }
      const keys = await this.#upcoming.take(now)
      if (keys === undefined) return
      if (typeof keys === 'number') await this.#sleep(keys - now)
      else if (!this.#stopped) this.#note(keys, await this.#prepare(keys))
    }
  }

  #note(keys: readonly string[], errands: readonly Errand[]): void {
    const again: string[] = []
    const before = this.#counts.found + this.#counts.loaded
    let waitingFor: WarmProgress['waitingFor']
    errands.forEach((errand, index) => {
      const cause = this.#count(errand)
      if (cause === undefined) return
      again.push(keys[index] ?? '')
      if (waitingFor === undefined || cause !== 'others') waitingFor = cause
    })
    this.#waitingFor = waitingFor
    const isFruitless = this.#counts.found + this.#counts.loaded === before
    if (waitingFor !== undefined) this.#putOff(again, waitingFor, isFruitless)
    if (!isFruitless) this.#fruitlessSince = undefined
    if (!isFruitless && waitingFor === undefined) this.#pause = shortestPause
    this.#call.onProgress?.(this.#progress())
  }

  /** What the key has to wait for, where it is not through. */
  #count({ outcome, error }: Errand): WarmProgress['waitingFor'] {
    if (outcome === 'held') return 'others'
    if (outcome === 'late' || outcome === 'refused') return 'redis'
    if (outcome === 'failed' && isSourceBusy(error)) return 'source'
    countThrough(this.#counts, outcome)
    countThrough(this.#call.totals, outcome)
    return undefined
  }

  /** Live traffic comes first: it fills the bulkhead, or Redis, and warming waits. */
  #putOff(keys: readonly string[], cause: NonNullable<WarmProgress['waitingFor']>, isFruitless: boolean): void {
    const now = this.#clock.now()
    this.#fruitlessSince ??= now
    if (isFruitless && now - this.#fruitlessSince >= this.#call.wait) {
      throw new WarmStalledError(this.#namespace, cause, this.#progress())
    }
    if (cause === 'others') {
      this.#upcoming.putBack(keys, now + heldFrom + this.#random() * (heldTo - heldFrom))
      return
    }
    this.#upcoming.putBack(keys, now)
    if (now < this.#pausedUntil) return
    this.#pausedUntil = now + this.#pause
    this.#pause = Math.min(longestPause, this.#pause * 2)
  }

  #progress(): WarmProgress {
    const { found, loaded, unstored, failed } = this.#counts
    const done = found + loaded + failed
    const perSecond = this.#pace.perSecond(this.#clock.now(), done)
    const total = this.#total
    const left = total === undefined || perSecond === 0 ? undefined : (total - done) / perSecond
    return { done, total, found, loaded, unstored, failed, perSecond, secondsLeft: left, waitingFor: this.#waitingFor }
  }

  async #sleep(milliseconds: number): Promise<void> {
    let timer: unknown
    await new Promise<void>((resolve) => {
      this.#sleepers.add(resolve)
      timer = this.#clock.setTimeout(() => {
        this.#sleepers.delete(resolve)
        resolve()
      }, milliseconds)
      if (this.#stopped) resolve()
    })
    this.#clock.clearTimeout(timer)
  }
}

/** No word of the key itself: it is to be tried again. */
function isSourceBusy(error: unknown): boolean {
  return (
    error instanceof SourceOverloadedError ||
    error instanceof SourceUnavailableError ||
    error instanceof CacheClosedError
  )
}
