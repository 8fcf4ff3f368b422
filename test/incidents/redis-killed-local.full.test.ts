import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
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

test('Redis killed under 400 requests/s, one process, load 20 ms, a local tier whose entries end meanwhile: all are answered, p99 at most 10 ms over that of the bare source', async () => {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const service = await startService(1, {
    cache: { name: 'shop', redis: redis.url, local: { ttl: '100ms' } },
    namespace: { ttl: '2s' },
    loadTime,
  })
  afterwards(() => service.stop())
  const control = await startControl(loadTime, 400)
  afterwards(() => control.stop())
  const [process] = service.processes as [ServiceProcess]
  await process.call('open')
  await process.call('startTraffic', 400, 50)
  await untilHitsComeFromRedis(process)
  await Promise.all([process.call('measure'), control.p99()])

  await redis.kill()
  await pause(6_000)
  const [killed, p99OfSource] = await Promise.all([process.call('measure'), control.p99()])
  expect(killed).toMatchObject({ failures: [], unanswered: 0 })
  expect(killed.p99).toBeLessThanOrEqual(p99OfSource + 10)

  await redis.start()
  await untilNormal(process)
  await untilHitsComeFromRedis(process)
})
