import { expect, test } from 'vitest'
import { measureTier } from '../support/local-memory.ts'

test('10,000,000 distinct keys, 64 gets at once: a local tier of 32 MiB adds at most 64 MiB to the process', async () => {
  const { added, allowed } = await measureTier(10_000_000)
  expect(added).toBeLessThanOrEqual(allowed)
}, 900_000)
