import { beforeEach, describe, expect, test } from 'vitest'
import { Ledger } from './ledger.ts'
import { seeded } from './series.fixture.ts'

const forever = 1e12
let ledger: Ledger

beforeEach(() => {
  ledger = new Ledger()
})

function write(namespace: string, count: number, bytes = 200, expiresAt = forever) {
  for (let i = 0; i < count; i++) ledger.note(namespace, `key:${i}`, bytes, expiresAt)
}

const entries = (namespace = 'users', now = 0) => ledger.totals(now)[namespace]?.entries ?? 0
const bytes = (namespace = 'users', now = 0) => ledger.totals(now)[namespace]?.bytes ?? 0

describe('totals', () => {
  test('are exact while there are few keys', () => {
    write('users', 1_000)
    write('orders', 10)
    expect(entries()).toBe(1_000)
    expect(entries('orders')).toBe(10)
  })

  test('are about what Redis 7.0 takes for a key and its expiry', () => {
    ledger.note('small', 'k'.repeat(40), 200, forever)
    ledger.note('large', 'k'.repeat(40), 2_048, forever)
    expect(bytes('small')).toBe(370)
    expect(bytes('large')).toBe(2_706)
  })

  test('count a key once, at its latest size', () => {
    write('users', 3)
    const small = bytes()
    for (let i = 0; i < 50; i++) write('users', 3, 4_000)
    expect(entries()).toBe(3)
    expect(bytes()).toBeGreaterThan(10 * small)
  })

  test('forget what is deleted, expired or cleared', () => {
    write('users', 3)
    ledger.forget('users', 'key:1')
    expect(entries()).toBe(2)
    ledger.note('users', 'brief', 10, 5_000)
    expect(entries('users', 4_999)).toBe(3)
    expect(entries('users', 5_000)).toBe(2)
    ledger.clear()
    expect(ledger.totals(0)).toEqual({})
  })

  test('keep namespaces apart that hold the same keys', () => {
    write('users', 2)
    write('orders', 2)
    ledger.forget('users', 'key:0')
    expect([entries('users'), entries('orders')]).toEqual([1, 2])
  })

  test.each([5_000, 100_000])('are near where %i keys were written, again and again, of sizes far apart', (count) => {
    for (let round = 0; round < 2; round++) {
      write('users', count)
      write('orders', count / 4, 2_048)
    }
    expect(Math.abs(entries() / count - 1)).toBeLessThan(0.1)
    expect(Math.abs(entries('orders') / (count / 4) - 1)).toBeLessThan(0.2)
    expect(bytes('orders') / entries('orders')).toBeCloseTo(98 + 16 + 2_560, 0)
  })

  test('grow finer again where most keys have expired', () => {
    write('users', 50_000, 200, 1_000)
    ledger.totals(2_000)
    for (let i = 0; i < 20; i++) ledger.totals(2_000)
    write('users', 100)
    expect(entries('users', 2_000)).toBe(100)
  })

  test('do not hold more than 2,048 keys', () => {
    write('users', 30_000)
    expect(ledger.samples(1e6, Math.random).length).toBeLessThanOrEqual(2_048)
  })
})

describe('keys that went missing', () => {
  test('stand for themselves while all are followed, and count once', () => {
    ledger.note('users', 'a', 10, 60_000)
    expect(ledger.missing('users', 'a', 1_000)).toBe(1)
    expect(ledger.missing('users', 'a', 1_000)).toBe(0)
    expect(ledger.missing('users', 'never written', 1_000)).toBe(0)
    expect(entries()).toBe(0)
  })

  test('are no news at their end, give or take a clock', () => {
    ledger.note('users', 'a', 10, 60_000)
    expect(ledger.missing('users', 'a', 59_500)).toBe(0)
    expect(entries('users', 0)).toBe(0)
  })

  test('stand for all that were written', () => {
    write('users', 40_000)
    let missing = 0
    for (let i = 0; i < 40_000; i++) missing += ledger.missing('users', `key:${i}`, 0)
    expect(Math.abs(missing / 40_000 - 1)).toBeLessThan(0.1)
  })
})

describe('samples', () => {
  test('are different keys, as many as there are', () => {
    write('users', 30)
    const keys = ledger.samples(20, seeded(1)).map(({ key }) => key)
    expect(new Set(keys).size).toBe(20)
    expect(ledger.samples(50, seeded(1))).toHaveLength(30)
    expect(new Ledger().samples(5, seeded(1))).toEqual([])
  })

  test('correct the estimates of their namespace', () => {
    write('users', 100)
    write('orders', 100)
    const before = bytes()
    for (const { namespace, bytes: estimated } of ledger.samples(200, seeded(1))) {
      if (namespace === 'users') ledger.calibrate(namespace, estimated, estimated * 2 - 58)
    }
    expect(bytes() / before).toBeCloseTo(2, 6)
    expect(bytes('orders')).toBe(before)
  })

  test('that are gone say nothing of sizes', () => {
    write('users', 10)
    const before = bytes()
    ledger.calibrate('users', 100, null)
    ledger.calibrate('users', 0, 100)
    ledger.calibrate('users', 100, Number.NaN)
    expect(bytes()).toBe(before)
  })
})

test('a clock that was ahead for a while does not hide what is stored later', () => {
  write('users', 10, 200, 2_000_000)
  expect(entries('users', 9_000_000)).toBe(0)
  write('users', 10, 200, 2_000_000)
  expect(entries('users', 1_000_000)).toBe(10)
})
