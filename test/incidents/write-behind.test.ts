import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createCache } from '../../packages/core/src/index.ts'
import { findPostgres } from '../../scripts/postgres.ts'
import { killRedisUnderLoad } from '../support/behind-redis-kills.ts'
import { runBehind } from '../support/behind-run.ts'
import { BehindSource } from '../support/behind-source.ts'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
const programs = await findPostgres()
if ('reason' in programs) console.warn(`no PostgreSQL, so no sums in it are shown: ${programs.reason}`)

describe.skipIf('reason' in programs)('a bad night for counters', () => {
  test('processes killed, Redis frozen and full, PostgreSQL killed: its sums are exact', async () => {
    const outcome = await runBehind({ processes: 4, increments: 30_000, seconds: 16 })
    expect(outcome.drained).toBe(true)
    expect(outcome.sums).toEqual(outcome.expected)
    expect(outcome.leftInRedis).toBe(0)
    expect(outcome.parked).toBe(0)
    for (const [trouble, times] of Object.entries(outcome.troubles)) expect(times, trouble).toBeGreaterThan(0)
    expect(outcome.direct).toBeGreaterThan(0)
    expect(outcome.appended).toBeGreaterThan(outcome.direct)
  })
})

describe('Redis is killed', () => {
  async function appendThenKill(settings: Readonly<Record<string, string>>) {
    const server = await startRedisServer(settings)
    afterwards(() => server.stop())
    const source = new BehindSource()
    const cache = createCache({ name: 'shop', redis: server.url })
    afterwards(() => cache.close())
    const views = cache.namespace<number>({
      name: 'views',
      write: 'behind',
      behind: { counters: true, delay: '1m' },
      load: (key) => source.sums.get(key),
      saveMany: source.saveMany,
    })
    const add = () => Promise.all(Array.from({ length: 300 }, (_, index) => views.increment(`page-${index % 7}`)))
    const sum = () => [...source.sums.values()].reduce((total, one) => total + one, 0)
    await add()
    await views.drain()
    expect(sum()).toBe(300)
    await add()
    await server.kill()
    await server.start()
    await until(() => cache.health().redis.status === 'ready', 'the cache is connected again')
    await add()
    expect(await views.drain(20_000)).toBe(true)
    return sum()
  }

  test('without persistence what waited is lost, and nothing else', async () => {
    expect(await appendThenKill({})).toBe(600)
  })

  test('with appendfsync always nothing is lost', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'plimsoll-aof-'))
    afterwards(() => rm(folder, { recursive: true, force: true }))
    const settings = { appendonly: 'yes', appendfsync: 'always', dir: folder }
    expect(await appendThenKill(settings)).toBe(900)
    const underLoad = await killRedisUnderLoad({ ...settings, appenddirname: 'under-load' }, 2)
    expect(underLoad).toMatchObject({ lost: 0, lostDespiteFlush: 0, tooMany: 0 })
  })

  test('under load without persistence: what was acknowledged before the last flush is never lost', async () => {
    const outcome = await killRedisUnderLoad({}, 3)
    expect(outcome).toMatchObject({ lostDespiteFlush: 0, tooMany: 0 })
    expect(outcome.lost).toBeGreaterThan(0)
    expect(outcome.lost).toBeLessThan(outcome.acknowledged / 2)
  })
})
