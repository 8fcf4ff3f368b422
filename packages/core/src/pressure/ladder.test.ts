import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultPressure } from '../options/pressure-options.ts'
import { Ladder, type MemoryEvidence } from './ladder.ts'
import { type MemoryMode, modes } from './mode.ts'

const calm: MemoryEvidence = {
  fill: 0.5,
  kills: false,
  canEvict: false,
  secondsToFull: Number.POSITIVE_INFINITY,
  fillPerSecond: 0,
  evictedShare: 0,
}

const seconds = (count: number) => count * 1_000

/** Steps a ladder through looks a second apart; answers the mode after the last. */
function hold(ladder: Ladder, evidence: Partial<MemoryEvidence>, from: number, forSeconds: number): MemoryMode {
  for (let second = 0; second <= forSeconds; second++) ladder.step({ ...calm, ...evidence }, from + seconds(second))
  return ladder.mode
}

describe('entering', () => {
  test.each<[MemoryMode, string, Partial<MemoryEvidence>]>([
    ['normal', 'half full', {}],
    ['normal', 'just below the first threshold', { fill: 0.799 }],
    ['conserving', 'fill', { fill: 0.8 }],
    ['shedding', 'fill', { fill: 0.9 }],
    ['shedding', 'a maxmemory refuses and does not kill', { fill: 1.02 }],
    ['shedding', 'just below a limit that kills', { fill: 0.969, kills: true }],
    ['read-only', 'a limit that kills', { fill: 0.97, kills: true }],
    [
      'read-only',
      'a limit that kills, met before a fleet could stop',
      { fill: 0.9, kills: true, fillPerSecond: 0.068 },
    ],
    ['shedding', 'the same growth towards a maxmemory', { fill: 0.85, fillPerSecond: 0.11 }],
    ['normal', 'steep growth far from the limit', { fill: 0.3, kills: true, fillPerSecond: 0.05 }],
    ['conserving', 'full within the hour', { secondsToFull: 3_599 }],
    ['normal', 'full later', { secondsToFull: 3_601 }],
    ['shedding', 'full within ten minutes', { secondsToFull: 599 }],
    ['normal', 'full, but keys give way', { fill: 0.999, canEvict: true, secondsToFull: 10 }],
    ['conserving', 'keys evicted', { fill: 0.999, canEvict: true, evictedShare: 0.06 }],
    ['shedding', 'keys evicted in masses', { fill: 0.999, canEvict: true, evictedShare: 0.21 }],
    ['normal', 'nothing known', { fill: undefined, secondsToFull: undefined }],
  ])('calls for %s at once: %s', (mode, _why, evidence) => {
    const ladder = new Ladder(defaultPressure)
    expect(ladder.step({ ...calm, ...evidence }, 0)).toBe(mode)
    expect(ladder.reasons.length > 0).toBe(mode !== 'normal')
  })

  test('says why in words', () => {
    const ladder = new Ladder(defaultPressure)
    ladder.step({ ...calm, fill: 0.912, secondsToFull: 480 }, 0)
    expect(ladder.reasons).toEqual(['memory is at 91 % of its limit', 'memory is full in 8 minutes at this rate'])
    ladder.step({ ...calm, fill: 0.95, kills: true, fillPerSecond: 0.04 }, 1)
    expect(ladder.reasons).toEqual(['memory is at 95 % of its limit and grows by 4 % of it a second'])
    ladder.step({ ...calm, canEvict: true, evictedShare: 0.231 }, 2)
    expect(ladder.reasons).toEqual(['memory is at 95 % of its limit and grows by 4 % of it a second'])
  })
})

describe('leaving', () => {
  test('waits until the cause has been gone for a minute', () => {
    const ladder = new Ladder(defaultPressure)
    ladder.step({ ...calm, fill: 0.85 }, 0)
    expect(hold(ladder, { fill: 0.5 }, seconds(1), 58)).toBe('conserving')
    expect(hold(ladder, { fill: 0.5 }, seconds(60), 1)).toBe('normal')
  })

  test('waits for as long as the numbers cannot be true', () => {
    const ladder = new Ladder(defaultPressure)
    ladder.step({ ...calm, fill: 0.92 }, 0)
    expect(hold(ladder, { fill: undefined, untold: true }, seconds(1), 600)).toBe('shedding')
    expect(hold(ladder, { fill: 0.5 }, seconds(602), 58)).toBe('shedding')
    expect(hold(ladder, { fill: 0.5 }, seconds(661), 0)).toBe('conserving')
  })

  test('goes down a rung at a time', () => {
    const ladder = new Ladder(defaultPressure)
    ladder.step({ ...calm, fill: 0.98, kills: true }, 0)
    const seen: MemoryMode[] = []
    for (let second = 1; second <= 70; second++) {
      const mode = ladder.step({ ...calm, fill: 0.5, kills: true }, seconds(second))
      if (seen.at(-1) !== mode) seen.push(mode)
    }
    expect(seen).toEqual(['read-only', 'shedding', 'conserving', 'normal'])
  })

  test('is not begun just below the threshold', () => {
    const ladder = new Ladder(defaultPressure)
    ladder.step({ ...calm, fill: 0.9 }, 0)
    expect(hold(ladder, { fill: 0.86 }, seconds(1), 600)).toBe('shedding')
    expect(hold(ladder, { fill: 0.84 }, seconds(700), 62)).toBe('conserving')
    expect(hold(ladder, { fill: 0.76 }, seconds(800), 600)).toBe('conserving')
  })

  test('gives the room below a limit that kills to essential writes soon', () => {
    const ladder = new Ladder(defaultPressure)
    ladder.step({ ...calm, fill: 0.98, kills: true }, 0)
    expect(hold(ladder, { fill: 0.95, kills: true }, seconds(1), 600)).toBe('read-only')
    expect(hold(ladder, { fill: 0.94, kills: true }, seconds(601), 4)).toBe('read-only')
    expect(hold(ladder, { fill: 0.94, kills: true }, seconds(606), 1)).toBe('shedding')
    // What they fill again is met with more patience.
    ladder.step({ ...calm, fill: 0.98, kills: true }, seconds(610))
    expect(hold(ladder, { fill: 0.94, kills: true }, seconds(611), 8)).toBe('read-only')
    expect(hold(ladder, { fill: 0.94, kills: true }, seconds(620), 1)).toBe('shedding')
  })

  test('takes longer after each relapse, up to ten minutes', () => {
    const ladder = new Ladder(defaultPressure)
    const stays: number[] = []
    let now = 0
    for (let relapse = 0; relapse < 8; relapse++) {
      ladder.step({ ...calm, fill: 0.85 }, now)
      const entered = now
      while (ladder.mode !== 'normal') {
        now += seconds(1)
        ladder.step(calm, now)
      }
      stays.push((now - entered) / 1_000)
    }
    expect(stays).toEqual([60, 60, 120, 240, 480, 600, 600, 600])
  })

  test('holds what it knows while nothing is told', () => {
    const ladder = new Ladder(defaultPressure)
    ladder.step({ ...calm, fill: 0.98, kills: true }, 0)
    expect(hold(ladder, { fill: undefined, secondsToFull: undefined }, seconds(1), 30)).toBe('read-only')
  })
})

test('a Redis that proves itself another is judged anew', () => {
  const ladder = new Ladder(defaultPressure)
  ladder.step({ ...calm, fill: 0.98, kills: true }, 0)
  expect(ladder.restart({ ...calm, fill: 0.05 }, seconds(1))).toBe('normal')
  ladder.step({ ...calm, fill: 0.98, kills: true }, seconds(2))
  expect(ladder.restart({ ...calm, fill: 0.91 }, seconds(3))).toBe('shedding')
})

test('is never milder than the evidence, and never goes down more than a rung at a look', () => {
  const evidence = fc.record({
    fill: fc.option(fc.double({ min: 0, max: 1.2, noNaN: true }), { nil: undefined }),
    kills: fc.boolean(),
    canEvict: fc.boolean(),
    secondsToFull: fc.option(fc.double({ min: 0, max: 10_000, noNaN: true }), { nil: undefined }),
    fillPerSecond: fc.double({ min: -0.1, max: 0.1, noNaN: true }),
    evictedShare: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(fc.tuple(evidence, fc.integer({ min: 1, max: 120 })), { maxLength: 60 }), (looks) => {
      const ladder = new Ladder(defaultPressure)
      let now = 0
      for (const [look, pause] of looks) {
        const before = modes.indexOf(ladder.mode)
        now += seconds(pause)
        const after = modes.indexOf(ladder.step(look, now))
        expect(after).toBeGreaterThanOrEqual(modes.indexOf(new Ladder(defaultPressure).step(look, now)))
        expect(after).toBeGreaterThanOrEqual(before - 1)
      }
    }),
  )
})

test('a clock that was set back does not hold a mode', () => {
  const ladder = new Ladder(defaultPressure)
  const now = seconds(100_000)
  hold(ladder, { fill: 0.95 }, now, 10)
  expect(hold(ladder, {}, now - seconds(7_200), 100)).not.toBe('shedding')
})

test('what shrinks is not said to grow, however far beyond its limit', () => {
  const ladder = new Ladder(defaultPressure)
  ladder.step({ ...calm, fill: 2.13, kills: true, fillPerSecond: -0.002 }, seconds(1))
  expect(ladder.reasons).toEqual(['memory is at 213 % of its limit'])
})
