import { describe, expect, test } from 'vitest'
import { StreamEntry } from '../redis/stream-entry.ts'
import { coalesce } from './coalesce.ts'

const decode = (bytes: Buffer) => (bytes.toString() === 'broken' ? undefined : { value: bytes.toString() })

function entry(sequence: number, fields: Readonly<Record<string, string>>): StreamEntry {
  const flat = Object.entries({ s: '0', ...fields }).flat()
  return new StreamEntry(
    `${sequence}-0`,
    flat.map((text) => Buffer.from(text)),
  )
}
const incremented = (sequence: number, key: string, by: number) =>
  entry(sequence, { o: `id${sequence}`, k: key, b: `${by}` })
const set = (sequence: number, key: string, value: string, own = '') =>
  entry(sequence, { o: `id${sequence}`, k: key, v: value, q: own })

describe('coalesce', () => {
  test('one operation a key, with every id and what it adds, in the order of the stream', () => {
    const { batched, unreadable } = coalesce(
      [incremented(1, 'b', 5), incremented(2, 'a', 1), incremented(3, 'b', -2)],
      decode,
    )
    expect(batched.map(({ operation }) => operation)).toEqual([
      { kind: 'increment', key: 'b', increment: 3, ids: ['id1', 'id3'], increments: [5, -2], sequence: 3 },
      { kind: 'increment', key: 'a', increment: 1, ids: ['id2'], increments: [1], sequence: 2 },
    ])
    expect(batched[0]?.shares.map(({ entries }) => entries.map(({ id }) => id))).toEqual([['1-0', '3-0']])
    expect(unreadable).toEqual([])
  })

  test('the last value that was set, with the sequence of its entry', () => {
    const { batched } = coalesce([set(1, 'a', 'one'), set(2, 'a', 'two')], decode)
    expect(batched.map(({ operation }) => operation)).toEqual([
      { kind: 'set', key: 'a', value: 'two', ids: ['id1', 'id2'], sequence: 2 },
    ])
  })

  test('the highest sequence of the callers own, whenever it came', () => {
    const { batched } = coalesce([set(1, 'a', 'new', '9'), set(2, 'a', 'old', '8')], decode)
    expect(batched.map(({ operation }) => operation)).toMatchObject([{ value: 'new', sequence: 9 }])
  })

  test('what is no operation of ours is told apart, and does not hold up the others', () => {
    const foreign = entry(3, { hello: 'world' })
    const { batched, unreadable } = coalesce(
      [set(1, 'a', 'broken'), set(2, 'b', 'two'), foreign, entry(4, { o: 'x', k: 'c', b: 'NaN' })],
      decode,
    )
    expect(batched.map(({ operation }) => operation.key)).toEqual(['b'])
    expect(unreadable.map(({ key }) => key)).toEqual(['a', '', 'c'])
  })

  test('releases with other schema versions: one operation a key all the same, and books of their own', () => {
    const newer = entry(2, { o: 'id2', k: 'a', b: '1', s: '7' })
    const { batched } = coalesce([incremented(1, 'a', 5), newer, incremented(3, 'a', 7)], decode)
    expect(batched.map(({ operation }) => operation)).toMatchObject([{ ids: ['id1', 'id2', 'id3'], increment: 13 }])
    expect(batched[0]?.shares.map(({ schemaVersion, sum }) => [schemaVersion, sum])).toEqual([
      [0, 12],
      [7, 1],
    ])
  })

  test('a set and an increment of one key are two operations: neither is lost in the other', () => {
    const { batched } = coalesce([incremented(1, 'a', 5), set(2, 'a', 'one')], decode)
    expect(batched.map(({ operation }) => operation.kind)).toEqual(['increment', 'set'])
  })
})
