import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { content, type LoadRates } from './incident-load.ts'
import { openShop, type ShopFleet, untilAll } from './incident-shop.ts'
import { startRedisServer } from './redis-server.ts'
import { until } from './until.ts'

// Keys that come round again and pages that soon expire: writes go on, and all that they hold is a quarter of what Redis
// may have, the buffers of four connections a process included.
const rates: LoadRates = {
  ...{ logins: 2, requests: 2, pages: 3, suggestions: 1 },
  distinct: { logins: 5, pages: 5, suggestions: 5 },
}
const ttl = 1_000
const allowed = 1_000
const canariesPerSecond = 2
// So many processes asked all the time would have nothing else to do.
const between = 250

/**
 * A full Redis under noeviction, written to by so many processes: at 2 sessions, 3 pages and 1 suggestion a second each.
 * Then nearly all of its memory is freed at once.
 */
export async function watchWriteGate(count: number, afterwards: (step: () => unknown) => void): Promise<void> {
  const redis = await startRedisServer({ maxmemory: '48mb', 'maxmemory-policy': 'noeviction' })
  afterwards(() => redis.stop())
  const operator = new Redis(redis.url)
  afterwards(() => operator.disconnect())
  const shop = await openShop(count, { redis: redis.url, cache: { local: false }, rates, ttl, allowed })
  afterwards(() => shop.stop())
  await untilAll(shop, ({ mode }) => mode === 'normal', 'every process is normal')
  await shop.call('start')
  await fill(operator)
  await untilAll(shop, ({ mode }) => mode === 'read-only', 'every process is read-only', 20_000)
  // The first second after the refusals began is not counted.
  await pause(1_000)
  await shop.report()

  const refusedBefore = await refusals(operator)
  const started = performance.now()
  const full = await shop.reportAfter(5_000)
  const refused = (await refusals(operator)) - refusedBefore
  const seconds = (performance.now() - started) / 1_000
  expect(full).toMatchObject({ failed: 0, failures: [] })
  expect(refused).toBeGreaterThan(0)
  expect(refused).toBeLessThanOrEqual(Math.ceil(canariesPerSecond * count * seconds))

  const changesBefore = (await shop.call('modes')).map((modes) => modes.length)
  await operator.unlink(await operator.keys('ballast:*'))
  const freed = performance.now()
  const since = (): string => `${((performance.now() - freed) / 1_000).toFixed(1)} s`
  await Promise.all(shop.processes.map((_, index) => untilLoggedIn(shop, index, 10_000)))
  const essential = since()
  await untilAll(
    shop,
    ({ mode, targets }) => mode === 'normal' && targets['main']?.writes.admitted === 1,
    'every process is normal and writes all it wants to',
    90_000 - (performance.now() - freed),
  ).catch(async (error: Error) => {
    throw new Error(`${error.message}:\n${(await held(shop)).join('\n')}`)
  })
  console.log(
    `${count} processes: ${(refused / seconds / count).toFixed(2)} refused/s each; essential ${essential}, all ${since()}`,
  )
  await until(
    async () => (await stored(operator, 'page')) && (await stored(operator, 'suggestion')),
    'both are stored again',
  )
  expect(await shop.report()).toMatchObject({ failed: 0, failures: [] })
  for (const [index, modes] of (await shop.call('modes')).entries()) {
    const relapses = modes.slice(changesBefore[index]).filter(({ mode }) => mode === 'read-only')
    expect(relapses.length).toBeLessThanOrEqual(1)
  }
}

async function untilLoggedIn(shop: ShopFleet, index: number, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await shop.callOne(index, 'login', 'returned'))) {
    if (performance.now() > deadline) {
      const { mode, reasons, targets } = await shop.callOne(index, 'health')
      const { status, writes, breakers } = targets['main'] ?? {}
      const state = JSON.stringify({ mode, reasons, status, writes, breakers })
      throw new Error(`a process stored no session for ${timeoutMs} ms: ${state}`)
    }
    await pause(between)
  }
}

/** What keeps those back that are not at full service. */
async function held(shop: ShopFleet): Promise<string[]> {
  const states = (await shop.call('health')).map(({ mode, reasons, targets }) => {
    const { writes, breakers } = targets['main'] ?? {}
    return JSON.stringify({ mode, reasons, admitted: writes?.admitted, refusal: writes?.refusal, breakers })
  })
  return [...new Set(states)].slice(0, 10)
}

async function stored(operator: Redis, namespace: string): Promise<boolean> {
  return (await operator.keys(`shop:{${namespace}:*}:v`)).length > 0
}

/** Until nothing more fits: in smaller and smaller pieces, for one large value may be refused where a small one passes. */
async function fill(operator: Redis): Promise<void> {
  let made = 0
  for (let size = 64; size >= 1 / 64; size /= 4) {
    for (;;) {
      try {
        await operator.set(
          `ballast:${made++}`,
          content()
            .repeat(Math.ceil(size))
            .slice(0, size * 1_024),
        )
      } catch (error) {
        if (!String(error).includes('OOM')) throw error
        break
      }
    }
  }
  // Pages that expire would make room: what fills Redis must be more than that.
  await operator.config('SET', 'maxmemory', '40mb')
}

async function refusals(operator: Redis): Promise<number> {
  return Number(/errorstat_OOM:count=(\d+)/.exec(await operator.info('errorstats'))?.[1] ?? 0)
}
