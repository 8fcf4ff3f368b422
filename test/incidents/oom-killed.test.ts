import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { storeSessions } from '../support/incident-sessions.ts'
import { entered, openShop, untilAll, untilLookedAt } from '../support/incident-shop.ts'
import { memoryLimitsAvailable, startMemoryLimitedRedis } from '../support/memory-limited-redis.ts'

const afterwards = cleanup()
const unavailable = await memoryLimitsAvailable()
const named = unavailable === undefined ? '' : ` (skipped: ${unavailable})`
const mebibyte = 1024 ** 2
// In all 800 entries of 4 KB a second, half of them sessions: 3 MiB a second on top of 36 MiB that are there already.
const rates = { logins: 100, requests: 100, pages: 50, suggestions: 50 }

describe.skipIf(unavailable !== undefined)(`Redis in a real memory limit of 64 MiB${named}`, () => {
  test('4 processes, 800 new entries/s, limit declared: shedding, then read-only, no kill and no failed request', async () => {
    const redis = await startMemoryLimitedRedis()
    afterwards(() => redis.stop())
    const operator = new Redis(redis.url)
    operator.on('error', () => {})
    afterwards(() => operator.disconnect())
    await storeSessions(operator, 36 * mebibyte)
    // What took hours takes seconds here, and is looked at as often as a Redis that is nearly full.
    const cache = { memoryLimit: '64Mi', pressure: { interval: '1s' } } as const
    const shop = await openShop(4, { redis: redis.url, cache, rates, allowed: 1_000 })
    afterwards(() => shop.stop())
    await untilLookedAt(shop)
    await shop.call('start')

    await untilAll(shop, ({ mode }) => mode === 'read-only', 'every process is read-only', 30_000)
    expect(await shop.report()).toMatchObject({ failed: 0, failures: [] })
    const refused = await shop.reportAfter(2_000)
    expect(refused).toMatchObject({ failed: 0, failures: [] })
    expect(refused.refused).toBeGreaterThan(0)
    expect(refused.answered.logins).toBe(0)

    for (const modes of await shop.call('modes')) {
      const shedding = entered(modes, 'shedding')
      const readOnly = entered(modes, 'read-only')
      expect(shedding?.fill).toBeLessThan(0.97)
      expect(readOnly?.fill).toBeLessThan(1)
      expect(shedding?.at).toBeLessThan(readOnly?.at ?? 0)
    }
    expect(redis.deaths()).toEqual([])
    expect(await redis.usage()).toBeLessThan(redis.limit)
  })
})
