import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import { parseRefreshOptions, parseWarmOptions, type WarmOptions } from './call-options.ts'

describe('options of warm', () => {
  test('have defaults', () => {
    expect(parseWarmOptions({})).toMatchObject({ concurrency: 8, batch: 100, wait: 60_000, signal: undefined })
  })

  test('take durations as they are written', () => {
    expect(parseWarmOptions({ wait: '5m', batch: 1_000, concurrency: 1 })).toMatchObject({
      wait: 300_000,
      batch: 1_000,
    })
  })

  test.each<[string, WarmOptions]>([
    ['concurrency', { concurrency: 0 }],
    ['batch', { batch: 0 }],
    ['batch', { batch: 1_001 }],
    ['batch', { batch: 1.5 }],
    ['wait', { wait: '10ms' }],
    ['wait', { wait: 'long' as '1m' }],
    ['signal', { signal: {} as AbortSignal }],
    ['onProgress', { onProgress: 5 as never }],
  ])('name what is wrong: %s', (argument, options) => {
    const parse = () => parseWarmOptions(options)
    expect(parse).toThrow(InvalidArgumentError)
    expect(parse).toThrow(new RegExp(`^${argument}: expected`))
  })

  test('take no others', () => {
    expect(() => parseWarmOptions({ concurency: 5 } as WarmOptions)).toThrow(InvalidArgumentError)
  })
})

test('refreshEvery takes an interval of a second at least', () => {
  expect(parseRefreshOptions('1s', { keys: ['a'] })).toMatchObject({ interval: 1_000, concurrency: 8, batch: 100 })
  expect(() => parseRefreshOptions('10ms', { keys: ['a'] })).toThrow(/^interval: expected/)
})
