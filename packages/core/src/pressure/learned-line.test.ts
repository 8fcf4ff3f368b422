import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeLine, learnLine, mergeLines, parseLine, usualSize } from './learned-line.ts'
import type { Restart } from './trend.ts'

const mebi = 1_048_576
let at = 0

function death(size: number, cause: Restart['cause'] = 'oom-kill'): Restart {
  at += 60_000
  return { at, cause, dataLost: true, used: size * mebi - 1e7, rss: size * mebi }
}

describe('deaths', () => {
  test('teach the smallest size that they agree on', () => {
    expect(learnLine([death(63), death(61)])).toEqual({ bytes: 61 * mebi, deaths: 2, confidence: 'low' })
    expect(learnLine([death(63), death(62), death(64)])).toMatchObject({ deaths: 3, confidence: 'medium' })
    expect(learnLine([death(63), death(62), death(64), death(64)])).toMatchObject({ deaths: 4, confidence: 'high' })
  })

  test.each<[string, Restart[]]>([
    ['one', [death(63)]],
    ['two of different size', [death(63), death(80)]],
    ['restarts', [death(63, 'restart'), death(63, 'restart')]],
    ['a restart and a kill', [death(63, 'restart'), death(63)]],
    [
      'sizes that were not seen',
      [
        { ...death(63), rss: undefined },
        { ...death(63), rss: undefined },
      ],
    ],
  ])('teach nothing: %s', (_, restarts) => {
    expect(learnLine(restarts)).toBeUndefined()
  })

  test('leave one of another size aside', () => {
    expect(learnLine([death(63), death(30), death(62)])).toMatchObject({ bytes: 62 * mebi, deaths: 2 })
  })

  test('beyond the line show that the limit was raised', () => {
    expect(learnLine([death(63), death(62), death(125)])).toBeUndefined()
    expect(learnLine([death(63), death(62), death(125), death(126)])?.bytes).toBe(125 * mebi)
  })

  test('never teach more than the least of them', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 40, max: 90 }), { maxLength: 12 }), (sizes) => {
        const line = learnLine(sizes.map((size) => death(size)))
        if (line === undefined) return
        const near = sizes.filter((size) => size * mebi >= line.bytes && size * mebi <= (line.bytes * 11) / 9)
        expect(near).toHaveLength(line.deaths)
        expect(line.deaths).toBeGreaterThanOrEqual(2)
      }),
    )
  })
})

test('two accounts of one line are not added up', () => {
  const a = { bytes: 62 * mebi, deaths: 2, confidence: 'low' } as const
  const b = { bytes: 64 * mebi, deaths: 3, confidence: 'medium' } as const
  const far = { bytes: 128 * mebi, deaths: 2, confidence: 'low' } as const
  expect(mergeLines(a, b)).toEqual({ bytes: 62 * mebi, deaths: 3, confidence: 'medium' })
  expect(mergeLines(b, far)).toEqual(b)
  expect(mergeLines(a, far)).toEqual(a)
  expect(mergeLines(undefined, a)).toEqual(a)
  expect(mergeLines(undefined, undefined)).toBeUndefined()
})

describe('a line as text', () => {
  test('comes back as it was', () => {
    const line = { bytes: 62 * mebi, deaths: 3, confidence: 'medium' } as const
    expect(parseLine(encodeLine(line))).toEqual(line)
  })

  test.each([
    '',
    'null',
    '[]',
    '{}',
    '{"bytes":65000000}',
    '{"bytes":65000000,"deaths":1}',
    '{"bytes":65000000,"deaths":2.5}',
    '{"bytes":65000000,"deaths":1001}',
    '{"bytes":1000,"deaths":3}',
    '{"bytes":1e13,"deaths":3}',
    '{"bytes":"65000000","deaths":3}',
    '{"bytes":65000000.5,"deaths":3}',
    `{"bytes":65000000,"deaths":3${' '.repeat(200)}}`,
  ])('is refused: %s', (text) => {
    expect(parseLine(text)).toBeUndefined()
  })

  test('never throws', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseLine(text)))
  })
})

test.each([
  [60 * mebi, '64Mi'],
  [64 * mebi, '64Mi'],
  [66 * mebi, '64Mi'],
  [1_500 * mebi, '1.5Gi'],
  [3 * mebi, undefined],
])('%i bytes are usually written %s', (bytes, name) => {
  expect(usualSize(bytes)).toBe(name)
})
