import { readFile } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { findPrometheus } from '../../scripts/prometheus.ts'
import { cleanup } from '../support/cleanup.ts'
import { startMetricsService } from '../support/metrics-service.ts'
import { type Prometheus, startPrometheus } from '../support/prometheus.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'
import { monitoring } from './shipped.ts'

const programs = await findPrometheus()
const missing = 'reason' in programs ? ` (skipped: ${programs.reason})` : ''
const after = cleanup()

/**
 * The shipped rules with less patience, for a Prometheus that scrapes every second and not every 30: a minute of `for`
 * becomes half a second, and so does one of a window, of which four seconds are left at least: increase() needs two
 * samples. Expressions and thresholds stay what they are.
 */
function hurried(rules: string): string {
  return rules
    .replace(/for: (\d+)m$/gm, (_, minutes: string) => `for: ${Number(minutes) * 500}ms`)
    .replace(/\[(\d+)([mh])\]/g, (_, count: string, unit: string) => {
      const minutes = Number(count) * (unit === 'h' ? 60 : 1)
      return `[${Math.max(4_000, minutes * 500)}ms]`
    })
}

async function fires(prometheus: Prometheus, ...alerts: string[]): Promise<void> {
  const fired = new Set<string>()
  const all = async (): Promise<boolean> => {
    for (const alert of await prometheus.firing()) fired.add(alert)
    return alerts.every((alert) => fired.has(alert))
  }
  await until(all, `these fire: ${alerts.join(', ')}`, 20_000).catch((error: Error) => {
    throw new Error(`${error.message}; these did: ${[...fired].join(', ')}`)
  })
}

async function clears(prometheus: Prometheus, ...alerts: string[]): Promise<void> {
  const none = async (): Promise<boolean> => {
    const firing = await prometheus.firing()
    return alerts.every((alert) => !firing.has(alert))
  }
  await until(none, `none of these fires: ${alerts.join(', ')}`, 20_000)
}

async function fill(client: Redis): Promise<void> {
  const value = 'x'.repeat(128 * 1024)
  for (let index = 0; index < 1_000; index++) {
    try {
      await client.set(`filler:${index}`, value)
    } catch (error) {
      if (String(error).includes('OOM')) return
      throw error
    }
  }
  throw new Error('1,000 values of 128 KiB did not fill Redis')
}

test.skipIf(missing)(
  `a real Prometheus sees Redis fill up, die and come back: alerts fire and clear${missing}`,
  async () => {
    const redis = await startRedisServer({ maxmemory: '8mb', 'maxmemory-policy': 'noeviction' })
    after(() => redis.stop())
    const service = await startMetricsService({ REDIS_URL: redis.url, LOOK_EVERY_MS: '1000' })
    after(() => service.stop())
    const rules = hurried(await readFile(`${monitoring}/plimsoll.rules.yml`, 'utf8'))
    const prometheus = await startPrometheus('prometheus' in programs ? programs.prometheus : '', service.url, rules)
    after(() => prometheus.stop())
    const filler = new Redis(redis.url)
    filler.on('error', () => {})
    after(() => filler.disconnect())

    const reads = async (expression: string, least: number): Promise<boolean> =>
      (await prometheus.query(expression)).some((value) => value >= least)
    await until(() => reads('plimsoll_server_memory_fill_ratio', 0.01), 'Redis was looked at')
    expect([...(await prometheus.firing())]).toEqual([])

    await fill(filler)
    await fires(prometheus, 'PlimsollMemoryCritical', 'PlimsollWritesRefusedOOM')
    expect(await service.get('/products/1')).toContain('Product 1')

    await filler.flushall()
    await clears(prometheus, 'PlimsollMemoryCritical', 'PlimsollWritesRefusedOOM')

    await filler.mset(Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`session:${index}`, 'x'])))
    await until(() => reads('sum(plimsoll_server_keys)', 500), 'the keys were seen')
    await redis.kill()
    await fires(prometheus, 'PlimsollStoreDown')
    expect(await service.get('/products/2')).toContain('Product 2')

    await redis.start()
    await fires(prometheus, 'PlimsollServerRestarted')
    await clears(prometheus, 'PlimsollStoreDown', 'PlimsollServerRestarted')
  },
)
