import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findPostgres } from '../../scripts/postgres.ts'
import { cleanup } from '../support/cleanup.ts'
import { type FleetProcess, startFleet } from '../support/fleet.ts'
import { openTable } from '../support/open-backed-home.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { startRedisServer } from '../support/redis-server.ts'
import type { LimitOptions, LimitOrder } from './session-limit.worker.ts'

const after = cleanup()
const programs = await findPostgres()
const missing = 'reason' in programs ? ` (${programs.reason})` : ''
const limit = 3
const processes = 4
let postgres: PostgresServer
let tables = 0

async function open(whenTooMany: LimitOptions['whenTooMany'], withRedis: boolean) {
  const name = `sessions_${++tables}`
  const table = await openTable(postgres.url, name)
  after(() => table.close())
  const redis = withRedis ? await startRedisServer() : undefined
  after(() => redis?.stop())
  const options: LimitOptions = {
    ...{ postgres: postgres.url, table: name, maxSessionsPerUser: limit, whenTooMany },
    ...(redis && { redis: redis.url }),
  }
  const worker = new URL('session-limit.worker.ts', import.meta.url)
  const fleet = await startFleet(worker, processes, [JSON.stringify(options)])
  after(() => fleet.stop())
  const ask = <T>(process: FleetProcess | undefined, order: LimitOrder): Promise<T> => {
    if (process === undefined) throw new Error('there is no such process')
    return process.request<T>(order)
  }

  /** 50 logins of one user at once, spread over the processes: what became of each, by its id. */
  async function logins(user: string): Promise<Map<string, string>> {
    const ids = fleet.processes.map((_, index) =>
      Array.from({ length: index < 2 ? 13 : 12 }, (_unused, login) => `${user}-${index}-${login}`),
    )
    const outcomes = await Promise.all(
      fleet.processes.map((process, index) => ask<string[]>(process, { name: 'login', user, ids: ids[index] ?? [] })),
    )
    return new Map(ids.flat().map((id, index) => [id, outcomes.flat()[index] ?? '']))
  }

  async function livingAnywhere(ids: Iterable<string>): Promise<string[]> {
    const order: LimitOrder = { name: 'living', ids: [...ids] }
    const seen = await fleet.request<string[]>(order)
    for (const each of seen) expect(each).toEqual(seen[0])
    return seen[0] ?? []
  }
  return { fleet, ask, logins, livingAnywhere }
}

describe.skipIf(missing)(`50 logins of one user at once over 4 processes${missing}`, () => {
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres.stop())

  test('as many stay as are allowed, and a logout everywhere takes effect in all processes at once', async () => {
    const { fleet, ask, logins, livingAnywhere } = await open('oldest-out', true)
    for (const user of ['ada', 'bob', 'cyd']) {
      const outcomes = await logins(user)
      for (const outcome of outcomes.values()) expect(['ok', 'PLIMSOLL_SESSION_GONE']).toContain(outcome)
      const living = await livingAnywhere(outcomes.keys())
      expect(living).toHaveLength(limit)
      for (const id of living) expect(outcomes.get(id)).toBe('ok')
      const [kept = ''] = living
      expect(await ask(fleet.processes[1], { name: 'logoutEverywhere', user, except: kept })).toBe(limit - 1)
      expect(await livingAnywhere(outcomes.keys())).toEqual([kept])
      expect(await ask(fleet.processes[2], { name: 'logoutEverywhere', user })).toBe(1)
      expect(await livingAnywhere(outcomes.keys())).toEqual([])
    }
  })

  test.each([true, false])(
    'never more than are allowed get in, and who was refused has no session; Redis: %s',
    async (withRedis) => {
      const { logins, livingAnywhere } = await open('refuse', withRedis)
      for (const user of ['ada', 'bob', 'cyd']) {
        const outcomes = await logins(user)
        for (const outcome of outcomes.values()) expect(['ok', 'PLIMSOLL_TOO_MANY_SESSIONS']).toContain(outcome)
        const living = await livingAnywhere(outcomes.keys())
        expect(living.length).toBeLessThanOrEqual(limit)
        expect(living.length).toBeGreaterThan(0)
        expect(living.sort()).toEqual([...outcomes].flatMap(([id, outcome]) => (outcome === 'ok' ? [id] : [])).sort())
      }
    },
  )
})
