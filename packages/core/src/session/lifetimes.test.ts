import { expect, test } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { Lifetimes } from './lifetimes.ts'

const settings = { idleTimeout: 600_000, absoluteTimeout: 3_600_000, touchAfter: undefined }

test('a cookie stands above the idle timeout, and the cap above both', () => {
  const lifetimes = new Lifetimes(settings, new SteppingClock())
  expect(lifetimes.requested(undefined)).toBe(600_000)
  expect(lifetimes.requested(1_234.9)).toBe(1_234)
  expect(lifetimes.requested(0.5)).toBe(1)
  expect(lifetimes.requested(Number.POSITIVE_INFINITY)).toBe(3_600_000)
  for (const ttl of [0, -1, Number.NaN, '5' as unknown as number, null as unknown as number]) {
    expect(() => lifetimes.requested(ttl)).toThrow(InvalidArgumentError)
  }
})

test('nothing lives past its cap', async () => {
  const clock = new SteppingClock()
  const lifetimes = new Lifetimes(settings, clock)
  const createdAt = clock.now()
  await clock.advance(3_300_000)
  expect(lifetimes.left(600_000, createdAt)).toBe(300_000)
  expect(lifetimes.hasEnded(createdAt)).toBe(false)
  await clock.advance(300_000)
  expect(lifetimes.left(600_000, createdAt)).toBe(0)
  expect(lifetimes.hasEnded(createdAt)).toBe(true)
})

test.each([
  ['a minute at most', undefined, 3_600_000, 60_000],
  ['a tenth of a short life', undefined, 30_000, 3_000],
  ['as long as was asked for', 5_000, 3_600_000, 5_000],
  ['half of a life at most, or nobody who comes often would stay', 3_600_000, 60_000, 30_000],
])('a touch is spared for %s', (_, touchAfter, ttl, after) => {
  const lifetimes = new Lifetimes({ ...settings, touchAfter }, new SteppingClock())
  const end = 10_000_000
  expect(lifetimes.isTouchDue(ttl, end, end + after - 1)).toBe(false)
  expect(lifetimes.isTouchDue(ttl, end, end + after)).toBe(true)
  // A shorter cookie.
  expect(lifetimes.isTouchDue(ttl, end, end - after)).toBe(true)
})
