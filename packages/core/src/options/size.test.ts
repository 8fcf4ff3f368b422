import { describe, expect, test } from 'vitest'
import { parseSize } from './size.ts'

describe('parseSize', () => {
  test.each([
    ['1B', 1],
    ['1K', 1_000],
    ['1Ki', 1_024],
    ['64Mi', 67_108_864],
    ['64M', 64_000_000],
    ['1.5Gi', 1_610_612_736],
    ['2G', 2_000_000_000],
    ['0.5B', 0],
    [10.9, 10],
    [0, 0],
  ])('reads %j as %d bytes', (given, bytes) => {
    expect(parseSize(given)).toBe(bytes)
  })

  test.each(['', '64', '64MB', '64mi', '-1Ki', '1 Ki', 'Ki', -1, Number.NaN, Number.POSITIVE_INFINITY, null, {}, true])(
    'refuses %j',
    (given) => {
      expect(parseSize(given)).toBeUndefined()
    },
  )
})
