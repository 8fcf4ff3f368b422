import { test } from 'vitest'
import { assertNobodyReadsOlder } from '../support/history-run.ts'

test('30 s of 8 processes that read, write, update, drop tags and clear while Redis fails in every way: nobody reads an older value than it could know of', async () => {
  await assertNobodyReadsOlder(30_000)
}, 120_000)
