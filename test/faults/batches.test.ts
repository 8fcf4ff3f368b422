import { expect, test } from 'vitest'
import { createCache } from '../../packages/core/src/index.ts'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
const keys = Array.from({ length: 300 }, (_, index) => `key-${index}`)
const values = Object.fromEntries(keys.map((key) => [key, `loaded ${key}`]))

async function start(settings: Record<string, string> = {}) {
  const redis = await startRedisServer(settings)
  afterwards(() => redis.stop())
  return { redis, ...open(redis.url) }
}

function open(url: string, commandTimeout = 200) {
  const cache = createCache({ name: 'shop', redis: url, local: false, commandTimeout })
  afterwards(() => cache.close())
  const batches: string[][] = []
  const items = cache.namespace<string>({
    name: 'item',
    ttl: '5m',
    loadMany: async (some) => {
      batches.push([...some])
      return new Map(some.map((key) => [key, `loaded ${key}`]))
    },
  })
  const untilReady = () =>
    until(() => cache.health().mode === 'normal' && cache.health().redis.status === 'ready', 'Redis is used')
  return { cache, items, batches, untilReady }
}

test('one loadMany for all that is missing, Redis being well', async () => {
  const { items, batches, untilReady, cache } = await start()
  await untilReady()
  await items.getMany(keys.slice(0, 100))
  await until(() => cache.health().namespaces['item']?.stores === 100, 'the first are stored')
  batches.length = 0
  expect(Object.fromEntries(await items.getMany(keys))).toEqual(values)
  expect(batches.map((batch) => batch.toSorted())).toEqual([keys.slice(100).toSorted()])
})

test.each(['killed', 'frozen'] as const)('one loadMany with Redis %s', async (trouble) => {
  const { redis, items, batches, untilReady } = await start()
  await untilReady()
  await (trouble === 'killed' ? redis.kill() : redis.freeze())
  for (let round = 1; round <= 5; round++) {
    expect(Object.fromEntries(await items.getMany(keys))).toEqual(values)
    expect(batches.splice(0).map((batch) => batch.toSorted())).toEqual([keys.toSorted()])
  }
})

test('one loadMany with Redis full', async () => {
  const { items, batches, untilReady, cache } = await start({ maxmemory: '1', 'maxmemory-policy': 'noeviction' })
  await untilReady()
  for (let round = 1; round <= 5; round++) {
    expect(Object.fromEntries(await items.getMany(keys))).toEqual(values)
    expect(batches.splice(0).map((batch) => batch.toSorted())).toEqual([keys.toSorted()])
  }
  expect(cache.health()).toMatchObject({ mode: 'read-only', breakers: { read: 'closed', write: 'closed' } })
})

test('two processes that want the same keys at once load each of them once', async () => {
  const { redis } = await start()
  // Long enough for 600 leases on a slow machine: a process that does not get its answer in time loads for itself.
  const [first, second] = [open(redis.url, 5_000), open(redis.url, 5_000)]
  await Promise.all([first.untilReady(), second.untilReady()])
  const found = await Promise.all([first.items.getMany(keys), second.items.getMany(keys)])
  for (const one of found) expect(Object.fromEntries(one)).toEqual(values)
  expect([...first.batches, ...second.batches].flat().toSorted()).toEqual(keys.toSorted())
})

test('a loadMany that fails fails the keys that it was to load, and no others', async () => {
  const { redis, items, untilReady } = await start()
  await untilReady()
  const cache = createCache({ name: 'shop', redis: redis.url, local: false })
  afterwards(() => cache.close())
  const failing = cache.namespace<string>({
    name: 'item',
    ttl: '5m',
    loadMany: async () => {
      throw new Error('the source is down')
    },
  })
  await items.getMany(['key-0', 'key-1'])
  await until(async () => (await failing.get('key-1').catch(() => undefined)) === 'loaded key-1', 'key-1 is in Redis')
  await expect(failing.getMany(['key-0', 'key-1', 'key-2'])).rejects.toThrow('the source is down')
  expect(await failing.get('key-0')).toBe('loaded key-0')
})
