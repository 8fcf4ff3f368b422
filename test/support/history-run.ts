import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { type Fleet, startFleet } from './fleet.ts'
import { counterKeys, type HistoryReport, itemKeys, judge, type Trouble, type Verdict } from './history.ts'
import { HistorySource } from './history-source.ts'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

const worker = new URL('./history.worker.ts', import.meta.url)
const processes = 8

interface HistoryOutcome extends Verdict {
  readonly troubles: Readonly<Record<string, number>>
  readonly errors: Readonly<Record<string, number>>
  /** Steps of the counters that were lost or came twice. */
  readonly brokenCounters: readonly string[]
  readonly updates: number
}

/** Where all of it has happened often enough for the history to say something. */
export async function assertNobodyReadsOlder(milliseconds: number): Promise<void> {
  const { violations, brokenCounters, updates, ...rest } = await runHistory(milliseconds)
  console.info(JSON.stringify({ violations: violations.length, updates, ...rest }))
  expect(violations).toEqual([])
  expect(brokenCounters).toEqual([])
  expect(updates).toBeGreaterThan(100)
  expect(rest.reads).toBeGreaterThan(5_000)
  for (const what of ['set', 'setMany', 'delete', 'deleteMany', 'invalidateTag', 'clear', 'update']) {
    expect(rest.writes[what], what).toBeGreaterThan(10)
  }
}

/** Eight processes read and write for so long, half of them through a network that is troubled, while Redis is. */
async function runHistory(milliseconds: number): Promise<HistoryOutcome> {
  const redis = await startRedisServer()
  const database = await startRedisServer()
  const proxy = await startTcpProxy(redis.port)
  const operator = new Redis(redis.url, { maxRetriesPerRequest: null, retryStrategy: () => 50 })
  operator.on('error', () => {})
  const source = new HistorySource(database.url)
  let fleets: readonly Fleet[] = []
  try {
    fleets = await Promise.all(
      Array.from({ length: processes }, (_, index) => {
        const url = index % 2 === 0 ? redis.url : `redis://127.0.0.1:${proxy.port}`
        return startFleet(worker, 1, [`p${index}`, url, database.url])
      }),
    )
    await Promise.all(fleets.map((fleet) => fleet.request('start')))
    const troubles = await trouble(milliseconds, redis, proxy, operator)
    const reports = (await Promise.all(fleets.map((fleet) => fleet.request<HistoryReport>('stop')))).flat()
    await Promise.all(fleets.map((fleet) => fleet.stop()))
    return await outcomeOf(reports, troubles, source)
  } finally {
    await Promise.all(fleets.map((fleet) => fleet.kill()))
    operator.disconnect()
    source.close()
    await proxy.stop()
    await redis.stop()
    await database.stop()
  }
}

async function trouble(
  milliseconds: number,
  redis: RedisServer,
  proxy: TcpProxy,
  operator: Redis,
): Promise<readonly Trouble[]> {
  const kinds: Record<string, () => Promise<void>> = {
    killed: async () => {
      await redis.kill()
      await pause(500 + Math.random() * 1_500)
      await redis.start()
    },
    frozen: async () => {
      await redis.freeze()
      await pause(500 + Math.random() * 4_000)
      await redis.thaw()
    },
    flushed: async () => void (await operator.flushall()),
    'cut off': async () => {
      await proxy.cut()
      await pause(500 + Math.random() * 4_000)
      await proxy.restore()
    },
    partitioned: async () => {
      proxy.stall()
      await pause(500 + Math.random() * 4_500)
      await proxy.restore()
    },
    full: async () => {
      await operator.config('SET', 'maxmemory', '1')
      await pause(500 + Math.random() * 2_000)
      await operator.config('SET', 'maxmemory', '0')
    },
    evicted: async () => {
      for (let count = 0; count < 20; count++) {
        const key = await operator.randomkey()
        if (key !== null) await operator.del(key)
        await operator.del('history:{item}:g')
        await pause(20)
      }
    },
    slow: async () => {
      proxy.delay(100)
      await pause(1_500)
      await proxy.restore()
    },
  }
  const troubles: Trouble[] = []
  const until = Date.now() + milliseconds
  while (Date.now() < until) {
    for (const [what, happen] of Object.entries(kinds)) {
      if (Date.now() >= until) break
      // Some troubles come upon the last one, others on a calm sea.
      await pause(Math.random() < 0.3 ? 0 : Math.random() * 2_500)
      const from = Date.now()
      await happen()
      troubles.push({ what, from, to: Date.now() })
    }
  }
  await pause(6_000)
  return troubles
}

async function outcomeOf(
  reports: readonly HistoryReport[],
  troubles: readonly Trouble[],
  source: HistorySource,
): Promise<HistoryOutcome> {
  const histories = new Map<string, string[]>()
  for (const key of [...itemKeys, ...counterKeys]) histories.set(key, await source.history(key))
  const brokenCounters = counterKeys.filter((key) =>
    (histories.get(key) ?? []).some((value, index) => value !== String(index + 1)),
  )
  const errors: Record<string, number> = {}
  for (const report of reports) {
    for (const [kind, count] of Object.entries(report.errors)) errors[kind] = (errors[kind] ?? 0) + count
  }
  const happened: Record<string, number> = {}
  for (const { what } of troubles) happened[what] = (happened[what] ?? 0) + 1
  const updates = counterKeys.reduce((sum, key) => sum + (histories.get(key)?.length ?? 0), 0)
  return { ...judge(reports, histories, troubles), troubles: happened, errors, brokenCounters, updates }
}
