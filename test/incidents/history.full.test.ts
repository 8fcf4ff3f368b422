import { test } from 'vitest'
import { assertNobodyReadsOlder } from '../support/history-run.ts'

test('10 minutes of 8 processes that read, write, update, drop tags and clear while Redis fails in every way: nobody reads an older value than it could know of', async () => {
  await assertNobodyReadsOlder(Number(process.env['HISTORY_SECONDS'] ?? 600) * 1_000)
}, 900_000)
