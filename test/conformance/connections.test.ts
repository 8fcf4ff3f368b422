import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { freePort } from '../support/free-port.ts'
import { connectionsMadeWithin, type OpenCache, openCache, untilHit, untilReady } from '../support/open-cache.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()

async function startRedis(settings: Record<string, string> = {}): Promise<RedisServer> {
  const redis = await startRedisServer(settings)
  afterwards(() => redis.stop())
  return redis
}

function connectTo(url: string, options: { db?: number; password?: string; keyPrefix?: string } = {}): Redis {
  const client = new Redis(url, options)
  client.on('error', () => {})
  afterwards(() => client.disconnect())
  return client
}

function open(options: Parameters<typeof openCache>[0]): OpenCache {
  const opened = openCache(options)
  afterwards(() => opened.cache.close())
  return opened
}

/** Two caches with these options share their entries and hear of each other's writes. */
async function expectToWork(options: Parameters<typeof openCache>[0]): Promise<void> {
  const first = open({ ...options, local: {} })
  const second = open(options)
  await Promise.all([untilReady(first), untilReady(second)])
  await first.items.set('key', 'set by the first')
  expect(await second.items.get('key')).toBe('set by the first')
  expect(second.loaded).toEqual([])
  expect(await first.items.get('key')).toBe('set by the first')
  await second.items.set('key', 'set by the second')
  await until(async () => (await first.items.get('key')) === 'set by the second', 'the first hears of it')
  await second.items.delete('key')
  await until(async () => (await first.items.get('key')) !== 'set by the second', 'the first hears of that too')
  expect(await untilHit(second, 'key')).toBe('set by the first')
}

test('by URL', async () => {
  const { url } = await startRedis()
  await expectToWork({ redis: url })
  expect(await connectTo(url).keys('*')).toEqual(['shop:{item:key}:v'])
})

test('by URL with a database', async () => {
  const { url } = await startRedis()
  await expectToWork({ redis: `${url}/3` })
  expect(await connectTo(url, { db: 3 }).dbsize()).toBe(1)
  expect(await connectTo(url).dbsize()).toBe(0)
})

test('by host and port, with a database', async () => {
  const { url, port } = await startRedis()
  await expectToWork({ redis: { primary: { host: '127.0.0.1', port }, db: 5 } })
  expect(await connectTo(url, { db: 5 }).dbsize()).toBe(1)
})

test.each(['secret', 'p@ss:w/rd %?#é'])('by user and password, as options and in the URL: %s', async (password) => {
  const { url, port } = await startRedis()
  const operator = connectTo(url)
  await operator.call('ACL', 'SETUSER', 'service', 'on', `>${password}`, '~shop:*', '&shop:*', '+@all', '-@admin')
  await operator.call('ACL', 'SETUSER', 'default', 'resetpass', '>other')
  await expectToWork({ redis: { primary: `redis://127.0.0.1:${port}`, username: 'service', password } })
  await expectToWork({ redis: `redis://service:${encodeURIComponent(password)}@127.0.0.1:${port}` })
})

test('with the password of the default user', async () => {
  const { port } = await startRedis({ requirepass: 'secret' })
  await expectToWork({ redis: `redis://:secret@127.0.0.1:${port}` })
})

test("by an ioredis instance, which is neither used nor closed, and whose prefix is not put before the cache's keys", async () => {
  const { url } = await startRedis()
  const instance = connectTo(url, { keyPrefix: 'mine:', db: 2 })
  await instance.set('own', 'value')
  await expectToWork({ redis: instance })
  for (const step of [await instance.get('own'), instance.status]) expect(['value', 'ready']).toContain(step)
  const operator = connectTo(url, { db: 2 })
  expect((await operator.keys('*')).toSorted()).toEqual(['mine:own', 'shop:{item:key}:v'])
})

test('closing the cache leaves the ioredis instance open', async () => {
  const { url } = await startRedis()
  const instance = connectTo(url)
  const opened = open({ redis: instance })
  await untilReady(opened)
  await opened.cache.close()
  await instance.set('own', 'value')
  expect(await instance.get('own')).toBe('value')
  await until(async () => (await clientsOf(instance)) === 1, 'only the own connection is left')
})

test('an ioredis instance that would queue commands for ever does not make the cache wait', async () => {
  const instance = new Redis(await freePort(), '127.0.0.1', { lazyConnect: true, maxRetriesPerRequest: null })
  afterwards(() => instance.disconnect())
  const { items, cache } = open({ redis: instance })
  expect(await items.get('key')).toBe('loaded key')
  await items.set('key', 'set')
  expect(cache.health()).toMatchObject({ mode: 'local-only', redis: { status: 'unavailable' } })
})

test('a wrong password: the service works without Redis, which is not hammered', async () => {
  const { url, port } = await startRedis({ requirepass: 'secret' })
  const operator = connectTo(url, { password: 'secret' })
  const { items, cache } = open({ redis: `redis://:wrong@127.0.0.1:${port}` })
  expect(await items.get('key')).toBe('loaded key')
  await items.set('key', 'set')
  expect(await items.get('key')).toBe('set')
  expect(cache.health().mode).toBe('local-only')
  // Three connections that wait longer and longer, up to 2 s, between attempts.
  expect(await connectionsMadeWithin(operator, 2_000)).toBeLessThanOrEqual(30)
})

test('never more connections than maxConnections, under load and after all were dropped', async () => {
  const redis = await startRedis()
  const proxy = await startTcpProxy(redis.port)
  afterwards(() => proxy.stop())
  const operator = connectTo(redis.url)
  const opened = open({ redis: `redis://127.0.0.1:${proxy.port}`, maxConnections: 3, commandTimeout: '5s' })
  await untilReady(opened)
  // Answers that take long leave many commands unanswered, for which more connections are opened.
  proxy.delay(20)
  let most = 0
  const load = async (): Promise<void> => {
    for (let round = 0; round < 20; round++) {
      const keys = Array.from({ length: 10 }, (_, index) => `key-${round}-${index}`)
      const reading = keys.map(async (key) => {
        await new Promise((resolve) => setImmediate(resolve))
        return Promise.all([opened.items.get(key), opened.items.set(`other-${key}`, 'value')])
      })
      most = Math.max(most, (await clientsOf(operator)) - 1)
      await Promise.all(reading)
    }
  }
  await load()
  expect(most).toBe(3)
  expect(opened.cache.health().redis).toMatchObject({ connections: 3, maxConnections: 3 })
  await operator.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await load()
  await untilReady(opened)
  expect(most).toBe(3)
})

async function clientsOf(operator: Redis): Promise<number> {
  return String(await operator.client('LIST'))
    .trim()
    .split('\n').length
}
