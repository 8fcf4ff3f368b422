import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { type ServiceProcess, startService, untilHitsComeFromRedis, untilNormal } from '../support/service.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()

async function start() {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const service = await startService(1, {
    cache: { name: 'shop', redis: redis.url, local: false },
    namespace: { ttl: '1m' },
    loadTime: 20,
  })
  afterwards(() => service.stop())
  return { redis, service: service.processes[0] as ServiceProcess }
}

test('Redis frozen for 4 s under 400 requests/s, one process, load 20 ms: all are answered, p99 at most 250 ms', async () => {
  const { redis, service } = await start()
  await service.call('open')
  await service.call('startTraffic', 400, 300)
  await untilHitsComeFromRedis(service)
  await untilNormal(service)
  await service.call('measure')

  await redis.freeze()
  await pause(4_000)
  const frozen = await service.call('measure')
  expect(frozen).toMatchObject({ failures: [], unanswered: 0 })
  expect(frozen.asked).toBeGreaterThan(1_500)
  expect(frozen.p99).toBeLessThanOrEqual(250)
  expect(await service.call('health')).toMatchObject({
    mode: 'local-only',
    breakers: { read: expect.stringMatching(/open/) },
    redis: { channel: 'lost' },
  })

  await redis.thaw()
  await untilNormal(service)
  await untilHitsComeFromRedis(service)
  expect(await service.call('measure')).toMatchObject({ failures: [], unanswered: 0 })
})

test('Redis frozen when the process starts, 400 requests/s, load 20 ms: all are answered, p99 at most 250 ms', async () => {
  const { redis, service } = await start()
  await redis.freeze()
  const first = await service.call('openAndGet', 'key-1')
  expect(first.value).toBe('value of key-1')
  expect(first.createMilliseconds).toBeLessThanOrEqual(50)
  expect(first.getMilliseconds).toBeLessThanOrEqual(300)
  await service.call('startTraffic', 400, 300)
  await pause(1_500)
  const frozen = await service.call('measure')
  expect(frozen).toMatchObject({ failures: [], unanswered: 0 })
  expect(frozen.p99).toBeLessThanOrEqual(250)

  await redis.thaw()
  await untilNormal(service)
  await untilHitsComeFromRedis(service)
})

test('Redis frozen, one process: a set and a delete take at most 600 ms together, and Redis has nothing older than they once it is thawed', async () => {
  const { redis, service } = await start()
  const operator = new Redis(redis.url)
  afterwards(() => operator.disconnect())
  await service.call('open')
  await untilNormal(service)
  for (const key of ['key-1', 'key-2', 'key-3']) await service.call('setOnly', key, 'old')

  await redis.freeze()
  // The first of them are on their way to Redis when it is given up, and are run when it is thawed.
  for (const [key, value] of [
    ['key-1', 'first'],
    ['key-1', 'second'],
    ['key-2', 'new'],
    ['key-3', 'new'],
  ] as const) {
    const started = performance.now()
    expect(await service.call('set', key, value)).toBe(value)
    await service.call('delete', key)
    expect(performance.now() - started).toBeLessThanOrEqual(600)
    expect(await service.call('get', key)).toBe(value)
  }
  expect((await service.call('health')).redis.pendingInvalidations).toBe(3)

  await redis.thaw()
  await until(async () => (await service.call('health')).redis.pendingInvalidations === 0, 'Redis has heard of all')
  expect(await service.call('get', 'key-1')).toBe('second')
  expect(String(await operator.get('shop:{item:key-1}:v'))).not.toMatch(/old|first/)
  for (const key of ['key-2', 'key-3']) {
    expect(await service.call('get', key)).toBe('new')
    expect(String(await operator.get(`shop:{item:${key}}:v`))).not.toContain('old')
  }
})
