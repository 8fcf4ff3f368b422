import { describe, expect, test } from 'vitest'
import { freezeDeeply } from './freeze.ts'

class Money {
  constructor(public cents: number) {}
}

describe('freezeDeeply', () => {
  test('freezes plain data all the way down', () => {
    const value = { a: { b: [{ c: 1 }] }, bare: Object.assign(Object.create(null), { d: {} }) }
    expect(freezeDeeply(value)).toBe(true)
    const [first] = value.a.b
    for (const part of [value, value.a, value.a.b, first, value.bare, value.bare.d]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
  })

  test.each([undefined, null, 1, 'text', true, 5n, Symbol('s'), () => {}])('has nothing to freeze in %s', (value) => {
    expect(freezeDeeply(value)).toBe(true)
  })

  test.each([
    ['a date', () => new Date()],
    ['a map', () => new Map()],
    ['a set', () => new Set()],
    ['bytes', () => new Uint8Array(1)],
    ['a view', () => new DataView(new ArrayBuffer(1))],
  ])('says that %s cannot be shared, wherever it stands', (_, make) => {
    expect(freezeDeeply(make())).toBe(false)
    expect(freezeDeeply({ a: [make(), 1] })).toBe(false)
    expect(freezeDeeply([{}, { deep: { er: make() } }, {}])).toBe(false)
  })

  test('freezes what stands beside what cannot be', () => {
    const value = { at: new Date(), other: {} }
    freezeDeeply(value)
    expect(Object.isFrozen(value.other)).toBe(true)
  })

  test('leaves instances of classes alone', () => {
    const value = { price: new Money(5) }
    expect(freezeDeeply(value)).toBe(true)
    value.price.cents = 6
    expect(value.price.cents).toBe(6)
  })

  test('bears cycles', () => {
    const value: { self?: unknown; list: unknown[] } = { list: [] }
    value.self = value
    value.list.push(value)
    expect(freezeDeeply(value)).toBe(true)
    expect(Object.isFrozen(value.list)).toBe(true)
  })

  test('bears values nested deeper than the stack', () => {
    expect(freezeDeeply(JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)))).toBe(true)
  })

  test('says that a buffer without a view cannot be shared', () => {
    expect(freezeDeeply({ bytes: new ArrayBuffer(8) })).toBe(false)
  })
})
