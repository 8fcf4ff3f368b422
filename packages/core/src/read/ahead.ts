import { assertKey } from '../entry/key.ts'
import { CacheClosedError, InvalidOptionsError, type WarmProgress } from '../errors.ts'
import type { CallSettings } from '../options/namespace-options.ts'
import { createAheadCounts, createRefreshCounts, mostOverdue } from './ahead-counts.ts'
import type { CacheAside } from './cache-aside.ts'
import { fetchTogether, type Loads } from './fetch.ts'
import { Leadership } from './leadership.ts'
import { preparing } from './preparing.ts'
import type { Fetch, ReadParts } from './read-parts.ts'
import { RefreshAhead, type RefreshCall } from './refresh-ahead.ts'
import { type Prepare, type WarmCall, warm } from './warm.ts'

/** What is loaded before anybody asks for it: once by `warm`, again and again by `refreshEvery`. */
export class Ahead<V> {
  readonly #parts: ReadParts<V>
  readonly #reading: CacheAside<V>
  readonly #loading: Loads<V>
  readonly #fetch: Fetch<V> | undefined
  readonly #call: CallSettings<V>
  readonly #warming = createAheadCounts()
  readonly #refreshing = createRefreshCounts()
  readonly #refreshes = new Set<RefreshAhead<V>>()
  #leadership: Leadership<V> | undefined
  readonly #closing = new AbortController()

  constructor(
    parts: ReadParts<V>,
    reading: CacheAside<V>,
    loading: Loads<V>,
    fetch: Fetch<V> | undefined,
    call: CallSettings<V>,
  ) {
    this.#parts = parts
    this.#reading = reading
    this.#loading = loading
    this.#fetch = fetch
    this.#call = call
  }

  /** @throws InvalidOptionsError where there is nothing to load by, and what `warm` throws */
  async warm(keys: Iterable<string> | AsyncIterable<string>, call: Omit<WarmCall, 'totals'>): Promise<WarmProgress> {
    const { settings, clock, random } = this.#parts
    const prepare = this.#preparing('warm', this.#call)
    const signal = AbortSignal.any([this.#closing.signal, ...(call.signal ? [call.signal] : [])])
    const own = { ...call, batch: this.#batchOf(call), signal, totals: this.#warming }
    return await warm(settings.name, keys, prepare, own, clock, random)
  }

  /** @throws InvalidOptionsError where there is nothing to load by */
  refreshEvery(call: RefreshCall): RefreshAhead<V> {
    const prepare = this.#preparing('refreshEvery', { ...this.#call, refreshFrom: call.interval / 2 })
    const own = { ...call, batch: this.#batchOf(call) }
    const onStop = (stopped: RefreshAhead<V>) => void this.#refreshes.delete(stopped)
    this.#leadership ??= new Leadership(this.#parts)
    const refreshing = new RefreshAhead(this.#parts, own, prepare, this.#refreshing, this.#leadership, onStop)
    this.#refreshes.add(refreshing)
    return refreshing
  }

  get statistics() {
    return {
      warming: { ...this.#warming },
      refreshing: {
        ...this.#refreshing,
        keys: { ...this.#refreshing.keys },
        leads: this.#leads,
        latest: mostOverdue(this.#refreshes, this.#parts.clock.now()),
      },
    }
  }

  close(): void {
    this.#closing.abort(new CacheClosedError())
    for (const refreshing of this.#refreshes) refreshing.stop()
  }

  get #leads(): boolean | undefined {
    if (this.#leadership === undefined) return undefined
    return [...this.#refreshes].some(({ leads }) => leads)
  }

  /** How batches of keys are seen to: all of one in a call of `loadMany`, or each by itself. */
  #preparing(method: string, call: CallSettings<V>): Prepare {
    const { source } = this.#parts
    const fetch = this.#fetch
    if (fetch === undefined) {
      const expected = `${method}() needs load or loadMany: expected a function`
      throw new InvalidOptionsError('namespace', [{ path: 'load', expected }])
    }
    return preparing(
      (keys) => fetchTogether(this.#loading, source, fetch, keys),
      (key) => this.#assertUsable(key),
      (key, batch) => this.#reading.prepare(key, call, batch, () => !this.#closing.signal.aborted),
    )
  }

  #batchOf({ batch }: { readonly batch: number }): number {
    return this.#loading.loadMany === undefined ? 1 : batch
  }

  #assertUsable(key: string): void {
    if (this.#closing.signal.aborted) throw new CacheClosedError()
    assertKey(key)
  }
}
