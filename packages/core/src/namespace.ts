import type { Clock } from './clock.ts'
import { absentSlot, slotOf } from './coherence/generation-table.ts'
import type { GenerationsMessage } from './coherence/messages.ts'
import { assertTag } from './coherence/tags.ts'
import { assertKey } from './entry/key.ts'
import {
  CacheClosedError,
  InvalidArgumentError,
  InvalidOptionsError,
  LoadTimeoutError,
  type WarmProgress,
} from './errors.ts'
import type { NamespaceHealth } from './health.ts'
import type { HotKeys } from './local/hot-keys.ts'
import type { LocalNamespace } from './local/local-tier.ts'
import { assembleNamespace, type KeptElsewhere, type NamespaceParts } from './namespace-assembly.ts'
import {
  parseRefreshOptions,
  parseUpdateOptions,
  parseWarmOptions,
  type RefreshOptions,
  type UpdateOptions,
  type WarmOptions,
} from './options/call-options.ts'
import type { Duration } from './options/duration.ts'
import {
  type CallSettings,
  type GetOptions,
  type NamespaceSettings,
  parseGetOptions,
} from './options/namespace-options.ts'
import type { Account } from './pressure/account.ts'
import type { Ahead } from './read/ahead.ts'
import type { CacheAside } from './read/cache-aside.ts'
import type { Counters, Observations } from './read/counters.ts'
import type { Exclusive } from './read/exclusive.ts'
import { fetchOne, fetchTogether, type Loads } from './read/fetch.ts'
import { Context } from './read/load-context.ts'
import type { Fetch, ReadParts } from './read/read-parts.ts'
import type { RefreshAhead } from './read/refresh-ahead.ts'
import type { Source } from './read/source.ts'
import type { Budget } from './redis/budget.ts'
import type { LinkedNamespace, RedisLink } from './redis-link.ts'
import type { NamespaceStatistics } from './statistics.ts'
import { countUpdate, createUpdateCounts, type DropCounts } from './write/change-counts.ts'
import { assertEntries, assertIterable, assertKeys, deleteMany, setMany } from './write/many.ts'
import { update } from './write/update.ts'
import type { WriteThrough } from './write/write-through.ts'
import type { ListParkedOptions, Parked, ParkedOperation, ParkedPage } from './write-behind/parked.ts'
import type { WriteBehind } from './write-behind/write-behind.ts'

export interface SetOptions {
  /** Handed to `save`. */
  signal?: AbortSignal
  /** With write-behind: names this operation, so that it counts once however often it is tried. Made here by default. */
  id?: string
}

export type IncrementOptions = Pick<SetOptions, 'id'>

// Of the keys that a process is asked for most: those that `refreshEvery` loads anew where it is given none.
const mostRefreshed = 100

/** A kind of value: how it is loaded, saved, kept and for how long. Made by `cache.namespace`. */
export class Namespace<V> implements LinkedNamespace {
  readonly name: string
  /** @internal What it holds in Redis; undefined without one. */
  readonly account: Account | undefined
  /** @internal The Redis that it is on. */
  readonly link: RedisLink | undefined
  /** @internal What it is asked for most. */
  readonly hotKeys: HotKeys
  readonly #parts: ReadParts<V>
  readonly #local: LocalNamespace<V> | undefined
  readonly #reading: CacheAside<V>
  readonly #ahead: Ahead<V>
  readonly #exclusive: Exclusive<V>
  readonly #writing: WriteThrough<V>
  readonly #behind: WriteBehind<V> | undefined
  /** As given, with loads that know of what waits to be saved. */
  readonly #loading: Loads<V>
  readonly #fetch: Fetch<V> | undefined
  readonly #call: CallSettings<V>
  readonly #keptElsewhere: KeptElsewhere | undefined
  readonly #updates = createUpdateCounts()
  readonly #drops: DropCounts = { tags: 0, clears: 0 }
  #closed = false

  /** @internal */
  constructor(settings: NamespaceSettings<V>, lent: NamespaceParts) {
    const made = assembleNamespace(settings, lent)
    this.name = settings.name
    this.account = made.account
    this.link = lent.link
    this.hotKeys = made.hotKeys
    this.#parts = made.parts
    this.#local = made.parts.local
    this.#reading = made.reading
    this.#ahead = made.ahead
    this.#exclusive = made.exclusive
    this.#writing = made.writing
    this.#behind = made.behind
    this.#loading = made.loading
    this.#fetch = made.fetch
    this.#call = made.call
    this.#keptElsewhere = lent.keptElsewhere
    lent.link?.add(made.parts.id, this)
  }

  /**
   * The value of a key: from this process, from Redis, or from the source. `undefined` means that the source has none.
   * Values are deeply frozen, because the next caller gets the same one (`local.clone` hands out copies instead).
   *
   * @throws what `load` throws, where no stale value is allowed; LoadTimeoutError, SourceOverloadedError,
   * SourceUnavailableError, InvalidArgumentError, CacheClosedError
   */
  get(key: string, options?: GetOptions<V>): Promise<V | undefined> {
    const hit = this.#local?.hit(key)
    if (hit === undefined) return this.#read(key, options)
    options?.onDropOut?.()
    return hit
  }

  /**
   * Many values at once: the local tier, one MGET, one `loadMany` for what is missing. Keys that the source has not are
   * not in the map.
   */
  async getMany(keys: readonly string[]): Promise<Map<string, V>> {
    if (!Array.isArray(keys)) throw new InvalidArgumentError('keys', 'expected an array of strings')
    const unique = new Set(keys)
    for (const key of unique) assertKey(key)
    const fetch = this.#fetch && fetchTogether(this.#loading, this.#parts.source, this.#fetch, unique)
    const reads: Promise<V | undefined>[] = []
    for (const key of unique) {
      const hit = this.#local?.hit(key)
      if (hit === undefined) reads.push(this.#start(key, this.#call, fetch))
      else {
        fetch?.dropOut(key)
        reads.push(hit)
      }
    }
    const values = await Promise.all(reads)
    const found = new Map<string, V>()
    let index = 0
    for (const key of unique) {
      const value = values[index++]
      if (value !== undefined) found.set(key, value)
    }
    return found
  }

  /**
   * Write-through: `save` first, then Redis, then the other processes. Where Redis does not take the value, every
   * process is made to forget the older one instead; once this resolves, this process never returns it.
   *
   * With `write: 'behind'`: Redis has it, in a stream and as the cached value; `saveMany` follows.
   *
   * @throws what `save` throws; InvalidArgumentError before anything is changed; WriteBehindRefusedError,
   * EvictionPolicyError
   */
  async set(key: string, value: V, options: SetOptions = {}): Promise<void> {
    this.#assertUsable(key)
    if (this.#behind === undefined) await this.#writing.set(key, value, { signal: options.signal })
    else await this.#behind.set(key, value, options.id)
  }

  /**
   * Adds a whole number to a counter (`write: 'behind'`, `behind: { counters: true }`). Resolves once Redis has it, or, where Redis does not take it, the
   * source. Answers the number after it, where it was cached.
   *
   * @throws WriteBehindRefusedError where neither took it, EvictionPolicyError, InvalidArgumentError
   * @example await views.increment('page-7')
   */
  async increment(key: string, by = 1, options: IncrementOptions = {}): Promise<number | undefined> {
    this.#assertUsable(key)
    if (this.#behind === undefined) throw new InvalidArgumentError('increment', 'expected write: "behind"')
    return await this.#behind.increment(key, by, options.id)
  }

  /**
   * With `write: 'behind'`: saves what waits, of all processes, as far as this one may. False where some of it still waits after `milliseconds`.
   */
  async drain(milliseconds = 5_000): Promise<boolean> {
    this.#assertOpen()
    return (await this.#behind?.drain(milliseconds)) ?? true
  }

  /**
   * With `write: 'behind'`: operations that could not be saved and were put aside, a page at a time. Keys, values and reasons are shown as they are: they
   * are for whoever owns the data, not for logs.
   *
   * @throws InvalidArgumentError, ParkedUnavailableError where Redis does not answer
   */
  async listParked(options: ListParkedOptions = {}): Promise<ParkedPage<V>> {
    return await this.#parked('listParked').list(options)
  }

  /**
   * Has parked operations saved once more, with the ids that they have always had. A `set` keeps its sequence too: where the source has a newer one by now, that one stays.
   * `'all'`: as many as there are now. Answers how many wait again; places where nothing is any more are left out.
   *
   * @example await views.retryParked('all')
   * @throws InvalidArgumentError, ParkedUnavailableError where Redis does not take them, or not all
   */
  async retryParked(places: readonly string[] | 'all'): Promise<number> {
    return await this.#parked('retryParked').retry(places)
  }

  /**
   * Throws parked operations away, for good: those at these places only. Answers what they were, so that the service can keep account of it.
   *
   * @throws InvalidArgumentError, ParkedUnavailableError where Redis did not confirm it for all of them
   */
  async discardParked(places: readonly string[]): Promise<ParkedOperation<V>[]> {
    return await this.#parked('discardParked').discard(places)
  }

  /** Drops the cached value everywhere. The source is not touched: delete there first. */
  async delete(key: string): Promise<void> {
    this.#assertUsable(key)
    await this.#writing.delete(key)
  }

  /**
   * `set` for many, 16 at once; the others hear of up to a hundred keys in one message, within 50 ms of each write.
   *
   * @throws PartialWriteError once all others are written; InvalidArgumentError before anything is changed
   */
  async setMany(
    entries: Iterable<readonly [key: string, value: V]>,
    options: Pick<SetOptions, 'signal'> = {},
  ): Promise<void> {
    this.#assertOpen()
    const all = [...new Map(assertEntries(entries))]
    const behind = this.#behind
    const set: WriteThrough<V>['set'] = async (key, value, call) => {
      // What has not begun when the cache is closed is not written: nobody would hear of it.
      this.#assertOpen()
      await (behind === undefined ? this.#writing.set(key, value, call) : behind.set(key, value, undefined))
    }
    await setMany({ set, tell: (keys) => this.#writing.tell(keys) }, all, options.signal, this.#parts.clock)
  }

  /**
   * `delete` for many, a hundred keys at a time.
   *
   * @throws InvalidArgumentError before anything is dropped; CacheClosedError, with what is left not dropped
   */
  async deleteMany(keys: Iterable<string> & object): Promise<void> {
    this.#assertOpen()
    const drop = async (some: readonly string[]) => {
      this.#assertOpen()
      await this.#writing.deleteMany(some)
    }
    await deleteMany({ deleteMany: drop }, [...new Set(assertKeys(keys))])
  }

  /**
   * Reads the key from the source, lets `change` make the new value of it, and writes that through, while no other
   * `update` of the key runs in any process. `change` may be called again where the source has changed meanwhile; what
   * it returns as `undefined` is left as it is. Answers the value that is there now.
   *
   * @example await carts.update('user-7', (cart) => ({ ...cart, items: [...cart.items, item] }))
   * @throws what `load`, `change` and `save` throw; UpdateTimeoutError, LeaseUnavailableError, SourceOverloadedError
   */
  async update(
    key: string,
    change: (value: V | undefined) => Promise<V | undefined> | V | undefined,
    options: UpdateOptions = {},
  ): Promise<V | undefined> {
    this.#assertUsable(key)
    const fetch = this.#fetch
    if (fetch === undefined || this.#parts.settings.save === undefined) {
      throw wrongOption('save', 'update() needs load and save: expected both')
    }
    const { loadTimeout } = this.#parts.settings.policy
    const updating = update(
      {
        name: this.name,
        clock: this.#parts.clock,
        random: this.#parts.random,
        enter: (...turn) => this.#exclusive.enter(...turn),
        read: (key) => fetch.load(key, new Context<V>(undefined), loadTimeout),
        write: async (...write) => {
          // While `change` ran the cache may have been closed: nothing would hear of the write.
          this.#assertOpen()
          await this.#writing.set(...write)
        },
      },
      key,
      change,
      parseUpdateOptions(options),
    )
    return await countUpdate(this.#updates, updating)
  }

  /**
   * Drops every value that `tags` gave this tag, in all processes, and all that is known to be absent. The source is not touched: change it first. What
   * Redis held stays there until its time is over, and is not believed any more.
   *
   * @throws InvalidOptionsError where the namespace has no `tags`
   */
  async invalidateTag(tag: string): Promise<void> {
    this.#assertOpen()
    assertTag(tag)
    if (this.#parts.settings.tags === undefined)
      throw wrongOption('tags', 'invalidateTag() needs tags: expected a function')
    this.#drops.tags += 1
    await this.#parts.generations?.invalidate([slotOf(tag), absentSlot])
  }

  /**
   * Drops every value of the namespace, in all processes and at once, however many there are.
   *
   * @throws InvalidOptionsError where the namespace is not `clearable`
   */
  async clear(): Promise<void> {
    this.#assertOpen()
    if (this.#parts.generations === undefined) throw wrongOption('clearable', 'clear() needs it: expected true')
    this.#drops.clears += 1
    await this.#parts.generations.clear()
  }

  /**
   * Loads many keys before anybody asks for them, by `loadMany` where there is one. Processes that warm the same keys share the work: each key is loaded
   * by one of them. It is in no hurry: where Redis gives no lease, or the source is overloaded, it waits. Failed loads are counted, not thrown.
   *
   * @throws WarmStalledError where it comes no further; the reason of `signal` where it aborts; InvalidArgumentError, InvalidOptionsError
   */
  async warm(
    keys: (Iterable<string> & object) | AsyncIterable<string>,
    options: WarmOptions = {},
  ): Promise<WarmProgress> {
    this.#assertOpen()
    assertIterable(keys)
    return await this.#ahead.warm(keys, parseWarmOptions(options))
  }

  /**
   * Loads the keys anew at each interval, in one process of all that ask for it; when that one ends, another takes over
   * within 7 seconds. Ends with `stop()` or when the cache is closed. Without `keys` they are, at each round, the hundred
   * that this process is asked for most.
   *
   * @example products.refreshEvery('1m', { keys: ['home', 'sale'] })
   */
  refreshEvery(interval: Duration, options: RefreshOptions = {}): RefreshAhead<V> {
    this.#assertOpen()
    const hottest = () => this.hotKeys.top(mostRefreshed).map(({ key }) => key)
    return this.#ahead.refreshEvery(parseRefreshOptions(interval, { keys: hottest, ...options }))
  }

  /** @internal As `set`, within what the caller may still wait for Redis. */
  async setWithin(budget: Budget, key: string, value: V): Promise<void> {
    this.#assertUsable(key)
    await this.#writing.set(key, value, { signal: undefined, within: budget })
  }

  /** @internal As `delete`, within what the caller may still wait for Redis. */
  async deleteWithin(budget: Budget, key: string): Promise<void> {
    this.#assertUsable(key)
    await this.#writing.delete(key, budget)
  }

  /** @internal As `get`, but joins no read that began before: what that finds may have been written over since. */
  getAnew(key: string): Promise<V | undefined> {
    this.#parts.fences.setReadAside(key)
    return this.get(key)
  }

  /** @internal */
  get counters(): Counters {
    const own = { ...this.#parts.counters, localHits: this.#parts.counters.localHits + (this.#local?.hits ?? 0) }
    return this.#keptElsewhere === undefined ? own : { ...own, ...this.#keptElsewhere.counters() }
  }

  /** @internal */
  get observations(): Observations {
    return this.#parts.observations
  }

  /** @internal */
  get statistics(): NamespaceStatistics {
    const { getSeconds, loadSeconds, payloadBytes } = this.#parts.observations
    return {
      target: this.link?.target,
      counters: this.counters,
      getSeconds: getSeconds.snapshot(),
      loadSeconds: loadSeconds.snapshot(),
      payloadBytes: payloadBytes.snapshot(),
      local: this.#local?.statistics,
      earlyExpirations: this.account && { ...this.account.earlyEnds },
      behind: this.#behind?.statistics,
      ...this.#ahead.statistics,
      updates: { ...this.#updates },
      drops: { ...this.#drops },
    }
  }

  /** @internal */
  get clock(): Clock {
    return this.#parts.clock
  }

  /** @internal */
  get behind(): WriteBehind<V> | undefined {
    return this.#behind
  }

  /** @internal */
  get settings(): NamespaceSettings<V> {
    return this.#parts.settings
  }

  /** @internal Whether reads of a hot key are spread over nodes. */
  get hasCopies(): boolean {
    return this.#parts.remote?.copies !== undefined
  }

  /** @internal */
  get inProgress(): NamespaceHealth['inProgress'] {
    const { reads, writes } = this.#parts.fences
    return { reads, writes, updates: this.#exclusive.size }
  }

  /** @internal The guard round a source of its own. */
  get ownSource(): Source | undefined {
    return this.settings.source && this.#parts.source
  }

  /** @internal */
  get busy(): boolean {
    return this.#parts.fences.reads + this.#parts.fences.writes > 0
  }

  /** @internal */
  get writing(): boolean {
    return this.#parts.fences.writes > 0
  }

  /** @internal */
  onInvalidation(key: string): void {
    this.link?.commands.noteWrite(this.#parts.keys.value(key))
    this.account?.gone(key)
    this.#parts.fences.voidKey(key)
    this.#local?.invalidate(key)
  }

  /** @internal */
  onTouched(key: string): void {
    this.link?.commands.noteWrite(this.#parts.keys.value(key))
    this.#parts.fences.touch(key)
    this.#local?.mark(key)
  }

  /** @internal */
  onAllTouched(): void {
    this.#parts.fences.touchAll()
    this.#local?.markAll()
  }

  /** @internal */
  onWake(key: string): void {
    this.#parts.wakeups.wake(key)
  }

  /** @internal */
  onGenerations(message: GenerationsMessage): void {
    this.#parts.generations?.onMessage(message)
  }

  /** @internal */
  onDoubt(): void {
    this.#parts.generations?.onDoubt()
    this.#parts.fences.voidAll()
    this.#local?.distrust()
  }

  /** @internal */
  replay(key: string): Promise<void> {
    return this.#writing.replay(key)
  }

  /** @internal */
  close(): void {
    this.#closed = true
    this.#ahead.close()
    // From now on a hit would be an answer of a closed cache.
    this.#local?.close()
    this.#parts.wakeups.end()
  }

  #read(key: string, options: GetOptions<V> | undefined): Promise<V | undefined> {
    try {
      this.#assertUsable(key)
      if (options === undefined) return this.#start(key, this.#call, this.#fetch)
      const call = parseGetOptions(options, this.#parts.settings)
      const { load, onDropOut } = options
      const fetch =
        load === undefined && onDropOut === undefined
          ? this.#fetch
          : fetchOne(this.#loading, this.#parts.source, load && (this.#behind?.loads.wrapLoad(load) ?? load), onDropOut)
      return this.#within(call.timeout, this.#start(key, call, fetch))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #start(key: string, call: CallSettings<V>, fetch: Fetch<V> | undefined): Promise<V | undefined> {
    if (this.#closed) return Promise.reject(new CacheClosedError())
    this.hotKeys.noteRead(key)
    return this.#reading.get(key, call, fetch)
  }

  /** The deadline of one caller, who may share the flight with others of more patience. */
  async #within(timeout: number | undefined, value: Promise<V | undefined>): Promise<V | undefined> {
    if (timeout === undefined) return await value
    let timer: unknown
    const late = new Promise<never>((_, reject) => {
      timer = this.#parts.clock.setTimeout(() => reject(new LoadTimeoutError(this.name, timeout)), timeout)
    })
    try {
      return await Promise.race([value, late])
    } finally {
      this.#parts.clock.clearTimeout(timer)
    }
  }

  #parked(method: string): Parked<V> {
    this.#assertOpen()
    if (this.#behind === undefined) throw new InvalidArgumentError(method, 'expected write: "behind"')
    return this.#behind.parked
  }

  #assertUsable(key: unknown): void {
    this.#assertOpen()
    assertKey(key)
  }

  #assertOpen(): void {
    if (this.#closed) throw new CacheClosedError()
  }
}

function wrongOption(path: string, expected: string): InvalidOptionsError {
  return new InvalidOptionsError('namespace', [{ path, expected }])
}
