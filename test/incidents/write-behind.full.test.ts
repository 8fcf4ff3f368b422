import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findPostgres } from '../../scripts/postgres.ts'
import { killRedisUnderLoad } from '../support/behind-redis-kills.ts'
import { runBehind } from '../support/behind-run.ts'
import { cleanup } from '../support/cleanup.ts'

const afterwards = cleanup()
const programs = await findPostgres()
if ('reason' in programs) console.warn(`no PostgreSQL, so no sums in it are shown: ${programs.reason}`)

test.skipIf('reason' in programs)(
  '200,000 increments of 8 processes, killed at random, with Redis frozen and full and PostgreSQL killed: the sums are exact',
  async () => {
    const outcome = await runBehind({ processes: 8, increments: 200_000, seconds: 90 })
    const { troubles, appended, direct, takenOver } = outcome
    console.log({ troubles, appended, direct, takenOver })
    expect(outcome.drained).toBe(true)
    expect(outcome.sums).toEqual(outcome.expected)
    expect(outcome.leftInRedis).toBe(0)
    expect(outcome.parked).toBe(0)
    for (const [trouble, times] of Object.entries(troubles)) expect(times, trouble).toBeGreaterThan(2)
    expect(direct).toBeGreaterThan(0)
    expect(takenOver).toBeGreaterThan(0)
  },
)

test('Redis killed twelve times under load, without persistence: lost is at most what was acknowledged since the last flush', async () => {
  const outcome = await killRedisUnderLoad({}, 12)
  console.log(outcome)
  expect(outcome).toMatchObject({ lostDespiteFlush: 0, tooMany: 0 })
  expect(outcome.lost).toBeGreaterThan(0)
})

test('Redis killed twelve times under load, with appendfsync always: nothing is lost', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-aof-'))
  afterwards(() => rm(folder, { recursive: true, force: true }))
  const outcome = await killRedisUnderLoad({ appendonly: 'yes', appendfsync: 'always', dir: folder }, 12)
  console.log(outcome)
  expect(outcome).toMatchObject({ lost: 0, lostDespiteFlush: 0, tooMany: 0 })
})
