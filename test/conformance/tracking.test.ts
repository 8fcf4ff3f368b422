import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster, Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { type CacheOptions, createCache, type NamespaceOptions } from '../../packages/core/src/index.ts'
import { cleanup } from '../support/cleanup.ts'
import { callsOf } from '../support/open-cache.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()

/** The rows of somebody who changes them without the SDK. */
class Source {
  readonly rows = new Map<string, string>()
  readonly loads: string[] = []
  readonly running = new Set<string>()
  /** What loads wait for. */
  gate: () => Promise<void> = async () => {}

  readonly load = async (key: string): Promise<string> => {
    this.loads.push(key)
    expect(this.running).not.toContain(key)
    this.running.add(key)
    await this.gate().finally(() => this.running.delete(key))
    return this.rows.get(key) ?? `first ${key}`
  }
}

async function start(settings: Readonly<Record<string, string>> = {}) {
  const server = await startRedisServer(settings)
  afterwards(() => server.stop())
  const operator = new Redis(server.url)
  afterwards(() => operator.disconnect())
  return { url: server.url, operator, server }
}

/** A cache whose local entries would last for the whole test. */
function open(source: Source, options: Partial<CacheOptions>, namespace: Partial<NamespaceOptions<string>> = {}) {
  const cache = createCache({
    ...{ name: 'shop', invalidation: 'tracking', commandTimeout: 5_000, pressure: false, local: { ttl: '1h' } },
    ...options,
  })
  afterwards(() => cache.close())
  const items = cache.namespace<string>({
    ...{ name: 'item', ttl: '1h', earlyExpiration: false, load: source.load },
    ...namespace,
  })
  const counters = () => cache.health().namespaces['item'] ?? expect.fail('it was declared')
  return {
    ...{ cache, items, counters },
    ready: () =>
      until(() => {
        const { mode, redis } = cache.health()
        return mode === 'normal' && redis.channel === 'connected' && redis.tracking === 'connected'
      }, 'the cache hears of everybody'),
    notifications: () => cache.statistics().targets['main']?.notifications ?? 0,
    marked: () => cache.statistics().namespaces['item']?.local?.invalidations['touched-in-redis'] ?? 0,
    /** Gets until the answer came from the local tier, and answers it. */
    async settled(key: string): Promise<string | undefined> {
      let value: string | undefined
      await until(async () => {
        const before = counters().localHits
        value = await items.get(key)
        return counters().localHits > before
      }, `${key} is answered by the local tier`)
      return value
    },
  }
}

async function openTwo(
  source: Source,
  options: Partial<CacheOptions>,
  namespace: Partial<NamespaceOptions<string>> = {},
) {
  const caches = [open(source, options, namespace), open(source, options, namespace)] as const
  await Promise.all(caches.map((cache) => cache.ready()))
  return caches
}

const names = (key: string) => [`shop:{item:${key}}:v`, `shop:{item:${key}}:l`] as const

test('two processes notice a DEL by somebody else, load once, and answer from their local tiers again', async () => {
  const { url, operator } = await start()
  const source = new Source()
  const caches = await openTwo(source, { redis: url })
  for (const { settled } of caches) expect(await settled('a}%b')).toBe('first a}%b')
  source.rows.set('a}%b', 'changed')
  source.loads.length = 0
  expect(await operator.del(...names('a%7D%25b'))).toBe(1)
  for (const { items } of caches) {
    await until(async () => (await items.get('a}%b')) === 'changed', 'the new row is answered')
  }
  for (const { settled } of caches) expect(await settled('a}%b')).toBe('changed')
  expect(source.loads).toHaveLength(1)
  for (const { marked } of caches) expect(marked()).toBeGreaterThan(0)
  for (const { notifications } of caches) expect(notifications()).toBeGreaterThanOrEqual(3)
})

test('what somebody else writes in place of a value is a miss, and counted', async () => {
  const { url, operator } = await start()
  const source = new Source()
  const caches = await openTwo(source, { redis: url })
  for (const { settled } of caches) await settled('a')
  source.rows.set('a', 'changed')
  await operator.set(names('a')[0], '{"price":1}')
  for (const { items } of caches) {
    await until(async () => (await items.get('a')) === 'changed', 'the new row is answered')
  }
  expect(caches.reduce((sum, { counters }) => sum + counters().unreadable, 0)).toBeGreaterThan(0)
})

test('an eviction storm does not empty the local tier: while the source hangs all is answered at once, each key is loaded once', async () => {
  const { url, operator } = await start({ maxmemory: '4mb', 'maxmemory-policy': 'allkeys-lru' })
  const source = new Source()
  const limits = { source: { concurrency: 8, queue: 1_000 }, loadTimeout: '1m' as const }
  const caches = await openTwo(source, { redis: url, ...limits }, { staleWhileRevalidate: '1h', staleIfError: '1h' })
  const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`)
  for (const { settled } of caches) for (const key of keys) await settled(key)

  const values = keys.map((key) => names(key)[0])
  for (let round = 0; (await operator.exists(...values)) > 0; round++) {
    await operator.mset(
      ...Array.from({ length: 100 }, (_, index) => [`junk-${round}-${index}`, 'x'.repeat(10_000)]).flat(),
    )
  }
  for (const { notifications } of caches) {
    await until(() => notifications() >= 2 * keys.length, 'all stores and all evictions are heard of')
  }
  for (const { cache } of caches) expect(cache.health().local?.entries).toBe(keys.length)
  // The storm is over: an evicted lease would be another load, as it should.
  await operator.config('SET', 'maxmemory', '0')

  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  source.gate = () => opened
  source.loads.length = 0
  for (let round = 0; round < 3; round++) {
    for (const { items } of caches) {
      expect(await Promise.all(keys.map((key) => items.get(key)))).toEqual(keys.map((key) => `first ${key}`))
    }
  }
  expect(source.running.size).toBeLessThanOrEqual(16)
  // Redis was asked about each entry once. Now they are stale like any other: one refresh under way, and no read more.
  const reads = () =>
    caches.reduce((sum, { cache }) => sum + (cache.statistics().targets['main']?.commands.read ?? 0), 0)
  const getEach = async () => {
    for (const { items } of caches) {
      for (const key of keys) {
        expect(await items.get(key)).toBe(`first ${key}`)
        // What a get sets off has its answer before the next one.
        await operator.ping()
      }
    }
  }
  await getEach()
  const before = reads()
  await getEach()
  expect(reads() - before).toBeLessThan(keys.length / 2)
  open()
  await until(async () => (await operator.exists(...values)) === keys.length, 'all are in Redis again')
  expect(source.loads).toHaveLength(keys.length)
})

test('where a value is gone from Redis and the source fails, the marked entry is the reserve, also without Redis', async () => {
  const { url, operator, server } = await start()
  const source = new Source()
  const one = open(source, { redis: url }, { staleIfError: '1h' })
  await one.ready()
  for (const key of ['a', 'b']) await one.settled(key)
  await operator.del(...names('a'))
  await operator.del(...names('b'))
  await until(() => one.notifications() >= 4, 'the stores and the DELs are heard of')
  source.gate = () => Promise.reject(new Error('the database is down'))
  expect(await one.items.get('a')).toBe('first a')
  await server.kill()
  expect(await one.items.get('b')).toBe('first b')
  expect(source.loads).toEqual(['a', 'b', 'a', 'b'])
})

test('FLUSHALL marks everything', async () => {
  const { url, operator } = await start()
  const source = new Source()
  const caches = await openTwo(source, { redis: url })
  for (const { settled } of caches) for (const key of ['a', 'b']) await settled(key)
  for (const key of ['a', 'b']) source.rows.set(key, 'changed')
  await operator.flushall()
  for (const { items } of caches) {
    for (const key of ['a', 'b']) {
      await until(async () => (await items.get(key)) === 'changed', 'the new row is answered')
    }
  }
  for (const { settled } of caches) expect(await settled('b')).toBe('changed')
})

test('what is missed while the connection is gone is noticed when it is back', async () => {
  const { url, operator } = await start()
  const source = new Source()
  const caches = await openTwo(source, { redis: url })
  for (const { settled } of caches) await settled('a')
  source.rows.set('a', 'changed')
  await operator.multi().call('CLIENT', 'KILL', 'TYPE', 'pubsub').del(names('a')[0], names('a')[1]).exec()
  for (const { ready, settled, items } of caches) {
    await until(async () => (await items.get('a')) === 'changed', 'the new row is answered')
    await ready()
    expect(await settled('a')).toBe('changed')
  }
  source.rows.set('a', 'changed again')
  await operator.del(...names('a'))
  for (const { items } of caches) {
    await until(async () => (await items.get('a')) === 'changed again', 'the new row is answered')
  }
})

test('without the right to it a warning says so once, the local tier is not believed, and the channel goes on', async () => {
  const { url, operator } = await start()
  const rights = ['on', 'nopass', '~shop:*', '&shop:channel*', '&__redis__:invalidate', '+@all']
  await operator.call('ACL', 'SETUSER', 'service', ...rights, '-client|tracking')
  const warnings: string[] = []
  const logger = {
    debug: () => {},
    info: () => {},
    error: () => {},
    warn: (_: object, text: string) => warnings.push(text),
  }
  const source = new Source()
  const one = open(source, { redis: url.replace('//', '//service:any@'), logger })
  const { cache, items } = one
  const refusals = () => warnings.filter((text) => text.includes('CLIENT TRACKING'))
  await until(() => cache.health().redis.tracking === 'refused', 'tracking is refused')
  await until(() => cache.health().redis.channel === 'connected', 'the channel is heard')
  await items.get('a')
  await operator.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await until(() => refusals().length > 0 && cache.health().redis.tracking === 'refused', 'it is refused again')
  expect(refusals()).toHaveLength(1)

  source.rows.set('a', 'changed')
  await operator.del(...names('a'))
  expect(await items.get('a')).toBe('changed')

  await operator.call('ACL', 'SETUSER', 'service', '+client|tracking')
  await operator.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await one.ready()
  expect(await one.settled('a')).toBe('changed')
})

test('a fill costs each process that keeps it one more read of Redis, and no more', async () => {
  const { url, operator } = await start()
  const source = new Source()
  const caches = await openTwo(source, { redis: url })
  const keys = Array.from({ length: 50 }, (_, index) => `key-${index}`)
  for (const { items } of caches) for (const key of keys) await items.get(key)
  for (const { notifications } of caches) await until(() => notifications() >= keys.length, 'all stores are heard of')
  for (const { settled } of caches) for (const key of keys) await settled(key)
  const hits = () => caches.map(({ counters }) => counters().redisHits)
  // One process found what the other had stored, and each was told of the store at most once.
  expect(hits().reduce((sum, count) => sum + count)).toBeLessThanOrEqual(3 * keys.length)
  const before = await callsOf(operator, 'get', 'mget')
  for (const { items } of caches) for (const key of keys) await items.get(key)
  expect((await callsOf(operator, 'get', 'mget')) - before).toBe(0)
  expect(source.loads).toHaveLength(keys.length)
})

test('what this process has set is read back once at the most, and its deletion is not undone', async () => {
  const { url } = await start()
  const source = new Source()
  const one = open(source, { redis: url }, { save: async (key, row) => void source.rows.set(key, row) })
  await one.ready()
  for (let round = 1; round <= 20; round++) {
    await one.items.set('a', `set ${round}`)
    expect(await one.items.get('a')).toBe(`set ${round}`)
  }
  expect(await one.settled('a')).toBe('set 20')
  expect(one.counters().redisHits).toBeLessThanOrEqual(21)
  source.rows.set('a', 'changed')
  await one.items.delete('a')
  expect(await one.items.get('a')).toBe('changed')
})

async function startCluster() {
  const cluster = await startRedisCluster(3)
  afterwards(() => cluster.stop())
  const operator = new Cluster([...cluster.urls])
  afterwards(() => operator.disconnect())
  const source = new Source()
  const caches = await openTwo(source, { redis: { cluster: cluster.urls } })
  // The connections for data, the subscriber and one to each primary.
  for (const { cache } of caches) expect(cache.health().redis.connections).toBe(1 + 1 + 3)
  /** Changes rows and deletes what is cached of them, which both caches are to notice. */
  async function change(keys: readonly string[], row: string): Promise<void> {
    for (const key of keys) {
      source.rows.set(key, row)
      // Where its slot has just moved the operator has to find it.
      await until(
        () =>
          operator.del(...names(key)).then(
            () => true,
            () => false,
          ),
        `${key} is deleted`,
      )
    }
    for (const { items } of caches) {
      for (const key of keys) await until(async () => (await items.get(key)) === row, `${key} is ${row}`)
    }
    for (const { settled } of caches) for (const key of keys) expect(await settled(key)).toBe(row)
  }
  return { cluster, operator, caches, change }
}

test('on a cluster each primary is listened to, and one that is away puts everything in doubt until it is back', async () => {
  const { cluster, operator, caches, change } = await startCluster()
  const keys = Array.from({ length: 12 }, (_, index) => `key-${index}`)
  for (const { settled } of caches) for (const key of keys) await settled(key)
  const sizes = await Promise.all(operator.nodes('master').map((node) => node.dbsize()))
  expect(sizes.filter((size) => size > 0)).toHaveLength(3)
  await change(keys, 'changed')

  const [node] = cluster.nodes
  await node?.kill()
  for (const { cache } of caches) await until(() => cache.health().redis.tracking === 'lost', 'a primary is missed')
  await node?.start()
  for (const { ready } of caches) await ready()
  await change(keys, 'changed again')
})

test('a primary that joins the cluster is listened to, without a command that would meet it', async () => {
  const { cluster, operator, caches, change } = await startCluster()
  const dir = await mkdtemp(join(tmpdir(), 'redis-joining-'))
  afterwards(() => rm(dir, { recursive: true, force: true }))
  const joining = await startRedisServer({ dir, 'cluster-enabled': 'yes', 'cluster-config-file': 'nodes.conf' })
  afterwards(() => joining.stop())
  const clients = [joining, ...cluster.nodes].map(({ url }) => new Redis(url))
  afterwards(() => {
    for (const client of clients) client.disconnect()
  })
  const [newcomer] = clients as [Redis]
  const id = String(await newcomer.cluster('MYID'))
  await newcomer.cluster('MEET', '127.0.0.1', cluster.nodes[0]?.port ?? 0)
  const knowsAll = async (client: Redis) => String(await client.cluster('INFO')).includes('cluster_known_nodes:4\r')
  await until(async () => (await Promise.all(clients.map(knowsAll))).every(Boolean), 'all know the newcomer')
  const slot = await operator.cluster('KEYSLOT', names('moved')[0])
  for (const client of clients) await client.cluster('SETSLOT', Number(slot), 'NODE', id)

  for (const { cache, ready } of caches) {
    await until(() => cache.health().redis.connections === 1 + 1 + 4, 'the newcomer is listened to', 20_000)
    await ready()
  }
  for (const { settled } of caches) await settled('moved')
  await change(['moved'], 'changed')
  expect(await newcomer.dbsize()).toBe(1)
})
