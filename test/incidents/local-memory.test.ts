import { expect, test } from 'vitest'
import { measureTier } from '../support/local-memory.ts'

// So many that both processes have the garbage at which they settle: at 250,000 the one without a tier (142 MiB, then 212) has not, the other (250 MiB) has.
test('1,000,000 distinct keys, 64 gets at once: a local tier of 32 MiB adds at most 64 MiB to the process', async () => {
  const { added, allowed } = await measureTier(1_000_000)
  expect(added).toBeLessThanOrEqual(allowed)
})
