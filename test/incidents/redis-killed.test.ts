import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { freePort } from '../support/free-port.ts'
import { startRedisServer } from '../support/redis-server.ts'
import {
  type ServiceProcess,
  startControl,
  startService,
  untilHitsComeFromRedis,
  untilNormal,
} from '../support/service.ts'

const afterwards = cleanup()
const loadTime = 20

async function startProcesses(url: string, count = 1): Promise<[ServiceProcess, ...ServiceProcess[]]> {
  const cache = { name: 'shop', redis: url, local: false } as const
  const service = await startService(count, { cache, namespace: { ttl: '1m' }, loadTime })
  afterwards(() => service.stop())
  return service.processes as [ServiceProcess, ...ServiceProcess[]]
}

async function startControlled() {
  const control = await startControl(loadTime, 400)
  afterwards(() => control.stop())
  return control
}

test('Redis killed under 400 requests/s, one process, load 20 ms: all are answered with a value, p99 at most 10 ms over that of the bare source', async () => {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const [service] = await startProcesses(redis.url)
  const control = await startControlled()
  await service.call('open')
  await service.call('startTraffic', 400, 300)
  await untilHitsComeFromRedis(service)
  await Promise.all([service.call('measure'), control.p99()])

  await redis.kill()
  await pause(4_000)
  const [killed, p99OfSource] = await Promise.all([service.call('measure'), control.p99()])
  expect(killed).toMatchObject({ failures: [], unanswered: 0 })
  expect(killed.asked).toBeGreaterThan(1_500)
  expect(killed.p99).toBeLessThanOrEqual(p99OfSource + 10)
  expect(await service.call('health')).toMatchObject({ mode: 'local-only', redis: { status: 'unavailable' } })

  await redis.start()
  await untilNormal(service)
  await untilHitsComeFromRedis(service)
  expect(await service.call('measure')).toMatchObject({ failures: [], unanswered: 0 })
})

test('Redis never there, load 20 ms, the median of 5 processes: createCache returns within 20 ms, the first get within 40 ms', async () => {
  const processes = await startProcesses(`redis://127.0.0.1:${await freePort()}`, 5)
  const starts = []
  for (const service of processes) starts.push(await service.call('openAndGet', 'key-1'))
  expect(starts.map((start) => start.value)).toEqual(Array(5).fill('value of key-1'))
  expect(median(starts.map((start) => start.createMilliseconds))).toBeLessThanOrEqual(20)
  expect(median(starts.map((start) => start.getMilliseconds))).toBeLessThanOrEqual(loadTime + 20)
})

test('Redis never there, 400 requests/s, one process, load 20 ms: all are answered, p99 at most 10 ms over that of the bare source; it is used once it comes', async () => {
  const port = await freePort()
  const [service] = await startProcesses(`redis://127.0.0.1:${port}`)
  const control = await startControlled()
  await service.call('open')
  await service.call('startTraffic', 400, 300)
  await Promise.all([service.call('measure'), control.p99()])
  await pause(1_500)
  const [without, p99OfSource] = await Promise.all([service.call('measure'), control.p99()])
  expect(without).toMatchObject({ failures: [], unanswered: 0 })
  expect(without.p99).toBeLessThanOrEqual(p99OfSource + 10)
  expect(await service.call('health')).toMatchObject({ mode: 'local-only', redis: { status: 'unavailable' } })

  const redis = await startRedisServer({}, port)
  afterwards(() => redis.stop())
  await untilNormal(service)
  await untilHitsComeFromRedis(service)
})

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
