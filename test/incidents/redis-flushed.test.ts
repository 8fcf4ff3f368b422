import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { type ServiceProcess, startService } from '../support/service.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()

test('Redis flushed at 1,500 requests/s over 3,000 keys, one process, load 20 ms: all answered within 3 s, at most 20 loads at once', async () => {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const operator = new Redis(redis.url)
  afterwards(() => operator.disconnect())
  const service = await startService(1, {
    cache: { name: 'shop', redis: redis.url, local: false, source: { concurrency: 20 } },
    namespace: { ttl: '5m' },
    loadTime: 20,
  })
  afterwards(() => service.stop())
  const process = service.processes[0] as ServiceProcess
  await process.call('open')
  await process.call('setLoadTime', 1)
  await process.call('warm', 3_000)
  await process.call('setLoadTime', 20)
  await process.call('startTraffic', 1_500, 3_000)
  await until(async () => (await process.call('health')).namespaces['item']?.redisHits !== 0, 'hits come from Redis')
  expect(await operator.dbsize()).toBeGreaterThanOrEqual(3_000)
  await process.call('measure')
  const before = await process.call('ownSource')

  await operator.flushall()
  await until(async () => (await operator.dbsize()) > 2_400, 'most entries are in Redis again')

  expect(await process.call('measure')).toMatchObject({
    failures: [],
    unanswered: 0,
    longest: expect.toSatisfy(within(3_000)),
  })
  const after = await process.call('ownSource')
  expect(after.peak).toBeLessThanOrEqual(20)
  expect(after.reads - before.reads).toBeLessThanOrEqual(3_100)
})

function within(milliseconds: number) {
  return (value: unknown): boolean => typeof value === 'number' && value <= milliseconds
}
