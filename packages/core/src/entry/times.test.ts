import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { earliestRefresh, timesOf } from './times.ts'

const policy = { negativeTtl: 100, ttlJitter: 0.5, staleIfError: 3_000, staleWhileRevalidate: 2_000 }

describe('timesOf', () => {
  test('is fresh for the ttl and kept for the longer of the two reserves', () => {
    expect(timesOf('x', 7, 1_000, policy, 10_000, () => 0)).toEqual({
      storedAt: 10_000,
      freshUntil: 11_000,
      expiresAt: 14_000,
      loadTime: 7,
    })
    const longer = { ...policy, staleWhileRevalidate: 9_000 }
    expect(timesOf('x', 7, 1_000, longer, 10_000, () => 0).expiresAt).toBe(20_000)
  })

  test('keeps "the source has none" for negativeTtl, without a reserve', () => {
    expect(timesOf(undefined, 7, 1_000, policy, 10_000, () => 0)).toMatchObject({
      freshUntil: 10_100,
      expiresAt: 10_100,
    })
    expect(timesOf(null, 7, 1_000, policy, 10_000, () => 0)).toMatchObject({ freshUntil: 11_000 })
  })

  test('shortens a lifetime by at most its jitter, and never lengthens it', () => {
    const below1 = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(below1, fc.double({ min: 0, max: 0.9, noNaN: true }), (chance, ttlJitter) => {
        const { freshUntil } = timesOf('x', 0, 1_000, { ...policy, ttlJitter }, 0, () => chance)
        expect(freshUntil).toBeLessThanOrEqual(1_000)
        expect(freshUntil).toBeGreaterThanOrEqual(1_000 * (1 - ttlJitter) - 1e-9)
      }),
    )
  })

  test('spreads what is made at one time', () => {
    expect(timesOf('x', 0, 1_000, policy, 0, () => 0.5).freshUntil).toBe(750)
    expect(timesOf('x', 0, 1_000, { ...policy, ttlJitter: 0 }, 0, () => 0.5).freshUntil).toBe(1_000)
  })
})

describe('earliestRefresh', () => {
  test('leaves the first four fifths of a life alone', () => {
    expect(earliestRefresh({ storedAt: 1_000, freshUntil: 2_000, expiresAt: 9_000, loadTime: 1e9 })).toBe(1_800)
  })
})
