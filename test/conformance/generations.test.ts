import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { type Cache, type CacheOptions, createCache } from '../../packages/core/src/index.ts'
import { cleanup } from '../support/cleanup.ts'
import { callsOf } from '../support/open-cache.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
const generations = 'shop:{item}:g'

interface Row {
  readonly group: string
  readonly text: string
}

/** Processes of one cache over one source, as far as Redis can see. */
async function openAll(count: number, redis: NonNullable<CacheOptions['redis']>, options: Partial<CacheOptions> = {}) {
  const rows = new Map<string, Row>()
  let loads = 0
  const open = () => {
    const cache = createCache({ name: 'shop', redis, ...options })
    afterwards(() => cache.close())
    const items = cache.namespace<Row>({
      name: 'item',
      ttl: '5m',
      tags: (_, row) => [row.group],
      load: async (key) => {
        loads += 1
        return rows.get(key)
      },
      save: async (key, row) => void rows.set(key, row),
    })
    return { cache, items }
  }
  const all = Array.from({ length: count }, open)
  await Promise.all(all.map(({ cache }) => untilConnected(cache)))
  return { all, rows, open, loads: () => loads }
}

function untilConnected(cache: Cache): Promise<void> {
  return until(() => {
    const { redis, mode } = cache.health()
    return mode === 'normal' && redis.channel === 'connected'
  }, 'the cache is connected')
}

async function startSingle(settings: Record<string, string> = {}) {
  const redis = await startRedisServer(settings)
  afterwards(() => redis.stop())
  const operator = new Redis(redis.url)
  operator.on('error', () => {})
  afterwards(() => operator.disconnect())
  return { redis, operator }
}

const texts = async (all: { items: { get(key: string): Promise<Row | undefined> } }[], key: string) =>
  Promise.all(all.map(async ({ items }) => (await items.get(key))?.text))

describe.each(['one Redis', 'a cluster'])('on %s', (kind) => {
  async function start(options?: Partial<CacheOptions>) {
    if (kind === 'one Redis') return openAll(2, (await startSingle()).redis.url, options)
    const cluster = await startRedisCluster(3)
    afterwards(() => cluster.stop())
    return openAll(2, { cluster: cluster.urls }, options)
  }

  test('a tag drops its values in all processes and leaves the others, and clear() drops all', async () => {
    const { all, rows, loads } = await start()
    const [first] = all
    const put = (text: string) => {
      for (let index = 0; index < 20; index++)
        rows.set(`key-${index}`, { group: index % 2 === 0 ? 'even' : 'odd', text })
    }
    put('old')
    for (let index = 0; index < 20; index++) expect(await texts(all, `key-${index}`)).toEqual(['old', 'old'])
    expect(loads()).toBe(20)

    put('new')
    await first?.items.invalidateTag('even')
    expect((await first?.items.get('key-0'))?.text).toBe('new')
    await until(async () => (await texts(all, 'key-0')).every((text) => text === 'new'), 'the second hears of it')
    for (let index = 0; index < 20; index++) {
      const text = index % 2 === 0 ? 'new' : 'old'
      expect(await texts(all, `key-${index}`), `key-${index}`).toEqual([text, text])
    }
    expect(loads()).toBe(30)

    await first?.items.clear()
    expect((await first?.items.get('key-1'))?.text).toBe('new')
    await until(async () => (await texts(all, 'key-1')).every((text) => text === 'new'), 'the second hears of it')
    for (let index = 0; index < 20; index++) expect(await texts(all, `key-${index}`)).toEqual(['new', 'new'])
    expect(loads()).toBe(50)
  })

  test('many are written and deleted, and the others hear of it', async () => {
    const { all, rows } = await start()
    const [first, second] = all
    const keys = Array.from({ length: 250 }, (_, index) => `key-${index}`)
    for (const text of ['one', 'two']) {
      await first?.items.setMany(keys.map((key) => [key, { group: 'a', text }]))
      const seen = async () => [...((await second?.items.getMany(keys)) ?? new Map<string, Row>()).values()]
      await until(async () => (await seen()).every((row) => row.text === text), 'the second sees them all')
      expect(await seen()).toHaveLength(250)
    }
    rows.clear()
    await first?.items.deleteMany(keys)
    expect((await first?.items.getMany(keys))?.size).toBe(0)
    await until(async () => (await second?.items.getMany(keys))?.size === 0, 'the second hears of it')
  })
})

test('generations that were evicted never bring older entries back, and a later process does not believe them either', async () => {
  const { redis, operator } = await startSingle()
  const { all, rows, open } = await openAll(2, redis.url, { local: false })
  rows.set('key', { group: 'a', text: 'old' })
  await texts(all, 'key')
  const before = await operator.getBuffer('shop:{item:key}:v')
  rows.set('key', { group: 'a', text: 'new' })
  await all[0]?.items.invalidateTag('a')
  for (const evict of [() => operator.del(generations), () => operator.set(generations, 'foreign')]) {
    await evict()
    await operator.set('shop:{item:key}:v', before ?? '', 'PX', 60_000)
    const late = open()
    await untilConnected(late.cache)
    expect(await texts([...all, late], 'key')).toEqual(['new', 'new', 'new'])
  }
})

test.each(['invalidateTag', 'clear'] as const)('%s while Redis is away is told when it is back', async (how) => {
  const { redis, operator } = await startSingle()
  const { all, rows } = await openAll(2, redis.url)
  const [first, second] = all
  rows.set('key', { group: 'a', text: 'old' })
  await texts(all, 'key')
  await redis.freeze()
  rows.set('key', { group: 'a', text: 'new' })
  await (how === 'clear' ? first?.items.clear() : first?.items.invalidateTag('a'))
  expect(first?.cache.health().redis.pendingInvalidations).toBe(1)
  expect((await first?.items.get('key'))?.text).toBe('new')
  await redis.thaw()
  expect((await first?.items.get('key'))?.text).toBe('new')
  await until(() => first?.cache.health().redis.pendingInvalidations === 0, 'it has been told')
  await until(async () => (await second?.items.get('key'))?.text === 'new', 'the second hears of it')
  expect(await operator.exists('shop:{item:key}:v')).toBe(1)
})

test('both pass where Redis is full, and so does their first use', async () => {
  const { redis, operator } = await startSingle()
  const { all, rows } = await openAll(2, redis.url)
  rows.set('key', { group: 'a', text: 'old' })
  await texts(all, 'key')
  await operator.config('SET', 'maxmemory', '1')
  await operator.del(generations)
  for (const drop of [() => all[0]?.items.invalidateTag('a'), () => all[0]?.items.clear()]) {
    const text = `written after ${await operator.strlen(generations)}`
    rows.set('key', { group: 'a', text })
    await drop()
    expect(all[0]?.cache.health().redis.pendingInvalidations).toBe(0)
    await until(async () => (await texts(all, 'key')).every((one) => one === text), 'both have dropped it')
  }
})

test('a tagged hit costs Redis no command more than a plain one', async () => {
  const { redis, operator } = await startSingle()
  const { all, rows } = await openAll(1, redis.url, { local: false, pressure: false })
  const [only] = all
  rows.set('key', { group: 'a', text: 'text' })
  await only?.items.get('key')
  await until(async () => (await operator.exists('shop:{item:key}:v')) === 1, 'it is stored')
  await operator.config('RESETSTAT')
  for (let round = 0; round < 100; round++) await only?.items.get('key')
  expect(await callsOf(operator, 'get', 'mget')).toBe(100)
  expect(await callsOf(operator, 'evalsha', 'eval')).toBe(0)
})

test('four processes that warm the same keys load each of them once', async () => {
  const { redis } = await startSingle()
  const { all, rows, loads } = await openAll(4, redis.url)
  const keys = Array.from({ length: 2_000 }, (_, index) => `key-${index}`)
  for (const key of keys) rows.set(key, { group: 'a', text: key })
  const ends = await Promise.all(all.map(({ items }) => items.warm(keys, { concurrency: 16 })))
  for (const end of ends) expect(end).toMatchObject({ done: 2_000, failed: 0, total: 2_000 })
  expect(loads()).toBe(2_000)
})

test('one of several processes refreshes at an interval, and another one when that is gone', async () => {
  const { redis } = await startSingle()
  const { all, rows, loads } = await openAll(3, redis.url)
  rows.set('key', { group: 'a', text: 'first' })
  const refreshing = all.map(({ items }) => items.refreshEvery('1s', { keys: ['key'] }))
  const leaders = () => refreshing.filter(({ leads }) => leads).length
  await until(() => leaders() === 1 && loads() >= 3, 'one leads and refreshes')
  expect(loads()).toBeLessThan(8)
  rows.set('key', { group: 'a', text: 'second' })
  const leader = refreshing.findIndex(({ leads }) => leads)
  await all[leader]?.cache.close()
  await until(() => leaders() === 1, 'another one leads', 15_000)
  const others = all.filter((_, index) => index !== leader)
  await until(async () => (await texts(others, 'key')).includes('second'), 'the new leader refreshes', 15_000)
}, 60_000)
