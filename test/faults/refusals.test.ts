import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { findRedisServer } from '../../scripts/redis-server.ts'
import { cleanup } from '../support/cleanup.ts'
import { connectionsMadeWithin, openCache, untilHit, untilReady } from '../support/open-cache.ts'
import { startReplicatedPair } from '../support/redis-replica.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()

async function startRedis(settings: Record<string, string> = {}): Promise<{ redis: RedisServer; operator: Redis }> {
  const redis = await startRedisServer(settings)
  afterwards(() => redis.stop())
  const operator = new Redis(redis.url)
  operator.on('error', () => {})
  afterwards(() => operator.disconnect())
  await operator.ping()
  return { redis, operator }
}

function open(options: Parameters<typeof openCache>[0]) {
  const opened = openCache(options)
  afterwards(() => opened.cache.close())
  return opened
}

test('a replica in the place of the primary: reads are answered by it, writes reach the source, and it is not hammered', async () => {
  const { primary, replica, atReplica } = await startReplicatedPair(afterwards)
  const seed = open({ redis: primary.url })
  await untilReady(seed)
  await seed.items.set('key', 'value')
  await until(async () => (await atReplica.exists('shop:{item:key}:v')) === 1, 'the replica has the entry')

  const opened = open({ redis: replica.url })
  const { cache, items } = opened
  expect(await untilHit(opened, 'key')).toBe('value')
  await items.set('other', 'written')
  await until(() => cache.health().mode === 'read-only', 'the mode is read-only')
  // The refusal has made connections look for the new primary of a failover, which there is not. No key is blamed for it.
  expect(await untilHit(opened, 'key')).toBe('value')
  const connections = connectionsMadeWithin(atReplica, 2_000)
  for (let round = 0; round < 50; round++) {
    expect(await items.get('key')).toBe('value')
    expect(await items.get('other')).toBe('written')
    expect(await items.get(`cold-${round}`)).toBe(`loaded cold-${round}`)
    await items.set('key', 'value')
  }
  expect(await connections).toBeLessThanOrEqual(10)
  expect(cache.health().breakers.read).toBe('closed')
})

test('a Redis that cannot persist and takes no writes (MISCONF) is read, and written again once it can', async ({
  skip,
}) => {
  skip((await findRedisServer()).kind === 'container', 'it takes a folder that the server shares with the test')
  const folder = await mkdtemp(join(tmpdir(), 'redis-misconf-'))
  afterwards(() => rm(folder, { recursive: true, force: true }))
  const { redis, operator } = await startRedis({ dir: folder, dbfilename: 'dump.rdb', save: '3600 1' })
  const opened = open({ redis: redis.url })
  const { cache, items } = opened
  await untilReady(opened)
  await items.set('kept', 'value')
  // A folder in the place of the file: Redis cannot rename what it has saved.
  await mkdir(join(folder, 'dump.rdb', 'full'), { recursive: true })
  await operator.bgsave()
  await until(async () => (await operator.info('persistence')).includes('rdb_last_bgsave_status:err'), 'saving fails')

  await items.set('price', 'new')
  expect(cache.health()).toMatchObject({ mode: 'read-only', reasons: [expect.stringContaining('MISCONF')] })
  expect(await items.get('price')).toBe('new')
  expect(await untilHit(opened, 'kept')).toBe('value')
  await items.delete('kept')
  expect(await items.get('kept')).toBe('value')
  expect(cache.health().breakers.read).toBe('closed')

  await rm(join(folder, 'dump.rdb'), { recursive: true })
  await operator.bgsave()
  await until(async () => {
    await items.get(`cold-${Math.random()}`)
    return cache.health().mode === 'normal' && cache.health().redis.pendingInvalidations === 0
  }, 'the mode is normal again')
  await items.get('price')
  expect(await untilHit(opened, 'price')).toBe('new')
})

test('a Redis that is busy with a script (BUSY) is done without, and used again afterwards', async () => {
  const { redis, operator } = await startRedis({ 'lua-time-limit': '50' })
  const opened = open({ redis: redis.url })
  const { cache, items } = opened
  await untilReady(opened)
  await items.set('key', 'value')
  const busy = operator.eval('while true do end', 0).catch((error: Error) => error.message)
  await until(async () => {
    expect(await items.get('key')).toBe('value')
    return cache.health().mode === 'local-only'
  }, 'the mode is local-only')
  await items.set('key', 'changed')
  expect(await items.get('key')).toBe('changed')

  const rescuer = new Redis(redis.url, { enableReadyCheck: false })
  afterwards(() => rescuer.disconnect())
  await until(async () => (await rescuer.script('KILL').catch(() => '')) === 'OK', 'the script is killed')
  expect(await busy).toContain('killed')
  await untilReady(opened)
  expect(await untilHit(opened, 'key')).toBe('changed')
})

test('a Redis whose writes hang is done without, and used again once they do not', async () => {
  const { redis, operator } = await startRedis()
  const opened = open({ redis: redis.url })
  const { cache, items } = opened
  await untilReady(opened)
  await items.set('key', 'value')
  await operator.call('CLIENT', 'PAUSE', '60000', 'WRITE')
  for (let round = 0; round < 5; round++) {
    expect(await items.get('key')).toBe('value')
    expect(await items.get(`cold-${round}`)).toBe(`loaded cold-${round}`)
  }
  await items.set('other', 'new')
  expect(await items.get('other')).toBe('new')
  expect(cache.health().breakers.write).not.toBe('closed')
  await operator.call('CLIENT', 'UNPAUSE')
  await untilReady(opened)
  await items.get('other')
  expect(await untilHit(opened, 'other')).toBe('new')
})

test('a Redis that takes no more connections is done without and not hammered, and used once it does', async () => {
  const { redis, operator } = await startRedis({ maxclients: '1' })
  const opened = open({ redis: redis.url })
  const { cache, items } = opened
  expect(await items.get('key')).toBe('loaded key')
  await items.set('key', 'set')
  expect(await items.get('key')).toBe('set')
  expect(cache.health().mode).toBe('local-only')
  const refused = async (): Promise<number> =>
    Number(/rejected_connections:(\d+)/.exec(await operator.info('stats'))?.[1])
  const before = await refused()
  await connectionsMadeWithin(operator, 1_500)
  expect((await refused()) - before).toBeLessThanOrEqual(30)
  await operator.config('SET', 'maxclients', '100')
  await untilReady(opened)
  expect(await untilHit(opened, 'key')).toBe('set')
})
