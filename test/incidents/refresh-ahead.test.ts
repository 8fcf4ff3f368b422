import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { type FleetProcess, startFleet } from '../support/fleet.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'
import { WarmingSource } from '../support/warming-source.ts'

const afterwards = cleanup()
const keys = 50
// What docs/reading.md promises, and how long a process on a busy machine may take to answer.
const takeover = 7_000
const grace = 1_000

/** Processes that all ask for the same 50 keys to be refreshed each second. */
async function start(processes: number) {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const database = await startRedisServer()
  afterwards(() => database.stop())
  const source = new WarmingSource(database.url)
  afterwards(() => source.close())
  const worker = new URL('../support/refreshing.worker.ts', import.meta.url)
  const fleet = await startFleet(worker, processes, [redis.url, database.url])
  afterwards(() => fleet.kill())
  /** Reads of all keys together. */
  const reads = async () => {
    const { byReads } = await source.told()
    return Object.entries(byReads).reduce((sum, [times, count]) => sum + Number(times) * count, 0)
  }
  /** Each key is read once an interval; the one under way and one that had just begun come on top. */
  const expectOneRefresher = async (milliseconds: number) => {
    const before = await reads()
    const started = performance.now()
    await pause(milliseconds)
    const rounds = (await reads()) - before
    const passed = performance.now() - started
    expect(rounds / keys).toBeLessThanOrEqual(passed / 1_000 + 2)
    expect(rounds).toBeGreaterThan(0)
  }
  return { redis, fleet, reads, expectOneRefresher }
}

const leads = (member: FleetProcess) => member.request<boolean>('leads')

async function leaderOf(members: readonly FleetProcess[]): Promise<FleetProcess> {
  let leaders: FleetProcess[] = []
  await until(
    async () => {
      const answers = await Promise.all(members.map(leads))
      leaders = members.filter((_, index) => answers[index])
      expect(leaders.length).toBeLessThanOrEqual(1)
      return leaders.length === 1
    },
    'one of them leads',
    takeover + grace,
  )
  return leaders[0] as FleetProcess
}

test('the leader killed: another one refreshes within 7 s', async () => {
  const { fleet, expectOneRefresher } = await start(3)
  const leader = await leaderOf(fleet.processes)
  await leader.kill('SIGKILL')
  const killed = performance.now()
  const others = fleet.processes.filter((member) => member !== leader)
  await leaderOf(others)
  expect(performance.now() - killed).toBeLessThanOrEqual(takeover + grace)
  await expectOneRefresher(3_000)
})

test('the leader stopped and gone on: it knows at once that it does not lead, and does not refresh beside the new one', async () => {
  const { fleet, expectOneRefresher } = await start(3)
  const former = await leaderOf(fleet.processes)
  await former.kill('SIGSTOP')
  const others = fleet.processes.filter((member) => member !== former)
  const leader = await leaderOf(others)
  await former.kill('SIGCONT')
  expect(await leads(former)).toBe(false)
  await expectOneRefresher(4_000)
  expect(await Promise.all([leader, former].map(leads))).toEqual([true, false])
})

test('Redis away: nobody refreshes, and once it is back one does', async () => {
  const { redis, fleet, reads, expectOneRefresher } = await start(4)
  await leaderOf(fleet.processes)
  await redis.kill()
  const gone = await reads()
  await until(
    async () => !(await Promise.all(fleet.processes.map(leads))).includes(true),
    'nobody leads',
    takeover + grace,
  )
  await pause(3_000)
  // What had its leases when Redis went away; no process has loaded all of them anew for itself.
  expect((await reads()) - gone).toBeLessThanOrEqual(keys)
  await redis.start()
  await leaderOf(fleet.processes)
  await expectOneRefresher(3_000)
})
