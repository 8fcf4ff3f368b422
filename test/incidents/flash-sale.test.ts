import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { startService } from '../support/service.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
const processes = 8
const keys = 400
const usual = 200
const sale = 15 * usual
const concurrency = 4

// Scaled: 400 products instead of a catalogue, 200 requests a second on a usual day, and the load of the sale for 8 seconds.
test(`a flash sale, ${processes} processes: 60 % silently evicted, then ${sale} requests/s: 98 % of them spare the source, which bears ${concurrency} a process`, async () => {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const operator = new Redis(redis.url)
  afterwards(() => operator.disconnect())
  const service = await startService(processes, {
    cache: { name: 'shop', redis: redis.url, local: { ttl: '1s' }, source: { concurrency } },
    namespace: { ttl: '5m' },
    loadTime: 20,
  })
  afterwards(() => service.stop())
  const all = service.processes
  await Promise.all(all.map((process) => process.call('open')))
  await all[0]?.call('warm', keys)
  for (const process of all) await process.call('startTraffic', usual / processes, keys)
  await until(async () => {
    const healths = await Promise.all(all.map((process) => process.call('health')))
    return healths.every(({ namespaces }) => (namespaces['item']?.redisHits ?? 0) > 20)
  }, 'all processes read from Redis')

  const entries = await operator.keys('shop:*:v')
  expect(entries.length).toBeGreaterThanOrEqual(keys)
  const evicted = entries.filter((_, index) => index % 5 < 3)
  await operator.unlink(...evicted)
  const readsBefore = await sourceReads()
  for (const process of all) {
    await process.call('measure')
    await process.call('stopTraffic')
    await process.call('startTraffic', sale / processes, keys)
  }
  let asked = 0
  const failures: string[] = []
  let longest = 0
  await until(
    async () => {
      const stretches = await Promise.all(all.map((process) => process.call('measure')))
      for (const stretch of stretches) {
        asked += stretch.asked
        failures.push(...stretch.failures)
        longest = Math.max(longest, stretch.longest)
      }
      return asked >= 8 * sale
    },
    'the sale is over',
    40_000,
  )

  expect(failures).toEqual([])
  expect(longest).toBeLessThan(1_000)
  const reads = (await sourceReads()) - readsBefore
  expect(reads).toBeGreaterThanOrEqual(evicted.length * 0.9)
  console.log(
    `${asked} reads, ${reads} of them from the source: ${((100 * (asked - reads)) / asked).toFixed(1)} % spared`,
  )
  expect(1 - reads / asked).toBeGreaterThanOrEqual(0.98)
  const peaks = await Promise.all(all.map(async (process) => (await process.call('ownSource')).peak))
  expect(Math.max(...peaks)).toBeLessThanOrEqual(concurrency)

  async function sourceReads(): Promise<number> {
    const own = await Promise.all(all.map((process) => process.call('ownSource')))
    return own.reduce((sum, { reads }) => sum + reads, 0)
  }
})
