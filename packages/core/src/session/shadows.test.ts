import { expect, test } from 'vitest'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import type { LivingRecord } from './record.ts'
import { Shadows } from './shadows.ts'

const record = (over: Partial<LivingRecord> = {}): LivingRecord => ({
  ...{ json: '{}', user: 'ada', createdAt: 0, revision: 'abcDEF-_0123', ttl: 60_000 },
  ...over,
})

test('what was read is there until it is too old, with what is left of its life', async () => {
  const clock = new SteppingClock()
  const shadows = new Shadows(clock, 5_000, 65_536)
  shadows.keep('a', record())
  await clock.advance(5_000)
  expect(shadows.find('a')?.ttl).toBe(55_000)
  await clock.advance(1)
  expect(shadows.find('a')).toBeUndefined()
  expect(shadows.bytes).toBe(0)
})

test('it never outlives its session', async () => {
  const clock = new SteppingClock()
  const shadows = new Shadows(clock, 5_000, 65_536)
  shadows.keep('a', record({ ttl: 1_000 }))
  await clock.advance(1_000)
  expect(shadows.find('a')).toBeUndefined()
})

test('within its bytes, what was read longest ago gives way', () => {
  const shadows = new Shadows(new SteppingClock(), 5_000, 10_000)
  for (let index = 0; index < 100; index++) {
    shadows.keep(`s-${index}`, record({ json: 'x'.repeat(1_000) }))
    expect(shadows.bytes).toBeLessThanOrEqual(10_000)
  }
  expect(shadows.find('s-0')).toBeUndefined()
  expect(shadows.find('s-99')).toBeDefined()
  shadows.keep('large', record({ json: 'x'.repeat(10_000) }))
  expect(shadows.find('large')).toBeUndefined()
  shadows.clear()
  expect(shadows.bytes).toBe(0)
})

test('a clock that is set back makes it none', async () => {
  const clock = new SteppingClock()
  const shadows = new Shadows(clock, 5_000, 65_536)
  shadows.keep('a', record())
  await clock.advance(-1)
  expect(shadows.find('a')).toBeUndefined()
})
