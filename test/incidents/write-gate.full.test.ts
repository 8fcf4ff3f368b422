import { test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { watchWriteGate } from '../support/incident-write-gate.ts'

const afterwards = cleanup()

test('a full Redis, 50 processes with 6 writes/s each: refusals stay at the canary rate, and all writes are back in 90 s', async () => {
  await watchWriteGate(50, afterwards)
})
