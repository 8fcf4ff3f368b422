import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TransientMap } from './transient-map.ts'

test('answers as a Map does, whatever comes and goes', () => {
  const step = fc.record({
    kind: fc.constantFrom('set', 'delete', 'get', 'clear'),
    key: fc.integer({ min: 0, max: 5_000 }).map(String),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 5_000, minLength: 1_000, size: 'max' }), (steps) => {
      const map = new TransientMap<{ at: number }>()
      const model = new Map<string, { at: number }>()
      for (const [at, { kind, key }] of steps.entries()) {
        const value = { at }
        if (kind === 'set') {
          map.set(key, value)
          model.set(key, value)
        } else if (kind === 'delete') {
          map.delete(key)
          model.delete(key)
        } else if (kind === 'clear' && at % 50 === 0) {
          map.clear()
          model.clear()
        }
        expect(map.get(key)).toBe(model.get(key))
        expect(map.size).toBe(model.size)
      }
      expect(new Set(map.values())).toEqual(new Set(model.values()))
    }),
    { numRuns: 20 },
  )
})

test('forgets the keys of what is gone', () => {
  const map = new TransientMap<object>()
  const kept = {}
  map.set('kept', kept)
  for (let index = 0; index < 10_000; index++) {
    map.set(`key ${index}`, {})
    map.delete(`key ${index}`)
  }
  expect(map.size).toBe(1)
  expect([...map.values()]).toEqual([kept])
  expect(map.get('kept')).toBe(kept)
})
