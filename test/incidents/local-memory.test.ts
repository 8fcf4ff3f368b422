import { expect, test } from 'vitest'
import { measureTier } from '../support/local-memory.ts'

test('250,000 distinct keys, 64 gets at once: a local tier of 32 MiB adds at most 64 MiB to the process', async () => {
  const { added, allowed } = await measureTier(250_000)
  expect(added).toBeLessThanOrEqual(allowed)
})
