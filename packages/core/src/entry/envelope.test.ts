import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { flags, freshUntilBytes, headerBytes, type Times, unwrap, wrap } from './envelope.ts'

const times: Times = { storedAt: 1_000, freshUntil: 2_000.25, expiresAt: 3_000.5, loadTime: 42 }
const instant = fc.double({ noNaN: true, noDefaultInfinity: true })
const bytes = (most: number) => fc.uint8Array({ maxLength: most }).map((array) => Buffer.from(array))

describe('the envelope', () => {
  test('gives back what was put into it', () => {
    fc.assert(
      fc.property(
        fc.record({ storedAt: instant, freshUntil: instant, expiresAt: instant, loadTime: fc.nat(0xffff_ffff) }),
        fc.nat(15),
        fc.nat(0xffff_ffff),
        bytes(64),
        (given, flagBits, rawBytes, payload) => {
          const wrapped = wrap(given, flagBits, rawBytes, payload)
          expect(unwrap(wrapped)).toMatchObject({ ...given, flags: flagBits, rawBytes })
          expect(wrapped.subarray(headerBytes)).toEqual(payload)
        },
      ),
    )
  })

  test('has a layout that other releases rely on', () => {
    const wrapped = wrap(
      { storedAt: 1, freshUntil: 2, expiresAt: 3, loadTime: 4 },
      flags.msgpack,
      6,
      Buffer.from('data'),
    )
    expect(wrapped.toString('hex')).toBe(
      ['504c', '01', '04', '4000000000000000', '4008000000000000', '00000004', '00000004', '00000006']
        .concat('3ff0000000000000', '64617461')
        .join(''),
    )
  })

  test('has freshUntil where the scripts compare it', () => {
    const compared = wrap(times, 0, 0, Buffer.alloc(0)).subarray(freshUntilBytes.start, freshUntilBytes.end)
    expect(compared.readDoubleBE()).toBe(times.freshUntil)
  })

  test.each([
    [-5, 0],
    [1.6, 2],
    [2 ** 40, 0xffff_ffff],
  ])('stores a load time of %d as %d', (given, stored) => {
    expect(unwrap(wrap({ ...times, loadTime: given }, 0, 0, Buffer.alloc(0)))).toMatchObject({ loadTime: stored })
  })

  test('calls every truncation and every extension by its name', () => {
    const whole = wrap(times, 0, 4, Buffer.from('data'))
    for (let length = 0; length < whole.length; length++) {
      expect(unwrap(whole.subarray(0, length))).toBe(length < 3 ? 'foreign' : 'truncated')
    }
    expect(unwrap(Buffer.concat([whole, Buffer.from('x')]))).toBe('truncated')
  })

  test.each([
    ['foreign', 0, 0],
    ['foreign', 1, 0],
    ['unknown-version', 2, 2],
    ['unknown-version', 2, 0],
    ['unknown-version', 3, 64],
    ['truncated', 3, flags.stamped],
    ['truncated', 3, flags.versioned],
    ['unknown-version', 3, 0x80],
  ])('answers %s for byte %d set to %d', (reason, index, value) => {
    const wrapped = wrap(times, 0, 4, Buffer.from('data'))
    wrapped[index] = value
    expect(unwrap(wrapped)).toBe(reason)
  })

  test.each([
    ['freshUntil', 4],
    ['expiresAt', 12],
    ['storedAt', 32],
  ])('answers corrupt where %s is no number', (_, offset) => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const wrapped = wrap(times, 0, 0, Buffer.alloc(0))
      wrapped.writeDoubleBE(value, offset)
      expect(unwrap(wrapped)).toBe('corrupt')
    }
  })

  test('answers a reason or a sound envelope for whatever bytes', () => {
    const prefixed = bytes(80).map((rest) => Buffer.concat([Buffer.from('PL\u0001'), rest]))
    fc.assert(
      fc.property(fc.oneof(bytes(80), prefixed), (garbage) => {
        const found = unwrap(garbage)
        if (typeof found === 'string') return
        expect(garbage.length).toBeGreaterThanOrEqual(headerBytes)
        for (const time of [found.storedAt, found.freshUntil, found.expiresAt]) expect(time).not.toBeNaN()
      }),
    )
  })
})
