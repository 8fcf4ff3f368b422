import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { type FleetProcess, startFleet } from '../support/fleet.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'
import type { WarmingReply, WarmingRequest, WarmingSettings } from '../support/warming.worker.ts'
import { WarmingSource } from '../support/warming-source.ts'

const afterwards = cleanup()
const concurrency = 4
const batch = 100

/** Processes that are to warm the same keys, over one Redis and one source. */
async function start(processes: number, keys: number, loadTime: number) {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const database = await startRedisServer()
  afterwards(() => database.stop())
  const source = new WarmingSource(database.url)
  afterwards(() => source.close())
  const settings: WarmingSettings = {
    cache: { name: 'shop', redis: redis.url, local: false, source: { concurrency } },
    source: database.url,
    loadTime,
    keys,
    warm: { concurrency: concurrency * 2, batch },
  }
  const worker = new URL('../support/warming.worker.ts', import.meta.url)
  const fleet = await startFleet(worker, processes, [JSON.stringify(settings)])
  afterwards(() => fleet.kill())
  return { redis, source, fleet, keys }
}

const ask = (member: FleetProcess, request: WarmingRequest) => member.request<WarmingReply>(request)

async function untilLoaded(member: FleetProcess, keys: number): Promise<void> {
  await until(async () => ((await ask(member, 'progress')).last?.loaded ?? 0) >= keys, `it has loaded ${keys}`, 30_000)
}

/** Leases that are left in Redis. */
async function leasesIn(url: string): Promise<number> {
  const client = new Redis(url)
  try {
    const entries = await client.dbsize()
    const values = await client.eval("return #redis.call('KEYS', '*:v')", 0)
    return entries - Number(values)
  } finally {
    client.disconnect()
  }
}

function expectSensible(keys: number, replies: readonly WarmingReply[]): void {
  for (const { last, peak, senseless } of replies) {
    expect(last).toMatchObject({ done: keys, total: keys, unstored: 0, failed: 0, waitingFor: undefined })
    expect(peak).toBeLessThanOrEqual(concurrency)
    expect(senseless).toBe(0)
  }
}

test('4 processes warm the same 100,000 keys at once: each is loaded once, within 45 s', async () => {
  const { redis, source, fleet, keys } = await start(4, 100_000, 5)
  const replies = await fleet.request<WarmingReply>('warm' satisfies WarmingRequest)
  expectSensible(keys, replies)
  const { byReads, calls, peak } = await source.told()
  expect(byReads).toEqual({ 1: keys })
  expect(replies.reduce((sum, { last }) => sum + (last?.loaded ?? 0), 0)).toBe(keys)
  expect(peak).toBeLessThanOrEqual(concurrency * 4)
  expect(calls).toBeLessThan((keys / batch) * 2)
  expect(Math.max(...replies.map(({ milliseconds }) => milliseconds))).toBeLessThan(45_000)
  expect(await leasesIn(redis.url)).toBe(0)
  await fleet.stop()
}, 90_000)

test('one of 4 stopped by Ctrl-C in the middle: it leaves no lease, and still each key is loaded once', async () => {
  const { redis, source, fleet, keys } = await start(4, 30_000, 20)
  const [stopped, ...others] = fleet.processes as [FleetProcess, ...FleetProcess[]]
  const all = Promise.all(others.map((other) => ask(other, 'warm')))
  const unanswered = expect(ask(stopped, 'warm')).rejects.toThrow('exit code 130')
  await untilLoaded(stopped, 2_000)
  await stopped.kill('SIGINT')
  await unanswered
  expect(stopped.exit).toEqual({ code: 130, signal: null })
  expect(stopped.stderr).toBe('')
  expectSensible(keys, await all)
  expect((await source.told()).byReads).toEqual({ 1: keys })
  expect(await leasesIn(redis.url)).toBe(0)
})

test('one of 4 killed in the middle: of what it had begun each key is loaded once more at most', async () => {
  const { source, fleet, keys } = await start(4, 30_000, 20)
  const [killed, ...others] = fleet.processes as [FleetProcess, ...FleetProcess[]]
  const all = Promise.all(others.map((other) => ask(other, 'warm')))
  const unanswered = expect(ask(killed, 'warm')).rejects.toThrow('SIGKILL')
  await untilLoaded(killed, 2_000)
  await killed.kill('SIGKILL')
  await unanswered
  expectSensible(keys, await all)
  const { keys: read, byReads } = await source.told()
  expect(read).toBe(keys)
  expect(Object.keys(byReads).every((times) => Number(times) <= 2)).toBe(true)
  expect(byReads[2] ?? 0).toBeLessThanOrEqual(concurrency * 2 * batch)
})

test('Redis frozen for 4 s in the middle: meanwhile the source is left alone, and what had begun is loaded once more at most', async () => {
  const { redis, source, fleet, keys } = await start(2, 20_000, 20)
  const [first] = fleet.processes as [FleetProcess]
  const all = fleet.request<WarmingReply>('warm' satisfies WarmingRequest)
  await untilLoaded(first, 2_000)
  await redis.freeze()
  // All that holds a lease by now may still ask the source.
  await until(async () => (await ask(first, 'progress')).last?.waitingFor === 'redis', 'it waits for Redis')
  const begun = await source.told()
  await pause(4_000)
  const { calls } = await source.told()
  await redis.thaw()
  const replies = await all
  expect(calls - begun.calls).toBeLessThanOrEqual(concurrency * 2 * fleet.processes.length)
  for (const { last, peak, senseless } of replies) {
    expect(last).toMatchObject({ done: keys, failed: 0, waitingFor: undefined })
    expect(peak).toBeLessThanOrEqual(concurrency)
    expect(senseless).toBe(0)
  }
  const { byReads } = await source.told()
  const unstored = replies.reduce((sum, { last }) => sum + (last?.unstored ?? 0), 0)
  expect(Object.keys(byReads).every((times) => Number(times) <= 2)).toBe(true)
  expect(byReads[2] ?? 0).toBeLessThanOrEqual(unstored)
  expect(unstored).toBeLessThanOrEqual(concurrency * 2 * batch * fleet.processes.length)
})
