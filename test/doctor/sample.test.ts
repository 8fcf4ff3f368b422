import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { sampleKeys } from '../../packages/core/src/doctor/sample.ts'
import { sampleClientOf } from '../../packages/core/src/doctor/sample-client.ts'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'

const afterwards = cleanup()

test('a sample of 5,000 keys tells what is there, makes no key look used and adds the hits that it declares', async () => {
  const server = await startRedisServer()
  afterwards(() => server.stop())
  const redis = new Redis(server.url)
  redis.on('error', () => {})
  afterwards(() => redis.disconnect())
  const value = 'v'.repeat(1_000)
  const filling = redis.pipeline()
  for (let index = 0; index < 3_000; index++) filling.set(`session:${index}`, value, 'PX', 600_000)
  for (let index = 0; index < 1_000; index++) filling.set(`shop:{product:${index}}:v`, 'small')
  for (let index = 0; index < 500; index++) filling.hset(`user:${index}:profile`, { name: 'name', city: 'city' })
  for (let index = 0; index < 499; index++) filling.rpush(`queue:${index}`, 'a', 'b')
  filling.set('report', Buffer.alloc(300_000))
  await filling.exec()
  // Sets an idle time without waiting for one.
  const watched = ['session:7', 'shop:{product:7}:v', 'user:7:profile', 'queue:7', 'report']
  for (const key of watched) {
    const ttl = Math.max(0, await redis.pttl(key))
    await redis.restore(key, ttl, (await redis.dumpBuffer(key)) as Buffer, 'REPLACE', 'IDLETIME', 5_000)
  }
  const before = await hitsAndMisses(redis)

  const sample = await sampleKeys(sampleClientOf(redis), { limit: 10_000, keysInDatabase: await redis.dbsize() })

  const after = await hitsAndMisses(redis)
  expect(sample).toMatchObject({ keys: 5_000, withoutTtl: 2_000, endedBy: 'end', hitsAdded: 10_000, denied: [] })
  expect(after.hits - before.hits).toBe(sample.hitsAdded)
  expect(after.misses - before.misses).toBe(0)
  for (const key of watched) expect(await redis.object('IDLETIME', key)).toBeGreaterThanOrEqual(5_000)

  const prefixes = Object.fromEntries(sample.prefixes.map((prefix) => [prefix.prefix, prefix]))
  expect(Object.keys(prefixes).sort()).toEqual(['(no prefix)', 'queue', 'session', 'shop:{product:*}', 'user:*'])
  const perSession = (await redis.memory('USAGE', 'session:8')) as number
  expect(perSession).toBeGreaterThan(1_000)
  expect((prefixes['session']?.bytes ?? 0) / 3_000 / perSession).toBeCloseTo(1, 1)
  expect(prefixes['session']).toMatchObject({ keys: 3_000, withoutTtl: 0 })
  expect(prefixes['session']?.averageTtlMilliseconds).toBeGreaterThan(500_000)
  expect(prefixes['shop:{product:*}']).toMatchObject({ keys: 1_000, withoutTtl: 1_000 })
  expect(prefixes['user:*']).toMatchObject({ keys: 500, averageTtlMilliseconds: undefined })
  expect(sample.largest[0]).toMatchObject({ type: 'string' })
  expect(sample.largest[0]?.bytes).toBeGreaterThan(300_000)
  expect(sample.largest.map(({ key }) => key).join()).not.toContain('report')

  const part = await sampleKeys(sampleClientOf(redis), { limit: 1_000, showKeys: true })
  expect(part).toMatchObject({ keys: 1_000, endedBy: 'limit' })
})

async function hitsAndMisses(redis: Redis): Promise<{ hits: number; misses: number }> {
  const stats = await redis.info('stats')
  const number = (field: string) => Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(stats)?.[1])
  return { hits: number('keyspace_hits'), misses: number('keyspace_misses') }
}
