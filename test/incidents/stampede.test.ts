import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { NamespaceOptions } from '../../packages/core/src/index.ts'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { type Service, type ServiceProcess, startService } from '../support/service.ts'
import { SharedSource } from '../support/shared-source.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()

interface Running {
  readonly service: Service
  readonly source: SharedSource
}

async function start(
  processes: number,
  loadTime: number,
  namespace: Partial<NamespaceOptions<string>>,
): Promise<Running> {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const database = await startRedisServer()
  afterwards(() => database.stop())
  const source = new SharedSource(database.url)
  afterwards(() => source.close())
  const service = await startService(processes, {
    cache: { name: 'shop', redis: redis.url },
    namespace,
    loadTime,
    sharedSource: database.url,
  })
  afterwards(() => service.stop())
  await Promise.all(service.processes.map((process) => process.call('open')))
  return { service, source }
}

test('a cold key, 8 processes with 100 gets each: exactly one load, 20 runs in a row', async () => {
  const { service, source } = await start(8, 50, { ttl: '1m' })
  for (let run = 1; run <= 20; run++) {
    const key = `cold-${run}`
    await source.write(key, `answer ${run}`)
    const answers = await Promise.all(service.processes.map((process) => process.call('getTogether', key, 100)))
    expect(answers).toEqual(Array(8).fill([`answer ${run}`]))
    expect(await source.reads(key)).toBe(1)
  }
})

test('the holder of the lease killed in its load, 4 processes: another one loads within 3 s', async () => {
  const { service, source } = await start(4, 60_000, { ttl: '1m', loadTimeout: '2m', lease: { wait: '1m' } })
  const [holder, ...others] = service.processes as [ServiceProcess, ...ServiceProcess[]]
  await source.write('cold', 'answer')
  const unanswered = expect(holder.call('get', 'cold')).rejects.toThrow('SIGKILL')
  await until(async () => (await source.running('cold')) === 1, 'the holder loads')
  await Promise.all(others.map((process) => process.call('setLoadTime', 10)))
  const answers = Promise.all(others.map((process) => process.call('get', 'cold')))
  const health = async () => (await others[0]?.call('health'))?.namespaces['item']
  await until(async () => ((await health())?.leaseWaits ?? 0) > 0, 'the others wait for the lease')

  await holder.kill()
  await unanswered
  const killed = performance.now()
  expect(await answers).toEqual(['answer', 'answer', 'answer'])
  expect(performance.now() - killed).toBeLessThanOrEqual(3_000)
  expect(await source.reads('cold')).toBe(2)
})

test('a hot key, TTL 1 s, load 100 ms, 4 processes at 200 requests/s each, 5 s: at most 7 loads, p99 at most 5 ms', async () => {
  const { service, source } = await start(4, 100, { ttl: '1s', ttlJitter: 0 })
  await source.write('key-0', 'value of key-0')
  for (const process of service.processes) await process.call('get', 'key-0')
  for (const process of service.processes) await process.call('startTraffic', 200, 1)
  await Promise.all(service.processes.map((process) => process.call('measure')))

  const before = await source.reads('key-0')
  await pause(5_000)
  const loads = (await source.reads('key-0')) - before
  const measured = await Promise.all(service.processes.map((process) => process.call('measure')))
  for (const one of measured) expect(one).toMatchObject({ failures: [], unanswered: 0 })
  // A lifetime is cut short by a fifth at the most, so 5 s hold seven.
  expect(loads).toBeLessThanOrEqual(7)
  expect(Math.max(...measured.map((one) => one.p99))).toBeLessThanOrEqual(5)

  await Promise.all(service.processes.map((process) => process.call('setLoadTime', 500)))
  const beforeSlow = await source.reads('key-0')
  await until(async () => (await source.reads('key-0')) >= beforeSlow + 2, 'two more loads have begun')
  expect(await source.peak('key-0')).toBe(1)
  for (const process of service.processes) {
    expect(await process.call('measure')).toMatchObject({ failures: [], unanswered: 0 })
  }
})
