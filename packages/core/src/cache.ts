import { createHash, randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { BreakerState } from './breaker/breaker.ts'
import { ClientView } from './client-view.ts'
import { sleep } from './clock.ts'
import { CacheClosedError, InvalidArgumentError, InvalidOptionsError } from './errors.ts'
import type { Finding } from './findings/finding.ts'
import { FindingLog } from './findings/finding-log.ts'
import { type CacheHealth, type ModeChange, type NamespaceHealth, type SourceHealth, worstOf } from './health.ts'
import { LocalTier } from './local/local-tier.ts'
import { Namespace } from './namespace.ts'
import type { KeptElsewhere, NamespaceParts } from './namespace-assembly.ts'
import { type CacheOptions, type CacheSettings, parseCacheOptions } from './options/cache-options.ts'
import { type GetOptions, type NamespaceOptions, parseNamespaceOptions } from './options/namespace-options.ts'
import type { Mode, Verdict } from './pressure/mode.ts'
import { Source } from './read/source.ts'
import { RedisLink } from './redis-link.ts'
import type { CacheStatistics } from './statistics.ts'

export interface CacheEvents {
  mode: [change: ModeChange]
}

/** What `getOrSet` takes: a key, how to load it, and the policy of this one entry. */
export interface GetOrSetOptions<V> extends Omit<GetOptions<V>, 'load'> {
  key: string
  load: NonNullable<GetOptions<V>['load']>
}

/** A key that is asked for more than others; see `cache.hotKeys()`. */
export interface HotKey {
  readonly namespace: string
  /** The key itself with `showKeys`, else the first 12 digits of its SHA-256. */
  readonly key: string
  readonly perSecond: number
  /** Of all requests of its namespace in this process: 0 to 1. */
  readonly share: number
}

/** Holds what `getOrSet` keeps; no name that a namespace can be given. */
const unnamed = '~'

/** The cache's own Redis, where targets are named. */
const main = 'main'
/** How long `close` waits for a `save` that has begun. */
const longestSave = 5_000
/** How long `close` saves what was written behind. What is left waits in Redis for another process. */
const longestDrain = 5_000

/** A cache: its local tier, its Redis, and the namespaces on them. Made by `createCache`. */
export class Cache {
  readonly name: string
  readonly #settings: CacheSettings
  readonly #tier: LocalTier | undefined
  readonly #link: RedisLink | undefined
  readonly #source: Source
  readonly #links: RedisLink[] = []
  readonly #sources: Source[] = []
  readonly #namespaces = new Map<string, Namespace<unknown>>()
  readonly #events = new EventEmitter<CacheEvents>()
  readonly #sender = randomBytes(9).toString('base64url')
  readonly #views = new Map<RedisLink, ClientView>()
  readonly #findingLog = new FindingLog()
  #mode: Mode = 'normal'
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(settings: CacheSettings) {
    this.name = settings.name
    this.#settings = settings
    this.#tier = settings.local === false ? undefined : new LocalTier(settings.local.maxBytes)
    this.#link = settings.redis === undefined ? undefined : this.#openLink(main, settings.redis, settings.memoryLimit)
    this.#source = this.#openSource(settings.source)
  }

  /**
   * Declares a kind of value. The type comes from `schema`, else from `load`.
   *
   * @throws InvalidOptionsError listing every wrong option; CacheClosedError
   */
  namespace<S extends StandardSchemaV1>(
    options: Omit<NamespaceOptions<StandardSchemaV1.InferOutput<S>>, 'schema'> & { schema: S },
  ): Namespace<StandardSchemaV1.InferOutput<S>>
  namespace<V>(options: NamespaceOptions<V>): Namespace<V>
  namespace<V>(options: NamespaceOptions<V>): Namespace<V> {
    if (this.#closing !== undefined) throw new CacheClosedError()
    const settings = parseNamespaceOptions(options, this.#settings)
    if (this.#namespaces.has(settings.name)) {
      throw new InvalidOptionsError('namespace', [
        {
          path: 'name',
          expected: 'expected a name that no other namespace of this cache has; declare it once and share it',
        },
      ])
    }
    const link =
      settings.redis === undefined ? this.#link : this.#openLink(settings.name, settings.redis, settings.memoryLimit)
    const source = settings.source === undefined ? this.#source : this.#openSource(settings.source)
    const namespace = new Namespace<V>(settings, this.#parts(link, source))
    this.#namespaces.set(settings.name, namespace as Namespace<unknown>)
    return namespace
  }

  /**
   * @internal A namespace that is only accounted here: somebody else keeps its values on the cache's Redis.
   *
   * @throws InvalidOptionsError
   */
  reserve(name: string, keptElsewhere: KeptElsewhere): Namespace<never> {
    const options = { name, priority: 'essential' as const, local: false as const }
    const settings = parseNamespaceOptions<never>(options, this.#settings)
    const namespace = new Namespace<never>(settings, { ...this.#parts(this.#link, this.#source), keptElsewhere })
    this.#namespaces.set(name, namespace as unknown as Namespace<unknown>)
    return namespace
  }

  /**
   * Cache-aside without declaring a namespace. Keys of all such calls share one space.
   *
   * @example const html = await cache.getOrSet({ key: 'home', ttl: '30s', load: () => renderHome() })
   */
  getOrSet<V>({ key, load, ...options }: GetOrSetOptions<V>): Promise<V | undefined> {
    if (this.#closing !== undefined) return Promise.reject(new CacheClosedError())
    let namespace = this.#namespaces.get(unnamed)
    if (namespace === undefined) {
      const settings = { ...parseNamespaceOptions<unknown>({ name: 'unnamed' }, this.#settings), name: unnamed }
      namespace = new Namespace<unknown>(settings, this.#parts(this.#link, this.#source))
      this.#namespaces.set(unnamed, namespace)
    }
    return (namespace as Namespace<V>).get(key, { ...options, load })
  }

  /** @internal Its own Redis. */
  get link(): RedisLink | undefined {
    return this.#link
  }

  /** What the cache knows of itself and of its Redis. Synchronous: nothing is asked. */
  health(): CacheHealth {
    const { mode, reasons } = this.#judge()
    const { commands, channel, tracking, pending } = this.#link ?? {}
    const local = this.#tier
    return {
      mode,
      reasons,
      redis: {
        status: this.#link?.status ?? 'off',
        connections: this.#links.reduce((sum, link) => sum + link.connections, 0),
        maxConnections: this.#links.length * this.#settings.maxConnections,
        channel: channel ?? 'off',
        tracking: tracking ?? 'off',
        pendingInvalidations: pending?.size ?? 0,
      },
      local: local && { bytes: local.bytes, maxBytes: local.maxBytes, entries: local.entries },
      breakers: { ...(commands?.breakers ?? { read: 'closed', write: 'closed' }), source: this.#source.breaker },
      source: healthOf(this.#source),
      namespaces: this.#namespaceHealth(),
      targets: Object.fromEntries(this.#links.map((link) => [link.target, link.health])),
      findings: this.#findings(),
    }
  }

  /** What has been counted since the cache was created, for metrics and reports of your own. Synchronous: nothing is asked. */
  statistics(): CacheStatistics {
    return {
      namespaces: Object.fromEntries([...this.#namespaces].map(([name, { statistics }]) => [name, statistics])),
      targets: Object.fromEntries(this.#links.map((link) => [link.target, link.statistics])),
    }
  }

  /**
   * The keys that this process is asked for most, over all namespaces, from a sample of the last 10 to 20 seconds.
   * Nothing is asked of Redis. Keys may tell of people, so they are shown as hashes unless asked for.
   *
   * @param options `limit`: 1 to 100, default 20
   * @throws InvalidArgumentError
   */
  hotKeys({ limit = 20, showKeys = false }: { limit?: number; showKeys?: boolean } = {}): HotKey[] {
    if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
      throw new InvalidArgumentError('limit', 'expected a whole number from 1 to 100')
    }
    return [...this.#namespaces.values()]
      .flatMap(({ name, hotKeys }) => hotKeys.top(limit).map((hot) => ({ namespace: name, ...hot })))
      .sort((left, right) => right.perSecond - left.perSecond)
      .slice(0, limit)
      .map((hot) => ({
        ...hot,
        key: showKeys ? hot.key : createHash('sha256').update(hot.key).digest('hex').slice(0, 12),
      }))
  }

  on<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): this {
    this.#events.on(event, listener as never)
    return this
  }

  off<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): this {
    this.#events.off(event, listener as never)
    return this
  }

  /**
   * Ends it: loads are aborted, stores under way get a moment, connections that this cache opened are closed. Nothing
   * is left behind that would keep the process alive. Calls made later are rejected with CacheClosedError.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const all = [...this.#namespaces.values()]
    for (const namespace of all) namespace.close()
    for (const source of this.#sources) source.close()
    const { clock, commandTimeout } = this.#settings
    const started = clock.now()
    const within = (milliseconds: number) => clock.now() - started < milliseconds
    while (within(commandTimeout * 2) && all.some((namespace) => namespace.busy)) await sleep(clock, 5)
    // A save under way must still tell the others, who would keep the older value for its whole ttl.
    while (within(longestSave) && all.some((namespace) => namespace.writing)) await sleep(clock, 5)
    await Promise.all(all.map((namespace) => namespace.behind?.close(longestDrain)))
    await Promise.all(this.#links.map((link) => link.pending.lastAttempt()))
    for (const link of this.#links) link.close()
    this.#tier?.clear()
    this.#events.removeAllListeners()
  }

  #parts(link: RedisLink | undefined, source: Source): NamespaceParts {
    const { name, clock, random, logger } = this.#settings
    const development = process.env['NODE_ENV'] !== 'production'
    return { cacheName: name, clock, random, logger, development, tier: this.#tier, link, source }
  }

  #openLink(target: string, redis: NonNullable<CacheSettings['redis']>, memoryLimit: number | undefined): RedisLink {
    const link = new RedisLink(target, redis, memoryLimit, this.#settings, this.#sender, {
      onChange: () => this.#noticeMode(),
      onLook: () => this.#noticeFindings(),
    })
    this.#links.push(link)
    this.#views.set(link, new ClientView(this.#settings.clock, link))
    return link
  }

  #openSource(limits: CacheSettings['source']): Source {
    const source = new Source(limits, this.#settings.clock, (state, previous) => this.#logSource(state, previous))
    this.#sources.push(source)
    return source
  }

  #logSource(state: BreakerState, previous: BreakerState): void {
    const { logger } = this.#settings
    if (state === 'open' && previous === 'closed') logger.warn({ breaker: 'source', state }, 'source: breaker opened')
    else if (state === 'closed') logger.info({ breaker: 'source', state }, 'source: breaker closed')
  }

  #judge(): Verdict {
    return worstOf(this.#links.map((link) => link.verdict))
  }

  #namespaceHealth(): Record<string, NamespaceHealth> {
    const health: Record<string, NamespaceHealth> = {}
    for (const link of [undefined, ...this.#links]) {
      const held = link?.pressure?.heldBytes() ?? {}
      const all = Object.values(held).reduce((sum, { bytes }) => sum + bytes, 0)
      for (const namespace of this.#on(link)) {
        const { account, counters, name } = namespace
        const redisBytes = Math.round(held[account?.id ?? name]?.bytes ?? 0)
        health[name] = {
          ...counters,
          redisBytes,
          redisShare: all === 0 ? 0 : redisBytes / all,
          budget: account?.budget === undefined ? undefined : { bytes: account.budget, fleetBytes: account.fleetBytes },
          behind: namespace.behind?.health,
          inProgress: namespace.inProgress,
          source: namespace.ownSource && healthOf(namespace.ownSource),
        }
      }
    }
    return health
  }

  #on(link: RedisLink | undefined): Namespace<unknown>[] {
    return [...this.#namespaces.values()].filter((namespace) => namespace.link === link)
  }

  #findings(): Finding[] {
    return this.#links.flatMap((link) => this.#views.get(link)?.findings(this.#on(link)) ?? [])
  }

  #noticeFindings(): void {
    if (this.#closing !== undefined) return
    for (const [link, view] of this.#views) view.note(this.#on(link))
    const { logger, clock } = this.#settings
    const { found, gone } = this.#findingLog.note(this.#findings(), clock.now())
    for (const { id, severity, target, title } of found) logger.warn({ finding: id, severity, target }, title)
    for (const { id, target } of gone) logger.info({ finding: id, target }, 'finding is gone')
  }

  #noticeMode(): void {
    if (this.#closing !== undefined) return
    const { mode, reasons } = this.#judge()
    if (mode === this.#mode) return
    const change: ModeChange = { from: this.#mode, to: mode, reasons }
    this.#mode = mode
    this.#settings.logger[mode === 'normal' ? 'info' : 'warn'](change, `mode ${change.from} -> ${mode}`)
    try {
      this.#events.emit('mode', change)
    } catch (error) {
      // It would throw into the middle of a breaker or of ioredis, and leave calls without an end.
      const reason = error instanceof Error ? error.message : 'unknown reason'
      this.#settings.logger.error({ reason }, 'a listener of the event mode threw')
    }
  }
}

function healthOf({ bulkhead: { running, waiting, concurrency } }: Source): SourceHealth {
  return { running, waiting, concurrency }
}

/**
 * Creates a cache. Never waits for Redis and never throws because it is away.
 *
 * @example
 * const cache = createCache({ name: 'shop', redis: process.env.REDIS_URL })
 * const products = cache.namespace({ name: 'product', ttl: '5m', load: (id) => db.product(id) })
 * @throws InvalidOptionsError listing every wrong option
 */
export function createCache(options: CacheOptions): Cache {
  return new Cache(parseCacheOptions(options))
}
