import { describe, expect, test, vi } from 'vitest'
import { Cache, createCache } from './cache.ts'
import { CacheClosedError, InvalidOptionsError, type PartialWriteError } from './errors.ts'
import { deferred, FakeSource, openLocalCache } from './testing-support/local-cache.ts'
import { settle } from './testing-support/stepping-clock.ts'

describe('createCache', () => {
  test('makes a cache that needs no Redis', async () => {
    const cache = createCache({ name: 'shop' })
    expect(cache).toBeInstanceOf(Cache)
    expect(cache.name).toBe('shop')
    expect(await cache.namespace({ name: 'product', load: (key) => key }).get('a')).toBe('a')
    await cache.close()
  })

  test('refuses wrong options', () => {
    expect(() => createCache({ name: '' })).toThrow(InvalidOptionsError)
  })

  // A "%" in a password that nobody encoded is a mistake in the options like any other.
  test('refuses a URL whose credentials are not encoded as such', () => {
    expect(() => createCache({ name: 'shop', redis: 'redis://user:50%off@127.0.0.1:1' })).toThrow(InvalidOptionsError)
  })

  test('lists what is wrong between options together with what is wrong within them', () => {
    const options = { name: 'not a name', redis: { primary: 'redis://a', reader: 'redis://b' }, maxConnections: 2 }
    expect(() => createCache(options)).toThrow(/2 options are wrong/)
  })
})

describe('namespace', () => {
  test('refuses a second one of the same name', () => {
    const { cache } = openLocalCache()
    cache.namespace({ name: 'product' })
    expect(() => cache.namespace({ name: 'product' })).toThrow(/name: expected a name that no other namespace/)
    expect(() => cache.namespace({ name: 'price' })).not.toThrow()
  })

  test('keeps its keys apart from those of the others', async () => {
    const { cache } = openLocalCache()
    const [products, prices] = ['product', 'price'].map((name) => cache.namespace<string>({ name }))
    await products?.set('a', 'rope')
    await prices?.set('a', '12.00')
    expect(await products?.get('a')).toBe('rope')
    expect(await prices?.get('a')).toBe('12.00')
  })

  test('shares the bulkhead of the cache, or has its own', async () => {
    const { clock, cache } = openLocalCache({ source: { concurrency: 1, queue: 0 } })
    const source = new FakeSource<string>(clock)
    source.takes = 100
    const [first, second] = ['first', 'second'].map((name) => cache.namespace<string>({ name, load: source.load }))
    const own = cache.namespace<string>({ name: 'own', load: source.load, source: { concurrency: 1 } })
    const running = first?.get('a')
    await expect(second?.get('a')).rejects.toMatchObject({ code: 'PLIMSOLL_SOURCE_OVERLOADED' })
    const beside = own.get('a')
    expect(cache.health().source).toEqual({ running: 1, waiting: 0, concurrency: 1 })
    const { namespaces } = cache.health()
    expect(namespaces['own']?.source).toEqual({ running: 1, waiting: 0, concurrency: 1 })
    expect(namespaces['first']?.source).toBeUndefined()
    expect(namespaces['own']?.inProgress).toEqual({ reads: 1, writes: 0, updates: 0 })
    await clock.advance(100)
    await Promise.all([running, beside])
  })
})

describe('getOrSet', () => {
  test('loads once and answers from the cache then', async () => {
    const { clock, cache } = openLocalCache()
    const load = vi.fn(async () => '<html>')
    for (let index = 0; index < 3; index++) {
      expect(await cache.getOrSet({ key: 'home', ttl: '30s', load })).toBe('<html>')
    }
    await clock.advance(30_000)
    await cache.getOrSet({ key: 'home', ttl: '30s', load })
    expect(load).toHaveBeenCalledTimes(2)
  })

  test('has the defaults of the cache, and is no namespace that could be declared', async () => {
    const { clock, cache } = openLocalCache({ ttl: 100 })
    const load = vi.fn(() => 'value')
    await cache.getOrSet({ key: 'a', load })
    await clock.advance(100)
    await cache.getOrSet({ key: 'a', load })
    expect(load).toHaveBeenCalledTimes(2)
    expect(() => cache.namespace({ name: '~' })).toThrow(InvalidOptionsError)
    expect(() => cache.namespace({ name: 'unnamed' })).not.toThrow()
  })

  test('rejects wrong arguments', async () => {
    const { cache } = openLocalCache()
    const load = () => 'value'
    await expect(cache.getOrSet({ key: '', load })).rejects.toMatchObject({ argument: 'key' })
    await expect(cache.getOrSet({ key: 'a', load, ttl: 'soon' as never })).rejects.toMatchObject({ argument: 'ttl' })
  })
})

describe('health', () => {
  test('of a cache without Redis is normal', async () => {
    const { cache } = openLocalCache({ local: { maxBytes: '1Mi' } })
    await cache.namespace<string>({ name: 'product' }).set('a', 'value')
    const { local, ...health } = cache.health()
    expect(health).toMatchObject({
      mode: 'normal',
      reasons: [],
      redis: { status: 'off', connections: 0, maxConnections: 0, channel: 'off', pendingInvalidations: 0 },
      breakers: { read: 'closed', write: 'closed', source: 'closed' },
      source: { running: 0, waiting: 0, concurrency: 32 },
      findings: [],
    })
    expect(local).toEqual({ bytes: expect.any(Number), maxBytes: 1_048_576, entries: 1 })
    expect(local?.bytes).toBeGreaterThan(0)
    expect(health.namespaces['product']).toMatchObject({ writes: 1 })
  })

  test('is a snapshot: what is done with it changes nothing', async () => {
    const { cache } = openLocalCache()
    const namespace = cache.namespace({ name: 'product', load: () => 'value' })
    await namespace.get('a')
    Object.assign(cache.health().namespaces['product'] ?? {}, { loads: 99 })
    expect(cache.health().namespaces['product']?.loads).toBe(1)
  })

  test('logs the breaker of the source once a change', async () => {
    const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
    const { cache } = openLocalCache({ logger })
    const namespace = cache.namespace({ name: 'product', load: () => Promise.reject(new Error('down')) })
    for (let index = 0; index < 30; index++) await namespace.get(`key-${index}`).catch(() => {})
    expect(cache.health().breakers.source).toBe('open')
    expect(logger.warn.mock.calls).toEqual([[{ breaker: 'source', state: 'open' }, 'source: breaker opened']])
    await cache.close()
  })
})

describe('a closed cache', () => {
  test('rejects every call', async () => {
    const { cache } = openLocalCache()
    const namespace = cache.namespace<string>({ name: 'product', load: () => 'value' })
    await namespace.get('a')
    await cache.getOrSet({ key: 'a', load: () => 'value' })
    // A read lets go of its key a moment after it has answered, and close waits for it by the clock.
    await settle()
    await cache.close()
    await expect(namespace.get('a')).rejects.toThrow(CacheClosedError)
    await expect(namespace.getMany(['a'])).rejects.toThrow(CacheClosedError)
    await expect(namespace.set('a', 'b')).rejects.toThrow(CacheClosedError)
    await expect(namespace.delete('a')).rejects.toThrow(CacheClosedError)
    await expect(cache.getOrSet({ key: 'a', load: () => 'value' })).rejects.toThrow(CacheClosedError)
    expect(() => cache.namespace({ name: 'late' })).toThrow(CacheClosedError)
    expect(cache.health().local?.entries).toBe(0)
  })

  test('may be closed again', async () => {
    const { cache } = openLocalCache()
    expect(cache.close()).toBe(cache.close())
    await cache.close()
  })

  test('aborts what is loading, and leaves no timer behind', async () => {
    const { clock, cache } = openLocalCache()
    const signals: AbortSignal[] = []
    const namespace = cache.namespace<string>({
      name: 'product',
      load: (_, { signal }) => {
        signals.push(signal)
        return deferred<string>().promise
      },
      loadTimeout: 50,
    })
    const loading = namespace.get('a')
    loading.catch(() => {})
    await clock.advance(0)
    const closed = cache.close()
    await clock.advance(1_000)
    await closed
    await expect(loading).rejects.toThrow(CacheClosedError)
    expect(signals[0]?.aborted).toBe(true)
    expect(clock.pending).toBe(0)
  })

  test('rejects getOrSet where it was never called before', async () => {
    const { cache } = openLocalCache()
    await cache.close()
    await expect(cache.getOrSet({ key: 'a', load: () => 'value' })).rejects.toThrow(CacheClosedError)
  })

  test('keeps nothing of a save that ends later', async () => {
    const { clock, cache } = openLocalCache()
    const saved = deferred<void>()
    const namespace = cache.namespace<string>({ name: 'product', save: () => saved.promise })
    const writing = namespace.set('a', 'value')
    await clock.advance(0)
    const closed = cache.close()
    saved.resolve()
    await writing
    await expect(namespace.get('a')).rejects.toThrow(CacheClosedError)
    await clock.advance(10_000)
    await closed
  })

  test('writes and drops nothing more of many, and says so', async () => {
    const { clock, cache } = openLocalCache()
    const saved = deferred<void>()
    const saves: string[] = []
    const namespace = cache.namespace<string>({
      name: 'product',
      load: () => 'value',
      save: (key) => {
        saves.push(key)
        return saved.promise
      },
    })
    const changed = deferred<string>()
    const writing = namespace.setMany(Array.from({ length: 40 }, (_, index) => [`key-${index}`, 'value']))
    const updating = namespace.update('updated', () => changed.promise)
    const dropping = namespace.deleteMany(Array.from({ length: 300 }, (_, index) => `dropped-${index}`))
    for (const outcome of [writing, updating, dropping]) outcome.catch(() => {})
    await clock.advance(0)
    await settle()
    const closed = cache.close()
    saved.resolve()
    changed.resolve('changed')
    const failure = await writing.catch((error: unknown) => error)
    expect((failure as PartialWriteError).failed.size).toBe(24)
    expect(new Set([...(failure as PartialWriteError).failed.values()].map(String))).toEqual(
      new Set(['CacheClosedError: this cache is closed']),
    )
    await expect(updating).rejects.toThrow(CacheClosedError)
    expect(saves).toHaveLength(16)
    await dropping
    await expect(namespace.deleteMany(['a'])).rejects.toThrow(CacheClosedError)
    await clock.advance(10_000)
    await closed
  })

  test('rejects hits too from the moment of close() on', async () => {
    const { clock, cache } = openLocalCache()
    const namespace = cache.namespace<string>({ name: 'product', load: () => 'value' })
    await namespace.get('a')
    const pending = cache.namespace<string>({ name: 'slow', save: () => deferred<void>().promise }).set('a', 'b')
    pending.catch(() => {})
    await clock.advance(0)
    const closed = cache.close()
    const after = namespace.get('a')
    after.catch(() => {})
    await clock.advance(10_000)
    await closed
    await expect(after).rejects.toThrow(CacheClosedError)
  })
})

describe('hotKeys', () => {
  test('tells of the hottest keys of all namespaces, hashed unless asked for', async () => {
    const { cache } = openLocalCache()
    const products = cache.namespace({ name: 'product', load: (key) => key })
    const prices = cache.namespace({ name: 'price', load: (key) => key })
    for (let request = 0; request < 4_000; request++) await products.get(request % 4 === 0 ? 'anchor' : `p-${request}`)
    for (let request = 0; request < 400; request++) await prices.get('bell')
    const shown = cache.hotKeys({ limit: 2, showKeys: true })
    expect(shown.map(({ namespace, key }) => `${namespace} ${key}`)).toContain('product anchor')
    expect(shown.find(({ key }) => key === 'anchor')?.share).toBeGreaterThan(0.15)
    const [hidden] = cache.hotKeys({ limit: 1 })
    expect(hidden?.key).toMatch(/^[0-9a-f]{12}$/)
    expect(hidden?.perSecond).toBe(shown[0]?.perSecond)
  })

  test('refuses a limit that is none', () => {
    const { cache } = openLocalCache()
    expect(() => cache.hotKeys({ limit: 0 })).toThrow(/limit/)
    expect(cache.hotKeys()).toEqual([])
  })
})
