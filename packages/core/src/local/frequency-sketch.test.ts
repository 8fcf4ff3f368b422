import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrequencySketch, hashOf } from './frequency-sketch.ts'

describe('a frequency sketch', () => {
  test('never tells less than was counted, up to 15', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 3 }), { maxLength: 500 }), (keys) => {
        const sketch = new FrequencySketch()
        const counts = new Map<string, number>()
        for (const key of keys) {
          sketch.add(hashOf(key))
          counts.set(key, (counts.get(key) ?? 0) + 1)
        }
        for (const [key, count] of counts)
          expect(sketch.estimate(hashOf(key))).toBeGreaterThanOrEqual(Math.min(15, count))
      }),
    )
  })

  test('tells most of a thousand keys exactly', () => {
    const sketch = new FrequencySketch()
    const keys = Array.from({ length: 1_000 }, (_, index) => hashOf(`key-${index}`))
    for (const [index, key] of keys.entries()) sketch.add(key, 1 + (index % 5))
    const exact = keys.filter((key, index) => sketch.estimate(key) === 1 + (index % 5))
    expect(exact.length).toBeGreaterThan(900)
    expect(sketch.estimate(hashOf('never asked for'))).toBeLessThanOrEqual(1)
  })

  test('forgets by halves, so that what was asked for lately counts more', () => {
    const sketch = new FrequencySketch()
    const [old, recent] = [hashOf('old'), hashOf('recent')]
    sketch.add(old, 12)
    for (let index = 0; index < 40_000; index++) sketch.add(hashOf(`other-${index}`))
    sketch.add(recent, 12)
    expect(sketch.estimate(old)).toBeLessThan(sketch.estimate(recent))
  })

  test('keeps what it knows when it grows', () => {
    const sketch = new FrequencySketch()
    const keys = Array.from({ length: 200 }, (_, index) => hashOf(`key-${index}`))
    for (const [index, key] of keys.entries()) sketch.add(key, index % 15)
    sketch.growTo(50_000)
    for (const [index, key] of keys.entries()) expect(sketch.estimate(key)).toBeGreaterThanOrEqual(index % 15)
    sketch.add(keys[3] ?? 0, 2)
    expect(sketch.estimate(keys[3] ?? 0)).toBeGreaterThanOrEqual(5)
  })
})
