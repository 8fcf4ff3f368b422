import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Times } from '../entry/envelope.ts'
import { isTimeToRefresh } from './early-expiration.ts'

const life = 10_000
const times = (loadTime: number): Times => ({ storedAt: 0, freshUntil: life, expiresAt: life, loadTime })

/** Evenly spread over [0, 1), so that shares can be counted without chance. */
function shareOfDraws(decide: (random: () => number) => boolean, draws = 20_000): number {
  let count = 0
  for (let index = 0; index < draws; index++) if (decide(() => index / draws)) count += 1
  return count / draws
}

describe('isTimeToRefresh', () => {
  test.each([
    [100, 1, 100],
    [100, 1, 300],
    [100, 2, 300],
    [500, 1, 1_000],
    [50, 0.5, 20],
  ])('with load time %d and beta %d draws %d ms before expiry as XFetch says', (loadTime, beta, before) => {
    const share = shareOfDraws((random) => isTimeToRefresh(life - before, times(loadTime), beta, random))
    // now − δβ·ln U ≥ expiry for a share of e^(−gap/δβ) of all draws.
    expect(share).toBeCloseTo(Math.exp(-before / (loadTime * beta)), 3)
  })

  test('is certain from expiry on', () => {
    for (const chance of [0, 0.5, 1 - Number.EPSILON / 2]) {
      expect(isTimeToRefresh(life, times(100), 1, () => chance)).toBe(true)
    }
  })

  test('never comes before the last fifth of a life, however slow the source and however great beta', () => {
    const instant = fc.double({ min: 0, max: life * 0.8, maxExcluded: true, noNaN: true })
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(
        instant,
        fc.nat(1e9),
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        chance,
        (now, load, beta, drawn) => {
          expect(isTimeToRefresh(now, times(load), beta, () => drawn)).toBe(false)
        },
      ),
    )
  })

  test('never strikes before expiry at the lowest draw, whose logarithm would have no end the other way round', () => {
    expect(isTimeToRefresh(life - 1, times(1_000), 1, () => 0)).toBe(false)
  })

  test('is more likely the nearer the expiry and the slower the load', () => {
    const shareAt = (now: number, loadTime: number) =>
      shareOfDraws((random) => isTimeToRefresh(now, times(loadTime), 1, random), 1_000)
    const nearer = [8_000, 8_500, 9_000, 9_500, 9_900].map((now) => shareAt(now, 400))
    const slower = [50, 100, 400, 2_000].map((loadTime) => shareAt(9_000, loadTime))
    expect(nearer).toEqual([...nearer].sort((a, b) => a - b))
    expect(slower).toEqual([...slower].sort((a, b) => a - b))
  })
})
