import type { Clock, Random } from './clock.ts'
import { Fences } from './coherence/fences.ts'
import { createCodec } from './entry/codec.ts'
import { assertKey, createGroupedKeySpace, createKeySpace } from './entry/key.ts'
import { CacheClosedError, InvalidArgumentError, LoadTimeoutError } from './errors.ts'
import { HotKeys } from './local/hot-keys.ts'
import { LocalKeeper } from './local/local-keeper.ts'
import type { LocalNamespace, LocalTier } from './local/local-tier.ts'
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
import { BatchFetch, fetchOne } from './read/fetch.ts'
import type { Flight } from './read/flight.ts'
import type { LeaseContext } from './read/lease.ts'
import type { Fetch } from './read/read-parts.ts'
import type { Source } from './read/source.ts'
import { Wakeups } from './read/wakeups.ts'
import type { Budget } from './redis/budget.ts'
import type { LinkedNamespace, RedisLink } from './redis-link.ts'
import type { NamespaceStatistics } from './statistics.ts'
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
    this.#local = local === false ? undefined : tier?.namespace<V>(clock, local.clone, this.hotKeys)
    const codec = createCodec(policy, settings.schema, warnOfSize(name, logger))
    const groupsOf = (topology?: string) => (topology === 'cluster' ? groupsOnCluster : 1)
    const grouped =
      settings.behind && createGroupedKeySpace(cacheName, name, schemaVersion, groupsOf(link?.commands.topology.kind))
    const keys = grouped ?? createKeySpace(cacheName, name, schemaVersion)
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
    this.#reading = new CacheAside({ ...shared, remote: remote && { ...remote, ...storing } })
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
    if (this.#behind === undefined) await this.#writing.set(key, value, options.signal)
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
    if (this.#closed) throw new CacheClosedError()
    return (await this.#behind?.drain(milliseconds)) ?? true
  }

  /** Drops the cached value everywhere. The source is not touched: delete there first. */
  async delete(key: string): Promise<void> {
    this.#assertUsable(key)
    await this.#writing.delete(key)
  }

  /** @internal As `set`, within what the caller may still wait for Redis. */
  async setWithin(budget: Budget, key: string, value: V): Promise<void> {
    this.#assertUsable(key)
    await this.#writing.set(key, value, undefined, budget)
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
  onDoubt(): void {
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

  #assertUsable(key: unknown): void {
    if (this.#closed) throw new CacheClosedError()
    assertKey(key)
  }
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
