import type { Clock, Random } from './clock.ts'
import { Fences } from './coherence/fences.ts'
import { absentSlot, slotOf } from './coherence/generation-table.ts'
import { Generations } from './coherence/generations.ts'
import type { GenerationsMessage } from './coherence/messages.ts'
import { assertTag } from './coherence/tags.ts'
import { createCodec } from './entry/codec.ts'
import { assertKey, createGroupedKeySpace, createKeySpace } from './entry/key.ts'
import { CacheClosedError, InvalidArgumentError, InvalidOptionsError, LoadTimeoutError } from './errors.ts'
import { HotKeys } from './local/hot-keys.ts'
import { LocalKeeper } from './local/local-keeper.ts'
import type { LocalNamespace, LocalTier } from './local/local-tier.ts'
import {
  parseRefreshOptions,
  parseUpdateOptions,
  parseWarmOptions,
  type RefreshOptions,
  type UpdateOptions,
  type WarmOptions,
  type WarmProgress,
} from './options/call-options.ts'
import type { Duration } from './options/duration.ts'
import type { Logger } from './options/logger.ts'
import {
  type CallSettings,
  type GetOptions,
  type NamespaceSettings,
  parseGetOptions,
} from './options/namespace-options.ts'
import type { Account } from './pressure/account.ts'
import { CacheAside } from './read/cache-aside.ts'
import { type Counters, createCounters, createObservations, type Observations } from './read/counters.ts'
import { Exclusive } from './read/exclusive.ts'
import { BatchFetch, fetchOne } from './read/fetch.ts'
import type { Flight } from './read/flight.ts'
import type { LeaseContext } from './read/lease.ts'
import { Context } from './read/load-context.ts'
import type { Fetch, ReadParts } from './read/read-parts.ts'
import { RefreshAhead } from './read/refresh-ahead.ts'
import type { Source } from './read/source.ts'
import { Wakeups } from './read/wakeups.ts'
import { warm } from './read/warm.ts'
import type { Budget } from './redis/budget.ts'
import type { LinkedNamespace, RedisLink } from './redis-link.ts'
import type { NamespaceStatistics } from './statistics.ts'
import { deleteMany, setMany } from './write/many.ts'
import { update } from './write/update.ts'
import { WriteThrough } from './write/write-through.ts'
import { WriteBehind } from './write-behind/write-behind.ts'

export interface NamespaceParts {
  readonly cacheName: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly development: boolean
  readonly tier: LocalTier | undefined
  readonly link: RedisLink | undefined
  readonly source: Source
  /** For values that somebody else keeps in Redis, and that are only accounted here. */
  readonly keptElsewhere?: KeptElsewhere | undefined
}

/** What somebody who keeps values under other keys tells of them. */
export interface KeptElsewhere {
  redisKey(key: string): string
  counters(): Partial<Counters>
}

export interface SetOptions {
  /** Handed to `save`. */
  signal?: AbortSignal
  /** With write-behind: names this operation, so that it counts once however often it is tried. Made here by default. */
  id?: string
}

export type IncrementOptions = Pick<SetOptions, 'id'>

// Slot groups of a write-behind namespace on a cluster: its streams are spread over the primaries. Part of the keys.
const groupsOnCluster = 16

/** A kind of value: how it is loaded, saved, kept and for how long. Made by `cache.namespace`. */
export class Namespace<V> implements LinkedNamespace {
  readonly name: string
  /** @internal What it holds in Redis; undefined without one. */
  readonly account: Account | undefined
  /** @internal The Redis that it is on. */
  readonly link: RedisLink | undefined
  /** @internal What it is asked for most. */
  readonly hotKeys: HotKeys
  readonly #local: LocalNamespace<V> | undefined
  readonly #settings: NamespaceSettings<V>
  readonly #source: Source
  readonly #clock: Clock
  readonly #generations: Generations | undefined
  readonly #readParts: ReadParts<V>
  readonly #exclusive: Exclusive<V>
  readonly #refreshes = new Set<RefreshAhead<V>>()
  readonly #fences = new Fences<Flight<V>>()
  readonly #wakeups = new Wakeups()
  readonly #counters = createCounters()
  readonly #observations = createObservations()
  readonly #reading: CacheAside<V>
  readonly #writing: WriteThrough<V>
  readonly #behind: WriteBehind<V> | undefined
  /** As given, with loads that know of what waits to be saved. */
  readonly #loading: Pick<NamespaceSettings<V>, 'name' | 'load' | 'loadMany'>
  readonly #fetch: Fetch<V> | undefined
  readonly #call: CallSettings<V>
  readonly #noteWrite: (key: string) => void
  readonly #keptElsewhere: KeptElsewhere | undefined
  #closed = false

  /** @internal */
  constructor(settings: NamespaceSettings<V>, parts: NamespaceParts) {
    const { cacheName, clock, random, logger, development, tier, link, source } = parts
    const { name, schemaVersion, local, policy } = settings
    const id = schemaVersion === 0 ? name : `${name}@${schemaVersion}`
    this.name = name
    this.#settings = settings
    this.#source = source
    this.#clock = clock
    this.hotKeys = new HotKeys(clock)
    this.#local =
      local === false
        ? undefined
        : tier?.namespace<V>(clock, local.clone, this.hotKeys, (standing) => {
            return standing === undefined || this.#generations === undefined || this.#generations.stands(standing)
          })
    const codec = createCodec(policy, settings.schema, warnOfSize(name, logger), settings.clearable)
    const groupsOf = (topology?: string) => (topology === 'cluster' ? groupsOnCluster : 1)
    const grouped =
      settings.behind && createGroupedKeySpace(cacheName, name, schemaVersion, groupsOf(link?.commands.topology.kind))
    const keys = grouped ?? createKeySpace(cacheName, name, schemaVersion)
    this.#generations = settings.clearable
      ? new Generations(
          id,
          keys.generations,
          link,
          {
            longestLife: policy.ttl + Math.max(policy.staleIfError, policy.staleWhileRevalidate),
            checkEvery: local === false ? 1_000 : local.ttl,
          },
          (isAll) => this.#onDropped(isAll),
        )
      : undefined
    const keeper = new LocalKeeper(
      this.#local,
      local === false ? 0 : local.ttl,
      clock,
      () => link?.hearsOthers() ?? true,
    )
    const shared = {
      ...{ settings, clock, random, development, keys, codec, keeper, logger, source },
      local: this.#local,
      counters: this.#counters,
      observations: this.#observations,
      fences: this.#fences,
      wakeups: this.#wakeups,
      generations: this.#generations,
      id,
    }
    const { keptElsewhere } = parts
    const redisKey = keptElsewhere?.redisKey ?? keys.value
    const account = link?.openAccount(id, policy.priority, settings.maxRedisBytes, redisKey)
    this.#keptElsewhere = keptElsewhere
    this.account = account
    this.link = link
    const remote = link &&
      account && {
        commands: link.commands,
        gate: link.gate,
        account,
        pending: link.pending,
        clock,
        channel: link.channelName,
        sender: link.sender,
        trusts: (key: string) => link.pending.trusts(id, key),
      }
    const observedLoadTime = () => this.#reading.loading.observedTime
    const { behind } = settings
    this.#behind =
      behind && grouped && remote
        ? new WriteBehind({ ...shared, behind, keys: grouped, remote, observedLoadTime })
        : undefined
    const { loads } = this.#behind ?? {}
    const storing: Pick<LeaseContext, 'storeUnderLease'> =
      loads && behind?.counters ? { storeUnderLease: (...store) => loads.store(...store) } : {}
    this.#readParts = { ...shared, remote: remote && { ...remote, ...storing } }
    this.#reading = new CacheAside(this.#readParts)
    this.#exclusive = new Exclusive(this.#readParts)
    this.#writing = new WriteThrough({ ...shared, remote, observedLoadTime })
    this.#loading = loads?.around(settings) ?? settings
    this.#fetch = fetchOne({ ...settings, ...this.#loading }, source)
    this.#call = { policy, load: settings.load, timeout: undefined }
    this.#noteWrite = (key) => link?.commands.noteWrite(keys.value(key))
    link?.add(id, this)
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
    const { loadMany, name } = this.#loading
    const fetch =
      loadMany === undefined || this.#fetch === undefined
        ? this.#fetch
        : new BatchFetch(name, loadMany, this.#source, this.#fetch, unique)
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

  /** Drops the cached value everywhere. The source is not touched: delete there first. */
  async delete(key: string): Promise<void> {
    this.#assertUsable(key)
    await this.#writing.delete(key)
  }

  /**
   * `set` for many, 16 saves at once; the others hear of a hundred keys in one message.
   *
   * @throws PartialWriteError once all others are written; InvalidArgumentError before anything is changed
   */
  async setMany(entries: Iterable<readonly [key: string, value: V]>, options: SetOptions = {}): Promise<void> {
    const all = [...new Map(entries)]
    for (const [key] of all) this.#assertUsable(key)
    await setMany(this.#writing, all, options.signal)
  }

  /** `delete` for many, a hundred keys at a time. */
  async deleteMany(keys: Iterable<string>): Promise<void> {
    const all = [...new Set(keys)]
    for (const key of all) this.#assertUsable(key)
    await deleteMany(this.#writing, all)
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
    if (fetch === undefined || this.#settings.save === undefined) {
      throw wrongOption('save', 'update() needs load and save: expected both')
    }
    const { loadTimeout } = this.#settings.policy
    return await update(
      {
        name: this.name,
        now: () => this.#clock.now(),
        enter: (...turn) => this.#exclusive.enter(...turn),
        read: (key) => fetch.load(key, new Context<V>(undefined, new AbortController().signal), loadTimeout),
        write: (...write) => this.#writing.set(...write),
      },
      key,
      change,
      parseUpdateOptions(options),
    )
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
    if (this.#settings.tags === undefined) throw wrongOption('tags', 'invalidateTag() needs tags: expected a function')
    await this.#generations?.invalidate([slotOf(tag), absentSlot])
  }

  /**
   * Drops every value of the namespace, in all processes and at once, however many there are.
   *
   * @throws InvalidOptionsError where the namespace is not `clearable`
   */
  async clear(): Promise<void> {
    this.#assertOpen()
    if (this.#generations === undefined) throw wrongOption('clearable', 'clear() needs it: expected true')
    await this.#generations.clear()
  }

  /**
   * Gets many keys before anybody asks for them. Processes that warm the same keys share the work: each key is loaded
   * once. Failed loads are counted, not thrown.
   *
   * @throws the reason of `signal` where it aborts
   */
  async warm(keys: Iterable<string> | AsyncIterable<string>, options: WarmOptions = {}): Promise<WarmProgress> {
    this.#assertOpen()
    const get = (key: string) => this.#read(key, undefined)
    return await warm(keys, get, parseWarmOptions(options), this.#clock, this.#readParts.random)
  }

  /**
   * Loads the keys anew at each interval, in one process of all that ask for it; when that one ends, another takes over
   * within 7 seconds. Ends with `stop()` or when the cache is closed.
   *
   * @example products.refreshEvery('1m', { keys: ['home', 'sale'] })
   */
  refreshEvery(interval: Duration, options: RefreshOptions): RefreshAhead<V> {
    this.#assertOpen()
    const call = parseRefreshOptions(interval, options)
    const fetch = this.#fetch
    if (fetch === undefined) throw wrongOption('load', 'refreshEvery() needs it: expected a function')
    const settings = { ...this.#call, refreshFrom: call.interval / 2 }
    const refreshing = new RefreshAhead(this.#readParts, call, (keys, signal) => {
      const refresh = (key: string) => this.#reading.refresh(key, settings, fetch)
      const { concurrency } = call
      return warm(keys, refresh, { concurrency, signal, onProgress: undefined }, this.#clock, this.#readParts.random)
    })
    this.#refreshes.add(refreshing)
    return refreshing
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
    this.#fences.setReadAside(key)
    return this.get(key)
  }

  /** @internal */
  get counters(): Counters {
    const own = { ...this.#counters, localHits: this.#counters.localHits + (this.#local?.hits ?? 0) }
    return this.#keptElsewhere === undefined ? own : { ...own, ...this.#keptElsewhere.counters() }
  }

  /** @internal */
  get observations(): Observations {
    return this.#observations
  }

  /** @internal */
  get statistics(): NamespaceStatistics {
    const { getSeconds, loadSeconds, payloadBytes } = this.#observations
    const local = this.#local
    return {
      target: this.link?.target,
      counters: this.counters,
      getSeconds: getSeconds.snapshot(),
      loadSeconds: loadSeconds.snapshot(),
      payloadBytes: payloadBytes.snapshot(),
      local: local && {
        entries: local.size,
        bytes: local.bytes,
        evictions: local.evictions,
        invalidations: { 'written-elsewhere': local.invalidated, doubt: local.doubted },
      },
      earlyExpirations: this.account && { ...this.account.earlyEnds },
      behind: this.#behind?.statistics,
    }
  }

  /** @internal */
  get clock(): Clock {
    return this.#clock
  }

  /** @internal */
  get behind(): WriteBehind<V> | undefined {
    return this.#behind
  }

  /** @internal */
  get settings(): NamespaceSettings<V> {
    return this.#settings
  }

  /** @internal */
  get busy(): boolean {
    return this.#fences.reads + this.#fences.writes > 0
  }

  /** @internal */
  get writing(): boolean {
    return this.#fences.writes > 0
  }

  /** @internal */
  onInvalidation(key: string): void {
    this.#noteWrite(key)
    this.account?.gone(key)
    this.#fences.voidKey(key)
    this.#local?.invalidate(key)
  }

  /** @internal */
  onWake(key: string): void {
    this.#wakeups.wake(key)
  }

  /** @internal */
  onGenerations(message: GenerationsMessage): void {
    this.#generations?.onMessage(message)
  }

  /** @internal */
  onDoubt(): void {
    this.#generations?.onDoubt()
    this.#fences.voidAll()
    this.#local?.distrust()
  }

  /** @internal */
  replay(key: string): Promise<void> {
    return this.#writing.replay(key)
  }

  /** @internal */
  close(): void {
    this.#closed = true
    for (const refreshing of this.#refreshes) refreshing.stop()
    // From now on a hit would be an answer of a closed cache.
    this.#local?.clear()
    this.#wakeups.wakeAll()
  }

  #read(key: string, options: GetOptions<V> | undefined): Promise<V | undefined> {
    try {
      this.#assertUsable(key)
      if (options === undefined) return this.#start(key, this.#call, this.#fetch)
      const call = parseGetOptions(options, this.#settings)
      const { load, onDropOut } = options
      const fetch =
        load === undefined && onDropOut === undefined
          ? this.#fetch
          : fetchOne(this.#settings, this.#source, load && (this.#behind?.loads.wrapLoad(load) ?? load), onDropOut)
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
      timer = this.#clock.setTimeout(() => reject(new LoadTimeoutError(this.name, timeout)), timeout)
    })
    try {
      return await Promise.race([value, late])
    } finally {
      this.#clock.clearTimeout(timer)
    }
  }

  #onDropped(isAll: boolean): void {
    // Which of the reads under way it concerns nobody knows before they end.
    this.#fences.voidAll()
    if (isAll) this.#local?.clear()
    else this.#local?.reconsider()
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

/** Once a namespace: the first large value tells as much as the thousandth. */
function warnOfSize(namespace: string, logger: Logger): (bytes: number, stored: boolean) => void {
  const warned = new Set<boolean>()
  return (bytes, stored) => {
    if (warned.has(stored)) return
    warned.add(stored)
    const message = stored ? 'a value of over 100 KB is cached' : 'a value over maxValueBytes is not stored in Redis'
    logger.warn({ namespace, bytes }, message)
  }
}
