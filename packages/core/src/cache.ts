import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { BreakerState } from './breaker/breaker.ts'
import { sleep } from './clock.ts'
import { CacheClosedError, InvalidOptionsError } from './errors.ts'
import { type CacheHealth, type ModeChange, worstOf } from './health.ts'
import { LocalTier } from './local/local-tier.ts'
import { Namespace, type NamespaceParts } from './namespace.ts'
import { type CacheOptions, type CacheSettings, parseCacheOptions } from './options/cache-options.ts'
import { type GetOptions, type NamespaceOptions, parseNamespaceOptions } from './options/namespace-options.ts'
import type { Mode, Verdict } from './pressure/mode.ts'
import type { Counters } from './read/counters.ts'
import { Source } from './read/source.ts'
import { RedisLink } from './redis-link.ts'

export interface CacheEvents {
  mode: [change: ModeChange]
}

/** What `getOrSet` takes: a key, how to load it, and the policy of this one entry. */
export interface GetOrSetOptions<V> extends Omit<GetOptions<V>, 'load'> {
  key: string
  load: NonNullable<GetOptions<V>['load']>
}

/** Holds what `getOrSet` keeps; no name that a namespace can be given. */
const unnamed = '~'

/** How long `close` waits for a `save` that has begun. */
const longestSave = 5_000

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
  #mode: Mode = 'normal'
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(settings: CacheSettings) {
    this.name = settings.name
    this.#settings = settings
    this.#tier = settings.local === false ? undefined : new LocalTier(settings.local.maxBytes)
    this.#link = settings.redis === undefined ? undefined : this.#openLink(settings.redis)
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
    const link = settings.redis === undefined ? this.#link : this.#openLink(settings.redis)
    const source = settings.source === undefined ? this.#source : this.#openSource(settings.source)
    const namespace = new Namespace<V>(settings, this.#parts(link, source))
    this.#namespaces.set(settings.name, namespace as Namespace<unknown>)
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

  /** What the cache knows of itself and of its Redis. Synchronous: nothing is asked. */
  health(): CacheHealth {
    const { mode, reasons } = this.#judge()
    const { commands, channel, pending } = this.#link ?? {}
    const local = this.#tier
    const namespaces: Record<string, Counters> = {}
    for (const [name, namespace] of this.#namespaces) namespaces[name] = namespace.counters
    return {
      mode,
      reasons,
      redis: {
        status:
          commands === undefined ? 'off' : commands.ready ? 'ready' : commands.starting ? 'connecting' : 'unavailable',
        connections: this.#links.reduce((sum, link) => sum + link.connections, 0),
        maxConnections: this.#links.length * this.#settings.maxConnections,
        channel: channel ?? 'off',
        pendingInvalidations: pending?.size ?? 0,
      },
      local: local && { bytes: local.bytes, maxBytes: local.maxBytes, entries: local.entries },
      breakers: { ...(commands?.breakers ?? { read: 'closed', write: 'closed' }), source: this.#source.breaker },
      source: {
        running: this.#source.bulkhead.running,
        waiting: this.#source.bulkhead.waiting,
        concurrency: this.#source.bulkhead.concurrency,
      },
      namespaces,
      findings: [],
    }
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

  #openLink(redis: NonNullable<CacheSettings['redis']>): RedisLink {
    const link = new RedisLink(redis, this.#settings, this.#sender, () => this.#noticeMode())
    this.#links.push(link)
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
