import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import type { CacheHealth, NamespaceOptions } from '../../packages/core/src/index.ts'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { type ServiceProcess, startService } from '../support/service.ts'
import { SharedSource } from '../support/shared-source.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
// A lost channel is noticed after 3 s, at one of the ticks that are 1 s apart.
const lostWithin = 5_000

async function startParts() {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const operator = new Redis(redis.url)
  afterwards(() => operator.disconnect())
  const database = await startRedisServer()
  afterwards(() => database.stop())
  const source = new SharedSource(database.url)
  afterwards(() => source.close())

  async function open(url: string, count: number, loadTime = 5, namespace: Partial<NamespaceOptions<string>> = {}) {
    const service = await startService(count, {
      cache: { name: 'shop', redis: url },
      namespace: { ttl: '5m', ...namespace },
      loadTime,
      sharedSource: database.url,
    })
    afterwards(() => service.stop())
    await Promise.all(service.processes.map((process) => process.call('open')))
    for (const process of service.processes) await untilHealth(process, ({ redis }) => redis.channel === 'connected')
    return service.processes as [ServiceProcess, ...ServiceProcess[]]
  }

  return { redis, operator, source, open }
}

async function untilHealth(process: ServiceProcess, condition: (health: CacheHealth) => boolean): Promise<void> {
  await until(async () => condition(await process.call('health')), `health is such that ${condition}`)
}

test('after set and delete this process never reads an older value, and 2 others see the new one within 500 ms', async () => {
  const { redis, source, open } = await startParts()
  const [writer, ...others] = await open(redis.url, 3)
  for (let round = 1; round <= 5; round++) {
    expect(await writer.call('set', 'price', `set ${round}`)).toBe(`set ${round}`)
    for (const process of others) await process.call('waitFor', 'price', `set ${round}`, 500)
    await source.write('price', `changed ${round}`)
    await writer.call('delete', 'price')
    expect(await writer.call('get', 'price')).toBe(`changed ${round}`)
    for (const process of others) await process.call('waitFor', 'price', `changed ${round}`, 500)
  }
})

test('a process that writes 60 versions while it reads all the time never reads an older one, nor does it end with one', async () => {
  const { redis, source, open } = await startParts()
  await source.write('price', '0')
  // Entries end so soon that loads are under way all the time, in both processes.
  const [writer, other] = await open(redis.url, 2, 10, { ttl: 30 })
  await other?.call('startTraffic', 100, 1)
  expect(await writer.call('writeWhileReading', 'price', 60)).toEqual([])
  await other?.call('waitFor', 'price', '60', 500)
})

test('a process that lost only its subscriber stops believing its local tier, and believes it again afterwards', async () => {
  const { redis, operator, open } = await startParts()
  const [deaf, writer] = (await open(redis.url, 2)) as [ServiceProcess, ServiceProcess]
  await writer.call('setOnly', 'price', 'old')
  await deaf.call('waitFor', 'price', 'old', 500)

  await operator.call('ACL', 'SETUSER', 'default', '-subscribe')
  await operator.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await writer.call('setOnly', 'price', 'written before the loss was noticed')
  await deaf.call('waitFor', 'price', 'written before the loss was noticed', lostWithin)
  await untilHealth(deaf, ({ redis }) => redis.channel === 'lost')
  for (let round = 1; round <= 5; round++) {
    await writer.call('setOnly', 'price', `written while deaf ${round}`)
    expect(await deaf.call('get', 'price')).toBe(`written while deaf ${round}`)
  }

  await operator.call('ACL', 'SETUSER', 'default', '+subscribe')
  await untilHealth(deaf, ({ redis }) => redis.channel === 'connected')
  const localHits = async () => (await deaf.call('health')).namespaces['item']?.localHits ?? 0
  const before = await localHits()
  await until(async () => {
    expect(await deaf.call('get', 'price')).toBe('written while deaf 5')
    return (await localHits()) > before
  }, 'it answers from its local tier again')
})

test('a process that was cut off sees what was written meanwhile as soon as it hears the others again', async () => {
  const { redis, open } = await startParts()
  const proxy = await startTcpProxy(redis.port)
  afterwards(() => proxy.stop())
  const [cutOff] = await open(`redis://127.0.0.1:${proxy.port}`, 1)
  const [writer] = await open(redis.url, 1)
  await writer.call('setOnly', 'price', 'old')
  await cutOff.call('waitFor', 'price', 'old', 500)

  await proxy.cut()
  await untilHealth(cutOff, ({ mode }) => mode === 'local-only')
  await writer.call('setOnly', 'price', 'new')
  await proxy.restore()
  await untilHealth(cutOff, ({ mode, redis }) => mode === 'normal' && redis.channel === 'connected')
  await cutOff.call('waitFor', 'price', 'new', 2_000)
})

test('what a process wrote while it was cut off reaches the others when it is back, and until then it does not read Redis for it', async () => {
  const { redis, operator, open } = await startParts()
  const proxy = await startTcpProxy(redis.port)
  afterwards(() => proxy.stop())
  const [cutOff] = await open(`redis://127.0.0.1:${proxy.port}`, 1)
  const [other] = await open(redis.url, 1)
  await cutOff.call('setOnly', 'price', 'old')
  await other.call('waitFor', 'price', 'old', 500)

  await proxy.cut()
  await untilHealth(cutOff, ({ mode }) => mode === 'local-only')
  expect(await cutOff.call('set', 'price', 'new')).toBe('new')
  expect((await cutOff.call('health')).redis.pendingInvalidations).toBe(1)
  expect(await other.call('get', 'price')).toBe('old')

  await proxy.restore()
  await other.call('waitFor', 'price', 'new', lostWithin)
  await untilHealth(cutOff, ({ redis }) => redis.pendingInvalidations === 0)
  expect(await cutOff.call('get', 'price')).toBe('new')
  expect(String(await operator.get('shop:{item:price}:v'))).not.toContain('old')
})

test('two processes that set the same key at once, 200 times: Redis never differs from the source', async () => {
  const { redis, operator, source, open } = await startParts()
  const [first, second] = (await open(redis.url, 2, 10)) as [ServiceProcess, ServiceProcess]
  const keys = Array.from({ length: 200 }, (_, index) => `pair-${index}`)
  const differing: string[] = []
  for (let from = 0; from < keys.length; from += 40) {
    await Promise.all(
      keys.slice(from, from + 40).map(async (key) => {
        await Promise.all([
          first.call('setOnly', key, 'from the first'),
          second.call('setOnly', key, 'from the second'),
        ])
        const stored = await operator.get(`shop:{item:${key}}:v`)
        const value = await source.value(key)
        if (stored !== null && !stored.endsWith(JSON.stringify(value))) differing.push(key)
      }),
    )
  }
  expect(differing).toEqual([])
  for (const key of keys) {
    const value = (await source.value(key)) ?? ''
    await Promise.all([first, second].map((process) => process.call('waitFor', key, value, 500)))
  }
})

test.each(['set', 'delete'] as const)('a slow loader does not undo the %s of another process', async (how) => {
  const { redis, operator, source, open } = await startParts()
  const [loader, writer, third] = (await open(redis.url, 3, 0)) as [ServiceProcess, ServiceProcess, ServiceProcess]
  await loader.call('setLoadTime', 400)
  for (let round = 1; round <= 2; round++) {
    const key = `slow-${round}`
    await source.write(key, 'old')
    const loading = loader.call('get', key)
    await until(async () => (await source.running(key)) === 1, 'the loader has read the old value')
    if (how === 'set') await writer.call('setOnly', key, 'new')
    else {
      await source.write(key, 'new')
      await writer.call('delete', key)
    }
    expect(await third.call('get', key)).toBe('new')
    expect(await loading).toMatch(/old|new/)
    await until(async () => (await source.running(key)) === 0, 'the loader has ended')
    for (const process of [loader, writer, third]) expect(await process.call('get', key)).toBe('new')
    expect(await operator.get(`shop:{item:${key}}:v`)).toMatch(/"new"$/)
  }
})
