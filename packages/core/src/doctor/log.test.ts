import { expect, test } from 'vitest'
import { readLog } from './log.ts'

test('counts what a previous log tells', () => {
  const log = `
1:C 21 Nov 2026 03:00:00.001 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo
1:M 21 Nov 2026 03:00:00.002 * Ready to accept connections
1:M 21 Nov 2026 03:04:00.123 # Can't save in background: fork: Cannot allocate memory
1:M 21 Nov 2026 03:04:06.123 # Can't save in background: fork: Cannot allocate memory\r
1:M 21 Nov 2026 03:04:07.123 # Can't rewrite append only file in background: fork: Cannot allocate memory
{"level":"error","msg":"OOM command not allowed when used memory > 'maxmemory'."}
MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.
1:M 21 Nov 2026 03:05:00.000 * ZOOM commands
`
  expect(readLog(log)).toEqual({ lines: 8, forkFailures: 3, oomRefusals: 1, misconf: 1 })
})

test('an empty log, one without line ends, and one over 10 MiB, of which the end counts', () => {
  expect(readLog('')).toEqual({ lines: 0, forkFailures: 0, oomRefusals: 0, misconf: 0 })
  expect(readLog('MISCONF')).toMatchObject({ lines: 1, misconf: 1 })
  const large = `MISCONF\n${`${'x'.repeat(1_023)}\n`.repeat(10 * 1024)}MISCONF\n`
  expect(readLog(large)).toMatchObject({ misconf: 1 })
})
