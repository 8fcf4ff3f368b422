import { describe, expect, test } from 'vitest'
import { sizeOf, sizeOfString } from './size-of.ts'

describe('sizeOf', () => {
  test('counts at least what a value must take', () => {
    expect(sizeOf('x'.repeat(1_000))).toBeGreaterThanOrEqual(1_000)
    expect(sizeOf('é😀'.repeat(1_000))).toBeGreaterThanOrEqual(6_000)
    expect(sizeOf(Array.from({ length: 1_000 }, (_, index) => index))).toBeGreaterThanOrEqual(8_000)
    expect(sizeOf(Buffer.alloc(5_000))).toBeGreaterThanOrEqual(5_000)
    expect(sizeOf({ deep: { er: { text: 'x'.repeat(1_000) } } })).toBeGreaterThanOrEqual(1_000)
    expect(sizeOf(new Map([['key', 'x'.repeat(1_000)]]))).toBeGreaterThanOrEqual(1_000)
    expect(sizeOf(new Set(['x'.repeat(1_000)]))).toBeGreaterThanOrEqual(1_000)
    expect(sizeOf([new Date(), 5n, true, null, undefined])).toBeGreaterThanOrEqual(96)
  })

  test('is not far off', () => {
    expect(sizeOf({ id: 'prod-101', price: 12.5, tags: ['new', 'sale'] })).toBeLessThan(600)
    expect(sizeOf(null)).toBe(0)
  })

  test('counts shared and cyclic parts once', () => {
    const part = { text: 'x'.repeat(1_000) }
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    expect(sizeOf([part, part, part])).toBeLessThan(2 * sizeOf([part]))
    expect(sizeOf(cyclic)).toBeLessThan(100)
  })
})

test('the bytes of a buffer without a view are counted', () => {
  expect(sizeOf({ bytes: new ArrayBuffer(5_000) })).toBeGreaterThanOrEqual(5_000)
})

describe('sizeOfString', () => {
  test('takes a character for two bytes where the sample shows it, or where the text is longer than the sample', () => {
    const short = sizeOfString('a'.repeat(30)) - sizeOfString('')
    expect(short).toBe(30)
    expect(sizeOfString('я'.repeat(30)) - sizeOfString('')).toBe(60)
    expect(sizeOfString(`${'a'.repeat(40)}я`)).toBeGreaterThanOrEqual(82)
  })
})
