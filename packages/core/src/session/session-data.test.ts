import { expect, test } from 'vitest'
import { changedKeys, mergeData, parseData } from './session-data.ts'

test('only a JSON object is data', () => {
  for (const json of ['', 'null', '5', '"text"', '[1]', '{', 'undefined']) expect(parseData(json)).toBeUndefined()
  expect(parseData('{"a":{"b":[1]}}')).toEqual({ a: { b: [1] } })
})

test('what would reach a prototype is left out', () => {
  const data = parseData('{"__proto__":{"admin":true},"constructor":1,"prototype":2,"a":1}')
  expect(Object.keys(data ?? {})).toEqual(['a'])
  expect(Object.assign({}, data)).not.toHaveProperty('admin')
})

test('changes are told by key, whatever their order', () => {
  expect(changedKeys({ a: 1, b: { c: [1] } }, { b: { c: [1] }, a: 1 })).toEqual([])
  expect(changedKeys({ a: 1, b: 2, c: 3 }, { a: 1, b: 3, d: 4 })).toEqual(['b', 'c', 'd'])
})

test('of two writers each keeps what it changed, and what it deleted', () => {
  const base = { cart: [], seen: 1, flash: 'x' }
  expect(mergeData(base, { cart: ['boots'], seen: 1 }, { cart: [], seen: 2, flash: 'x', fresh: true })).toEqual({
    cart: ['boots'],
    seen: 2,
    fresh: true,
  })
})

test('of one key that both changed the later one is kept', () => {
  expect(mergeData({ n: 1 }, { n: 2 }, { n: 3 })).toEqual({ n: 2 })
})

test('a merge never reaches a prototype', () => {
  const ours = JSON.parse('{"__proto__":{"admin":true},"constructor":{"x":1},"a":1}')
  const merged = mergeData({}, ours, {})
  expect(Object.keys(merged)).toEqual(['a'])
  expect(merged['admin']).toBeUndefined()
})
