import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findDifference } from './difference.ts'

class Money {
  constructor(readonly cents: number) {}
}

describe('findDifference', () => {
  test.each([
    ['numbers', 1, 1],
    ['not-a-number', Number.NaN, Number.NaN],
    ['zero and minus zero', -0, 0],
    ['a property that is undefined, and none', { a: 1, b: undefined }, { a: 1 }],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['dates', { at: new Date(5) }, { at: new Date(5) }],
    ['maps', new Map([['a', { b: 1 }]]), new Map([['a', { b: 1 }]])],
    ['sets', new Set([1, 2]), new Set([1, 2])],
    ['bytes', new Uint8Array([1, 2]), new Uint8Array([0, 1, 2]).subarray(1)],
    ['instances of one class', new Money(5), new Money(5)],
    ['order of properties', { a: 1, b: 2 }, { b: 2, a: 1 }],
  ])('finds none between equal %s', (_, before, after) => {
    expect(findDifference(before, after)).toBeUndefined()
  })

  test.each([
    [new Date(0), '1970-01-01T00:00:00.000Z', 'value: a Date would come back as a string'],
    [{ a: { at: new Date(0) } }, { a: { at: '1970' } }, 'value.a.at: a Date would come back as a string'],
    [{ list: [1, new Map()] }, { list: [1, {}] }, 'value.list[1]: a Map would come back as a plain object'],
    [new Money(1), { cents: 1 }, 'value: a Money would come back as a plain object'],
    [Number.NaN, null, 'value: a number would come back as a null'],
    [{ a: null }, {}, 'value.a: a null would come back as a undefined'],
    [[1, 2], [1], 'value: the length would change'],
    [[1], { 0: 1 }, 'value: a Array would come back as a plain object'],
    [new Date(0), new Date(1), 'value: the date would change'],
    [new Uint8Array([1]), new Uint8Array([2]), 'value: the bytes would change'],
    [new Map([['a', 1]]), new Map([['a', 2]]), 'value[0][1]: a number would come back as a number'],
    [{}, { added: 1 }, 'value.added: a undefined would come back as a number'],
    [undefined, null, 'value: a undefined would come back as a null'],
    [5n, '5', 'value: a bigint would come back as a string'],
  ])('says where %s and %s differ: %s', (before, after, words) => {
    expect(findDifference(before, after)).toBe(words)
  })

  test('never shows the values', () => {
    expect(findDifference({ password: 'hunter2' }, { password: 'hunter3' })).not.toMatch(/hunter/)
  })

  test('finds none after a JSON round trip of what JSON can express', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(findDifference(value, JSON.parse(JSON.stringify(value)))).toBeUndefined()
      }),
    )
  })
})
