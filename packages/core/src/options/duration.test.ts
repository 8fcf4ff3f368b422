import { describe, expect, test } from 'vitest'
import { parseDuration } from './duration.ts'

describe('parseDuration', () => {
  test.each([
    ['200ms', 200],
    ['1s', 1_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
    [' 2s ', 2_000],
    ['0ms', 0],
    [0, 0],
    [250, 250],
    [1.4, 1],
    ['1.6ms', 2],
  ])('reads %j as %d ms', (given, milliseconds) => {
    expect(parseDuration(given)).toBe(milliseconds)
  })

  test.each(['', '5', 'm', '5 m', '-5m', '5M', '1e3ms', '5m5s', '.5s', '5.s', 'Infinityms'])('refuses %j', (given) => {
    expect(parseDuration(given)).toBeUndefined()
  })

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, null, undefined, {}, [5], true, 5n])('refuses %s', (given) => {
    expect(parseDuration(given)).toBeUndefined()
  })
})
