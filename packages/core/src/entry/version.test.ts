import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import type { Version } from '../options/namespace-options.ts'
import { encodeVersion, mostVersionBytes } from './version.ts'

const safe = fc.double({ min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER, noNaN: true })
const isBelow = (left: number | bigint, right: number | bigint) => (left < right ? -1 : left > right ? 1 : 0)

describe('versions as bytes', () => {
  test('compare as numbers and bigints do', () => {
    const version = fc.oneof(safe, fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 400n), max: 2n ** 400n }), fc.nat(3))
    fc.assert(
      fc.property(version, version, (left, right) => {
        expect(Buffer.compare(encodeVersion(left), encodeVersion(right))).toBe(isBelow(left, right))
      }),
      {
        numRuns: 2_000,
        examples: [
          [-0, 0],
          [2 ** 53 - 1, 2n ** 53n],
          [-(2n ** 64n), -1],
        ],
      },
    )
  })

  test('compare as dates do, and as the milliseconds of dates', () => {
    const [older, newer] = [new Date('1969-12-31T23:59:59.999Z'), new Date('2026-01-01')]
    expect(Buffer.compare(encodeVersion(older), encodeVersion(newer))).toBe(-1)
    expect(encodeVersion(newer)).toEqual(encodeVersion(newer.getTime()))
  })

  test('compare as the bytes of strings do', () => {
    const [older, newer] = ['2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z']
    expect(Buffer.compare(encodeVersion(older), encodeVersion(newer))).toBe(-1)
    expect(Buffer.compare(encodeVersion('1'), encodeVersion('10'))).toBe(-1)
  })

  test('stay short', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.bigInt({ max: 2n ** 490n, min: -(2n ** 490n) }), fc.string({ minLength: 1, maxLength: 15 })),
        (version) => {
          expect(encodeVersion(version).length).toBeLessThanOrEqual(mostVersionBytes)
        },
      ),
    )
  })

  test.each<[string, unknown]>([
    ['not a number', Number.NaN],
    ['infinite', Number.POSITIVE_INFINITY],
    ['a number that cannot tell itself from the next one', 2 ** 54],
    ['no date', new Date('never')],
    ['empty', ''],
    ['too long', 'x'.repeat(64)],
    ['too long in bytes', 'ü'.repeat(40)],
    ['too large', 2n ** 1_000n],
    ['missing', undefined],
    ['null', null],
    ['an object', {}],
  ])('are refused where they are %s', (_, version) => {
    expect(() => encodeVersion(version as Version)).toThrow(InvalidArgumentError)
  })
})
