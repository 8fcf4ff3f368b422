import { expect, test } from 'vitest'
import { nextLook, type Urgency } from './interval.ts'

const calm: Urgency = {
  fill: 0.4,
  secondsToFull: Infinity,
  growthPerSecond: 0,
  used: 1e8,
  refused: false,
  killsLine: false,
}

test.each<[string, Partial<Urgency>, number]>([
  ['all is calm', {}, 10_000],
  [
    'nothing is known',
    { fill: undefined, secondsToFull: undefined, growthPerSecond: undefined, used: undefined },
    10_000,
  ],
  ['it is nearly full', { fill: 0.8 }, 2_000],
  ['it is full', { fill: 0.9 }, 1_000],
  ['it will be full within ten minutes', { secondsToFull: 599 }, 2_000],
  ['it will be full within two minutes', { secondsToFull: 119 }, 1_000],
  ['it will be killed within a quarter of an hour', { secondsToFull: 899, killsLine: true }, 2_000],
  ['it will refuse within a quarter of an hour', { secondsToFull: 899 }, 10_000],
  ['writes are refused', { refused: true }, 1_000],
  ['it grows 3 % in 4 s', { growthPerSecond: 0.75e6 }, 4_000],
  ['it grows 3 % in an instant', { growthPerSecond: 1e8 }, 1_000],
  ['it shrinks', { growthPerSecond: -1e8 }, 10_000],
])('when %s', (_, urgency, milliseconds) => {
  expect(nextLook({ ...calm, ...urgency }, 10_000)).toBeCloseTo(milliseconds, 6)
})

test('looks no less often than asked for', () => {
  expect(nextLook({ ...calm, fill: 0.85 }, 1_500)).toBe(1_500)
})
