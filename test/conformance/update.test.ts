import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { createCache, LeaseUnavailableError } from '../../packages/core/src/index.ts'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()

/** Two processes' worth of caches round one Redis and one source, which is slow enough for others to come between. */
async function start(settings: Record<string, string>) {
  const redis = await startRedisServer(settings)
  afterwards(() => redis.stop())
  const operator = new Redis(redis.url)
  afterwards(() => operator.disconnect())
  const rows = new Map<string, number>()
  const counters = ['one', 'two'].map(() => {
    const cache = createCache({ name: 'shop', redis: redis.url, commandTimeout: 5_000 })
    afterwards(() => cache.close())
    const namespace = cache.namespace<number>({
      name: 'counter',
      load: async (key) => {
        const row = rows.get(key)
        await pause(2)
        return row
      },
      save: async (key, value) => {
        await pause(2)
        rows.set(key, value)
      },
    })
    return { cache, namespace }
  })
  for (const { cache } of counters) await until(() => cache.health().redis.status === 'ready', 'Redis is connected')
  return { operator, rows, counters }
}

const addOne = (value = 0) => value + 1

test('in a full Redis no update is lost, and none is refused', async () => {
  const { operator, rows, counters } = await start({ maxmemory: '1', 'maxmemory-policy': 'noeviction' })
  await expect(operator.set('any', 'value')).rejects.toThrow('OOM')
  const updates = counters.flatMap(({ namespace }) =>
    Array.from({ length: 20 }, () => namespace.update('a', addOne, { wait: '1m' })),
  )
  await Promise.all(updates)
  expect(rows.get('a')).toBe(40)
  for (const { namespace } of counters) expect(await namespace.get('a')).toBe(40)
  await until(async () => (await operator.keys('shop:{counter:*')).length === 0, 'no lease is left behind')
})

test('where Redis takes no write at all nothing is changed', async () => {
  const { operator, rows, counters } = await start({})
  await operator.replicaof('127.0.0.1', '1')
  for (const { namespace } of counters) {
    await expect(namespace.update('a', addOne)).rejects.toBeInstanceOf(LeaseUnavailableError)
  }
  expect(rows.size).toBe(0)
})
