import { describe, expect, test } from 'vitest'
import { lineOf, Overhead } from './memory-line.ts'
import { vitalsWith } from './vitals.fixture.ts'
import type { MemoryVitals } from './vitals.ts'

const mebi = 1_048_576

describe('overhead', () => {
  function note(overhead: Overhead, used: number, rss: number | undefined, runId = 'first') {
    overhead.note(
      vitalsWith({ at: 0, runId, memory: { used: used * mebi, rss: rss === undefined ? rss : rss * mebi } }),
    )
    return (overhead.bytes ?? Number.NaN) / mebi
  }

  test('is what is resident beyond used memory where it grows', () => {
    const overhead = new Overhead()
    expect(note(overhead, 10, 20)).toBe(10)
    expect(note(overhead, 40, 48)).toBe(8)
    expect(note(overhead, 50, 62)).toBe(12)
  })

  test('does not grow with what is freed inside the allocator', () => {
    const overhead = new Overhead()
    note(overhead, 50, 60)
    expect(note(overhead, 20, 60)).toBe(10)
    expect(note(overhead, 55, 60)).toBe(5)
  })

  test('is measured anew once memory was given back', () => {
    const overhead = new Overhead()
    note(overhead, 50, 55)
    expect(note(overhead, 20, 40)).toBe(5)
    expect(note(overhead, 30, 45)).toBe(10)
  })

  test('grows by no more than the resident size does: what was freed is not lost by a little growth', () => {
    const overhead = new Overhead()
    note(overhead, 50.8, 62.6)
    expect(note(overhead, 26, 62.6)).toBeCloseTo(11.8)
    expect(note(overhead, 26.5, 62.9)).toBeCloseTo(12.1)
  })

  test('is of one run, and never below nothing', () => {
    const overhead = new Overhead()
    note(overhead, 50, 55)
    expect(note(overhead, 1, 12, 'second')).toBe(11)
    expect(note(overhead, 20, 15, 'second')).toBe(0)
  })

  test('is unknown where nothing tells it', () => {
    expect(note(new Overhead(), 5, undefined)).toBeNaN()
  })
})

describe('the line in force', () => {
  const gone = { overhead: undefined, declared: undefined, learned: undefined }
  const learned = { bytes: 60 * mebi, deaths: 2, confidence: 'low' } as const
  const vitals = (memory: Partial<MemoryVitals>, expiring = 0) =>
    vitalsWith({
      at: 0,
      memory: { used: 40 * mebi, ...memory },
      keyspace: [{ database: 0, keys: 10, expiring, averageTtlMilliseconds: undefined }],
    })

  test('is none where nobody has set or told one', () => {
    expect(lineOf({ ...gone, vitals: vitals({ max: 0 }) })).toEqual({
      line: undefined,
      fill: undefined,
      canEvict: false,
    })
    expect(lineOf({ ...gone, vitals: vitals({}) }).line).toBeUndefined()
  })

  test('is maxmemory, filled by what Redis counts', () => {
    const found = lineOf({ ...gone, vitals: vitals({ max: 50 * mebi, notCountedForEvict: 5 * mebi }) })
    expect(found.line).toEqual({ bytes: 50 * mebi, source: 'maxmemory', confidence: 'high', kills: false })
    expect(found.fill).toBe(0.7)
  })

  test('is the container, filled by all that is used', () => {
    const evidence = { overhead: 14 * mebi, declared: 64 * mebi, learned: undefined }
    const found = lineOf({ ...evidence, vitals: vitals({ max: 0, notCountedForEvict: 5 * mebi }) })
    expect(found.line).toEqual({ bytes: 50 * mebi, source: 'declared', confidence: 'high', kills: true })
    expect(found.fill).toBe(0.8)
  })

  test('is the lowest', () => {
    const sources = (max: number, declared: number | undefined) =>
      lineOf({ vitals: vitals({ max: max * mebi }), overhead: 10 * mebi, declared, learned }).line?.source
    expect(sources(40, 64 * mebi)).toBe('maxmemory')
    expect(sources(55, 64 * mebi)).toBe('learned')
    expect(sources(55, 58 * mebi)).toBe('declared')
  })

  test('a maxmemory beyond the container hides nothing, and evicts nothing', () => {
    const evidence = { overhead: 10 * mebi, declared: 64 * mebi, learned: undefined }
    const found = lineOf({ ...evidence, vitals: vitals({ max: 60 * mebi, policy: 'allkeys-lru' }) })
    expect(found).toMatchObject({ line: { source: 'declared', kills: true }, canEvict: false })
  })

  test.each([
    ['allkeys-lru', 0, true],
    ['allkeys-lrm', 0, true],
    ['volatile-lru', 0, false],
    ['volatile-ttl', 3, true],
    ['noeviction', 3, false],
    [undefined, 3, false],
  ])('under %s with %i expiring keys evicts: %s', (policy, expiring, canEvict) => {
    expect(lineOf({ ...gone, vitals: vitals({ max: 50 * mebi, policy }, expiring) }).canEvict).toBe(canEvict)
  })

  test('under volatile-lru evicts for all that is known where the keys are not told', () => {
    const found = lineOf({
      ...gone,
      vitals: { ...vitals({ max: 50 * mebi, policy: 'volatile-lru' }), keyspace: undefined },
    })
    expect(found.canEvict).toBe(true)
  })

  test('is not known to be filled where what does not count cannot be true', () => {
    const told = { ...vitals({ max: 50 * mebi }), implausible: ['mem_not_counted_for_evict'] }
    expect(lineOf({ ...gone, vitals: told }).fill).toBeUndefined()
  })

  test('leaves at least a byte', () => {
    const found = lineOf({ vitals: vitals({}), overhead: 100 * mebi, declared: 64 * mebi, learned: undefined })
    expect(found.line?.bytes).toBe(1)
  })

  test('is known where used memory is not', () => {
    const found = lineOf({ ...gone, vitals: vitals({ max: mebi, used: undefined }) })
    expect(found).toMatchObject({ line: { bytes: mebi }, fill: undefined })
  })
})
