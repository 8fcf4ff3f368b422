import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { RecentWrites } from './recent-writes.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('RecentWrites', () => {
  test('knows a key for the lag of the reader', () => {
    const writes = new RecentWrites(1_000)
    writes.note('a')
    expect(writes.has('a')).toBe(true)
    expect(writes.has('b')).toBe(false)
    vi.advanceTimersByTime(999)
    expect(writes.has('a')).toBe(true)
    vi.advanceTimersByTime(1)
    expect(writes.has('a')).toBe(false)
  })

  test('counts from the last write', () => {
    const writes = new RecentWrites(1_000)
    writes.note('a')
    vi.advanceTimersByTime(600)
    writes.note('b')
    writes.note('a')
    vi.advanceTimersByTime(600)
    writes.note('c')
    expect(['a', 'b', 'c'].map((key) => writes.has(key))).toEqual([true, true, true])
    vi.advanceTimersByTime(400)
    expect(['a', 'b', 'c'].map((key) => writes.has(key))).toEqual([false, false, true])
  })

  test('takes every key for written where writes may have been missed', () => {
    const writes = new RecentWrites(1_000)
    writes.note('a')
    writes.noteAll()
    expect(['a', 'any'].map((key) => writes.has(key))).toEqual([true, true])
    vi.advanceTimersByTime(1_000)
    expect(['a', 'any'].map((key) => writes.has(key))).toEqual([false, false])
  })

  test('takes every key for written where it lost count', () => {
    const writes = new RecentWrites(1_000)
    for (let index = 0; index <= 10_000; index++) writes.note(`key-${index}`)
    expect(writes.has('key-0')).toBe(true)
    expect(writes.has('any')).toBe(true)
    vi.advanceTimersByTime(1_000)
    expect(writes.has('any')).toBe(false)
  })
})
