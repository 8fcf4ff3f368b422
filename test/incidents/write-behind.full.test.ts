import { expect, test } from 'vitest'
import { findPostgres } from '../../scripts/postgres.ts'
import { runBehind } from '../support/behind-run.ts'

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
