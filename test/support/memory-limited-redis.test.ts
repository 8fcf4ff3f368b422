import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { cleanup } from './cleanup.ts'
import { type FleetProcess, startFleet } from './fleet.ts'
import { makeMemoryLimitedGroup, readings, secondVersion, setLimit } from './memory-limited-group.ts'
import { memoryLimitsAvailable, startMemoryLimitedRedis } from './memory-limited-redis.ts'
import { until } from './until.ts'

const afterwards = cleanup()
const unavailable = await memoryLimitsAvailable()
const named = unavailable === undefined ? '' : ` (skipped: ${unavailable})`
const mebibyte = 1024 ** 2

describe.skipIf(unavailable !== undefined)(`Redis in a memory limit${named}`, () => {
  test('what outgrows 24 MiB is killed by the kernel and comes back empty, with more memory it lives', async () => {
    const redis = await startMemoryLimitedRedis({ limit: 24 * mebibyte, restartDelay: 50 })
    afterwards(() => redis.stop())
    const client = new Redis(redis.url, { retryStrategy: () => 20, maxRetriesPerRequest: null })
    client.on('error', () => {})
    afterwards(() => client.disconnect())

    await write(client, 16)
    expect(await redis.usage()).toBeGreaterThan(16 * mebibyte)
    expect(redis.deaths()).toEqual([])
    await write(client, 16)
    await until(() => redis.deaths().length === 1, 'the kernel has killed it')
    expect(redis.deaths()).toEqual([{ at: expect.any(Number), signal: 'SIGKILL', exitCode: 137, oomKills: 1 }])
    await until(async () => (await client.dbsize()) < 16, 'it is back, and empty')

    await redis.restart({ limit: 64 * mebibyte, settings: { maxmemory: '48mb', 'maxmemory-policy': 'allkeys-lru' } })
    expect(redis.limit).toBe(64 * mebibyte)
    expect(await client.config('GET', 'maxmemory')).toEqual(['maxmemory', String(48 * mebibyte)])
    await write(client, 80)
    expect(await redis.usage()).toBeLessThan(64 * mebibyte)
    expect(redis.deaths()).toHaveLength(1)
  })

  test('the group is removed by stop(), and when its process is killed', async () => {
    const group = await makeMemoryLimitedGroup(24 * mebibyte)
    const folder = dirname(group.joinFile)
    expect(existsSync(folder)).toBe(true)
    await group.remove()
    expect(existsSync(folder)).toBe(false)

    const fleet = await startFleet(new URL('./memory-limited-group.fixture.ts', import.meta.url), 1)
    afterwards(() => fleet.kill('SIGKILL'))
    const [parent] = fleet.processes as [FleetProcess]
    const orphan = await parent.request<{ folder: string; pid: number }>('start')
    expect(readFileSync(join(orphan.folder, 'cgroup.procs'), 'utf8').trim()).toBe(String(orphan.pid))
    await parent.kill('SIGKILL')
    await until(() => !existsSync(orphan.folder), 'the group of a killed process is gone')
  })
})

test('the second version of control groups is limited and read by its own files', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-group-'))
  afterwards(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'memory.swap.max'), 'max\n')
  writeFileSync(join(folder, 'memory.current'), '4096\n')
  writeFileSync(join(folder, 'memory.events'), 'low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n')
  await setLimit(folder, secondVersion, 64 * mebibyte)
  expect(readFileSync(join(folder, 'memory.max'), 'utf8')).toBe('67108864')
  expect(readFileSync(join(folder, 'memory.swap.max'), 'utf8')).toBe('0')
  const { usage, kills } = readings(folder, secondVersion)
  expect(await usage()).toBe(4_096)
  expect(await kills()).toBe(1)
})

let written = 0

/** Values of 1 MiB under keys that are never used again; sent again after a death. */
async function write(client: Redis, mebibytes: number): Promise<void> {
  for (let made = 0; made < mebibytes; made++) await client.set(`filler:${written++}`, 'x'.repeat(mebibyte))
}
