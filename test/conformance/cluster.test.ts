import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createKeySpace } from '../../packages/core/src/entry/key.ts'
import { cleanup } from '../support/cleanup.ts'
import { openCache, untilReady } from '../support/open-cache.ts'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
let cluster: RedisCluster

beforeAll(async () => {
  cluster = await startRedisCluster(3)
})

afterAll(() => cluster.stop())

function open(options: Parameters<typeof openCache>[0] = {}) {
  const opened = openCache({ redis: { cluster: cluster.urls }, ...options })
  afterwards(() => opened.cache.close())
  return opened
}

const oddKeys = [
  '{a}b',
  'a}b{c',
  '{',
  '}',
  '{}',
  '%7B',
  ' leading and trailing ',
  'line\nbreak\r\n\u0000',
  'ключ',
  '👩‍👩‍👧',
  '\ud800',
  '\udfff',
  '__proto__',
  'x'.repeat(1_024),
]

test('get, set and delete, between two caches', async () => {
  const [first, second] = [open(), open({ local: {} })]
  await Promise.all([untilReady(first), untilReady(second)])
  for (let round = 0; round < 12; round++) {
    const key = `key-${round}`
    await first.items.set(key, 'value')
    expect(await second.items.get(key)).toBe('value')
    await first.items.set(key, 'changed')
    await until(async () => (await second.items.get(key)) === 'changed', 'the local tier of the second gives way')
    await second.items.delete(key)
    expect(await first.items.get(key)).toBe('changed')
    expect(first.loaded.splice(0)).toEqual([key])
  }
  expect(second.loaded).toEqual([])
})

test('a loss of the subscriber that is too short to be missed puts all that is kept locally in doubt', async () => {
  const [first, second] = [open(), open({ local: { ttl: '1h' } })]
  await Promise.all([untilReady(first), untilReady(second)])
  await until(() => second.cache.health().redis.channel === 'connected', 'the second hears')
  await first.items.set('blip', 'value')
  const localHits = () => second.cache.health().namespaces['item']?.localHits ?? 0
  await until(async () => {
    await second.items.get('blip')
    return localHits() > 0
  }, 'the second has it in its local tier, and believes it')
  const nodes = cluster.nodes.map(({ url }) => new Redis(url))
  afterwards(() => Promise.all(nodes.map((node) => node.quit())))
  const keys = createKeySpace('shop', 'item', 0)
  await Promise.all(nodes.map((node) => node.unlink(keys.value('blip')).catch(() => 0)))
  expect(await second.items.get('blip')).toBe('value')
  await Promise.all(nodes.map((node) => node.call('CLIENT', 'KILL', 'TYPE', 'pubsub')))
  await until(async () => (await second.items.get('blip')) !== 'value', 'the second asks Redis again')
})

test('getMany over all nodes, whatever the keys hold', async () => {
  const opened = open()
  await untilReady(opened)
  const keys = [...oddKeys, ...Array.from({ length: 200 }, (_, index) => `key-${index}`)]
  await Promise.all(keys.slice(0, 100).map((key, index) => opened.items.set(key, `value ${index}`)))
  const found = await opened.items.getMany(keys)
  expect(found.size).toBe(keys.length)
  for (const [index, key] of keys.entries()) {
    expect(found.get(key), JSON.stringify(key)).toBe(index < 100 ? `value ${index}` : `loaded ${key}`)
  }
  expect(opened.loaded.toSorted()).toEqual(keys.slice(100).toSorted())
  await until(() => opened.cache.health().namespaces['item']?.stores === keys.length - 100, 'what was loaded is stored')
  const again = open()
  await untilReady(again)
  expect((await again.items.getMany(keys)).size).toBe(keys.length)
  expect(again.loaded).toEqual([])
})

test('one load for two caches: leases work on every node', async () => {
  // Patient ones: where a node does not answer in time each of them loads, as it should.
  const [first, second] = [open({ commandTimeout: '5s' }), open({ commandTimeout: '5s' })]
  await Promise.all([untilReady(first), untilReady(second)])
  const loads: string[] = []
  const load = async (key: string): Promise<string> => {
    loads.push(key)
    await new Promise((resolve) => setTimeout(resolve, 50))
    return 'loaded once'
  }
  const keys = [...oddKeys, 'a', 'b', 'c', 'd'].map((key) => `lease ${key}`.slice(0, 1_024))
  const answers = await Promise.all(
    keys.flatMap((key) => [first.items.get(key, { load }), second.items.get(key, { load })]),
  )
  expect(new Set(answers)).toEqual(new Set(['loaded once']))
  expect(loads.toSorted()).toEqual(keys.toSorted())
})

test.each([
  { keyPrefix: 'mine:' },
  { redisOptions: { keyPrefix: 'mine:' } },
  { scaleReads: 'slave', enableAutoPipelining: true } as const,
])(
  "by an ioredis Cluster that the service owns, whose settings for its own commands are not the cache's: %o",
  async (settings) => {
    const instance = new Cluster([...cluster.urls], settings)
    instance.on('error', () => {})
    afterwards(() => instance.disconnect())
    const [first, second] = [open({ redis: instance }), open()]
    await Promise.all([untilReady(first), untilReady(second)])
    const key = `by ${JSON.stringify(settings)}`
    await first.items.set(key, 'value')
    expect(await second.items.get(key)).toBe('value')
    expect(await first.items.get(key)).toBe('value')
    expect([...first.loaded, ...second.loaded]).toEqual([])
    await first.cache.close()
    await instance.set('own', 'value')
    expect(await instance.get('own')).toBe('value')
  },
)

test('two processes that warm the same keys over all nodes load each of them once', async () => {
  const keys = [...oddKeys, ...Array.from({ length: 1_000 }, (_, index) => `warm-${index}`)]
  const all = Array.from({ length: 2 }, () => {
    const { cache } = open({ name: 'warmed' })
    const calls: string[][] = []
    const loadMany = async (some: readonly string[]) => {
      calls.push([...some])
      return new Map(some.map((key) => [key, `value of ${key}`]))
    }
    return { cache, calls, items: cache.namespace<string>({ name: 'many', loadMany }) }
  })
  await until(() => all.every(({ cache }) => cache.health().redis.status === 'ready'), 'both are connected')
  const ends = await Promise.all(all.map(({ items }) => items.warm(keys, { concurrency: 2 })))
  for (const end of ends) expect(end).toMatchObject({ done: keys.length, failed: 0, unstored: 0 })
  expect(all.flatMap(({ calls }) => calls.flat()).sort()).toEqual([...keys].sort())
  expect(all.flatMap(({ calls }) => calls).length).toBeLessThan(keys.length / 10)
})
