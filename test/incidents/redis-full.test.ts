import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { type ServiceProcess, startService } from '../support/service.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
const keys = 200
const ttl = 2_000

test('Redis full under noeviction, two processes at 600 requests/s over 200 keys, TTL 2 s: no caller notices, Redis is hardly asked, and it heals', async () => {
  const redis = await startRedisServer({ maxmemory: '12mb', 'maxmemory-policy': 'noeviction' })
  afterwards(() => redis.stop())
  const source = await startRedisServer()
  afterwards(() => source.stop())
  const operator = new Redis(redis.url)
  afterwards(() => operator.disconnect())
  const service = await startService(2, {
    cache: { name: 'shop', redis: redis.url },
    namespace: { ttl, ttlJitter: 0 },
    loadTime: 5,
    sharedSource: source.url,
  })
  afterwards(() => service.stop())
  const [first, second] = service.processes as [ServiceProcess, ServiceProcess]
  const database = new Redis(source.url)
  afterwards(() => database.disconnect())
  for (let key = 0; key < keys; key++) await database.set(`key-${key}:value`, `value of key-${key}`)
  await database.set('price:value', 'old')

  for (const process of service.processes) {
    await process.call('open')
    await process.call('startTraffic', 600, keys)
  }
  await until(async () => (await operator.dbsize()) >= keys / 2, 'Redis holds most of the entries')
  expect(await first.call('get', 'price')).toBe('old')
  expect(await second.call('get', 'price')).toBe('old')

  await fill(operator)
  await until(async () => (await modes(service.processes)).every((mode) => mode === 'read-only'), 'both are read-only')
  for (const process of service.processes) await process.call('measure')
  // The first second after the refusals began is not counted.
  await pause(1_000)

  const refusedBefore = await refusals(operator)
  const readsBefore = await reads(database)
  const seconds = 3
  const started = performance.now()
  await pause(seconds * 1_000)
  const refused = (await refusals(operator)) - refusedBefore
  const loaded = (await reads(database)) - readsBefore
  const elapsed = performance.now() - started

  for (const process of service.processes) {
    expect(await process.call('measure')).toMatchObject({ failures: [], unanswered: 0 })
    expect((await process.call('health')).breakers.read).toBe('closed')
  }
  expect(refused).toBeGreaterThan(0)
  expect(refused).toBeLessThanOrEqual(Math.ceil((2 * service.processes.length * elapsed) / 1_000))
  // One load a key, TTL and process: as many as lifetimes begin within the time.
  expect(loaded).toBeLessThanOrEqual(keys * service.processes.length * (Math.floor(elapsed / ttl) + 1))

  expect(await first.call('set', 'price', 'new')).toBe('new')
  await second.call('waitFor', 'price', 'new', 1_000)
  expect(await first.call('get', 'price')).toBe('new')
  await second.call('delete', 'price')
  await database.set('price:value', 'newest')
  await second.call('delete', 'price')
  await first.call('waitFor', 'price', 'newest', 1_000)

  await operator.del(await operator.keys('filler:*'))
  await until(async () => (await modes(service.processes)).every((mode) => mode === 'normal'), 'both are normal again')
  await until(async () => (await operator.exists('shop:{item:key-1}:v')) === 1, 'entries are stored in Redis again')
  for (const process of service.processes) {
    expect(await process.call('measure')).toMatchObject({ failures: [], unanswered: 0 })
    expect((await process.call('health')).breakers).toMatchObject({ read: 'closed', write: 'closed' })
  }

  async function modes(processes: readonly ServiceProcess[]): Promise<string[]> {
    return Promise.all(processes.map(async (process) => (await process.call('health')).mode))
  }

  async function reads(database: Redis): Promise<number> {
    const counted = await database.mget(Array.from({ length: keys }, (_, key) => `key-${key}:reads`))
    return counted.reduce((sum, count) => sum + Number(count), 0)
  }
})

/** Until nothing more fits: in smaller and smaller pieces, for one large value may be refused where a small one passes. */
async function fill(operator: Redis): Promise<void> {
  let made = 0
  for (let bytes = 64_000; bytes >= 1; bytes = Math.floor(bytes / 4)) {
    for (;;) {
      try {
        await operator.set(`filler:${made++}`, 'x'.repeat(bytes))
      } catch (error) {
        if (!String(error).includes('OOM')) throw error
        break
      }
    }
  }
  // Entries that expire would make room: what fills Redis must be more than that.
  await operator.config('SET', 'maxmemory', '8mb')
}

async function refusals(operator: Redis): Promise<number> {
  return Number(/errorstat_OOM:count=(\d+)/.exec(await operator.info('errorstats'))?.[1] ?? 0)
}
