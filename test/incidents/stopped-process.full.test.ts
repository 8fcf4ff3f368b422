import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { type ServiceProcess, startService, untilNormal } from '../support/service.ts'
import { SharedSource } from '../support/shared-source.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()

test('a process stopped for 4 s while it holds a lease: another one loads, and what it loaded itself is not stored', async () => {
  const [redis, database] = await Promise.all([startRedisServer(), startRedisServer()])
  afterwards(() => redis.stop())
  afterwards(() => database.stop())
  const operator = new Redis(redis.url)
  afterwards(() => operator.disconnect())
  const source = new SharedSource(database.url)
  afterwards(() => source.close())
  const service = await startService(2, {
    cache: { name: 'shop', redis: redis.url },
    namespace: { ttl: '5m' },
    loadTime: 500,
    sharedSource: database.url,
  })
  afterwards(() => service.stop())
  const [stopped, other] = service.processes as [ServiceProcess, ServiceProcess]
  for (const process of [stopped, other]) {
    await process.call('open')
    await untilNormal(process)
  }
  await source.write('price', 'old')
  const loading = stopped.call('get', 'price')
  await until(async () => (await source.running('price')) === 1, 'the load has read the old value')
  await stopped.kill('SIGSTOP')
  await source.write('price', 'new')
  await pause(4_000)
  expect(await other.call('get', 'price')).toBe('new')
  await stopped.kill('SIGCONT')
  expect(await loading).toBe('old')
  await until(async () => (await stopped.call('health')).namespaces['item']?.storesSkipped === 1, 'it did not store')
  expect(await operator.get('shop:{item:price}:v')).toMatch(/"new"$/)
})

test('a process stopped while another one writes reads what was written within 500 ms of its going on', async () => {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const database = await startRedisServer()
  afterwards(() => database.stop())
  const service = await startService(2, {
    cache: { name: 'shop', redis: redis.url },
    namespace: { ttl: '5m' },
    loadTime: 5,
    sharedSource: database.url,
  })
  afterwards(() => service.stop())
  const [stopped, writer] = service.processes as [ServiceProcess, ServiceProcess]
  for (const process of [stopped, writer]) {
    await process.call('open')
    await untilNormal(process)
  }
  for (const seconds of [1, 5]) {
    await writer.call('setOnly', 'price', `before ${seconds}`)
    await stopped.call('waitFor', 'price', `before ${seconds}`, 500)
    await stopped.kill('SIGSTOP')
    await writer.call('setOnly', 'price', `after ${seconds}`)
    await pause(seconds * 1_000)
    await stopped.kill('SIGCONT')
    await stopped.call('waitFor', 'price', `after ${seconds}`, 500)
  }
})
