import { expect, test } from 'vitest'
import { runHistory } from '../support/history-run.ts'

test('30 s of 8 processes that read, write, update, drop tags and clear while Redis fails in every way: nobody reads an older value than it could know of', async () => {
  const { violations, brokenCounters, updates, ...rest } = await runHistory(30_000)
  console.info(JSON.stringify({ violations: violations.length, updates, ...rest }))
  expect(violations).toEqual([])
  expect(brokenCounters).toEqual([])
  expect(updates).toBeGreaterThan(100)
  expect(rest.reads).toBeGreaterThan(5_000)
  for (const what of ['set', 'setMany', 'delete', 'deleteMany', 'invalidateTag', 'clear', 'update']) {
    expect(rest.writes[what], what).toBeGreaterThan(10)
  }
}, 120_000)
