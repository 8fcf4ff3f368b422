import { Redis } from 'ioredis'
import { onTestFinished as afterwards, expect, test } from 'vitest'
import { type CacheOptions, createCache } from '../../packages/core/src/index.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

// A busy machine may be slow to answer, and what is not stored in time is not stored at all.
const patient: Partial<CacheOptions> = {
  ...{ commandTimeout: 5_000, connectTimeout: 5_000 },
  ...{ pressure: { interval: 1_000 }, compression: false },
}
const filler = (bytes: number) => 'x'.repeat(bytes)

async function start() {
  const redis = await startRedisServer({ maxmemory: '256mb', 'maxmemory-policy': 'allkeys-lru' })
  afterwards(() => redis.stop())
  const operator = new Redis(redis.url)
  afterwards(() => operator.disconnect())
  return { url: redis.url, operator }
}

/** Bytes of the keys of a namespace, as Redis weighs them. */
async function weigh(operator: Redis, namespace: string): Promise<{ keys: number; bytes: number }> {
  const keys = await operator.keys(`shop:{${namespace}:*}:v`)
  const sizes = await Promise.all(keys.map((key) => operator.memory('USAGE', key) as Promise<number>))
  return { keys: keys.length, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}

test('health tells which namespace fills Redis, near what Redis itself would say', async () => {
  const { url, operator } = await start()
  const cache = createCache({ name: 'shop', redis: url, ...patient })
  afterwards(() => cache.close())
  const options = {
    ttl: '1h',
    load: (key: string) => `${key} ${filler(key.startsWith('large') ? 4_000 : 100)}`,
  } as const
  const large = cache.namespace<string>({ name: 'large', ...options })
  const small = cache.namespace<string>({ name: 'small', ...options })
  for (let from = 0; from < 3_000; from += 100) {
    const numbers = Array.from({ length: 100 }, (_, index) => from + index)
    await small.getMany(numbers.map((number) => `small-${number}`))
    if (from < 500) await large.getMany(numbers.map((number) => `large-${number}`))
  }
  await until(async () => (await weigh(operator, 'small')).keys === 3_000, 'all is stored')

  const { namespaces } = cache.health()
  for (const name of ['large', 'small']) {
    const { bytes } = await weigh(operator, name)
    expect((namespaces[name]?.redisBytes ?? 0) / bytes).toBeGreaterThan(0.8)
    expect((namespaces[name]?.redisBytes ?? 0) / bytes).toBeLessThan(1.35)
  }
  expect(namespaces['large']?.redisShare).toBeGreaterThan(0.6)
  await Promise.all(Array.from({ length: 250 }, (_, index) => large.delete(`large-${index}`)))
  const after = cache.health().namespaces['large']?.redisBytes ?? 0
  expect(after / (namespaces['large']?.redisBytes ?? 1)).toBeCloseTo(0.5, 1)
})

test('a budget is kept by all processes together, and what is beyond it stays with them', async () => {
  const { url, operator } = await start()
  const open = () => {
    const cache = createCache({ name: 'shop', redis: url, ...patient })
    afterwards(() => cache.close())
    let loads = 0
    const pages = cache.namespace<string>({
      name: 'page',
      ttl: '1h',
      maxRedisBytes: '256Ki',
      load: (key) => {
        loads += 1
        return key + filler(1_000)
      },
    })
    return { cache, pages, loads: () => loads }
  }
  const [first, second] = [open(), open()]
  const budget = () => first.cache.health().namespaces['page']?.budget
  let next = 0
  const page = (service: typeof first, key: string) => service.pages.get(key)
  await until(async () => {
    for (let count = 0; count < 10; count++) {
      await page(first, `first-${next}`)
      await page(second, `second-${next}`)
      next += 1
    }
    return (budget()?.fleetBytes ?? 0) > 256 * 1024
  }, 'the budget is spent')
  await until(() => (second.cache.health().namespaces['page']?.budget?.fleetBytes ?? 0) > 256 * 1024, 'the other knows')

  const stored = (await weigh(operator, 'page')).keys
  const before = first.loads()
  for (const key of ['over-1', 'over-2', 'over-1', 'over-2']) expect(await page(first, key)).toContain('over')
  expect(first.loads() - before).toBe(2)
  expect((await weigh(operator, 'page')).keys).toBe(stored)
  expect(first.cache.health().findings.map(({ id }) => id)).toContain('namespace-over-budget')

  // Each key is still deleted, whoever stored it: that makes room.
  for (let index = 0; index < next; index++) {
    await first.pages.delete(`first-${index}`)
    await first.pages.delete(`second-${index}`)
  }
  await until(() => (budget()?.fleetBytes ?? Number.POSITIVE_INFINITY) <= 256 * 1024, 'there is room again')
  // What has just lost nearly all its keys is filled slowly, so not each is stored.
  let again = 0
  await until(async () => {
    await page(first, `again-${again++}`)
    return (await operator.keys('shop:{page:again-*}:v')).length > 0
  }, 'values are stored again')
})
