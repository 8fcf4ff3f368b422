import { describe, expect, test } from 'vitest'
import { InvalidOptionsError } from '../errors.ts'
import { type CacheOptions, parseCacheOptions } from './cache-options.ts'
import { type NamespaceOptions, parseNamespaceOptions } from './namespace-options.ts'

function parse(
  options: Partial<NamespaceOptions<number>>,
  cache: Partial<CacheOptions> = { redis: 'redis://localhost' },
) {
  return parseNamespaceOptions<number>({ name: 'views', ...options }, parseCacheOptions({ name: 'shop', ...cache }))
}

function wrongIn(...given: Parameters<typeof parse>): string[] {
  try {
    parse(...given)
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.issues.map(({ path }) => path)
    throw error
  }
  return []
}

const saveMany = () => {}

describe('write: "behind"', () => {
  test('has defaults, and no local tier unless it is asked for', () => {
    const { behind, local } = parse({ write: 'behind', saveMany })
    expect(behind).toMatchObject({ counters: false, delay: 200, batch: 1_000, attempts: 5, allowEviction: false })
    expect(local).toBe(false)
    expect(parse({ write: 'behind', saveMany, local: {} }).local).not.toBe(false)
    expect(parse({}).behind).toBeUndefined()
  })

  test('needs Redis, saveMany, leases, and none of save', () => {
    expect(wrongIn({ write: 'behind' })).toEqual(['saveMany'])
    expect(wrongIn({ write: 'behind', saveMany }, {})).toEqual(['redis'])
    expect(wrongIn({ write: 'behind', saveMany, lease: false, save: () => {} })).toEqual(['save', 'lease'])
    expect(wrongIn({ write: 'behind', saveMany, redis: 'redis://other' }, {})).toEqual([])
  })

  test('counters are json, and have no sequence', () => {
    const behind = { counters: true, sequence: () => 1 }
    expect(wrongIn({ write: 'behind', saveMany, behind, serializer: 'msgpack' })).toEqual([
      'serializer',
      'behind.sequence',
    ])
  })

  test('what its values cannot be ordered or dropped by is refused', () => {
    const generations = { version: Number, tags: () => ['all'], clearable: true }
    expect(wrongIn({ write: 'behind', saveMany, ...generations })).toEqual(['version', 'tags', 'clearable'])
    expect(wrongIn({ write: 'behind', saveMany, clearable: false })).toEqual([])
  })

  test('its options are nobody else’s, and each wrong one is named', () => {
    expect(wrongIn({ saveMany, behind: {} })).toEqual(['saveMany', 'behind'])
    expect(wrongIn({ write: 'behind', saveMany, behind: { batch: 0, delay: '1h' } })).toEqual([
      'behind.delay',
      'behind.batch',
    ])
    expect(wrongIn({ write: 'sideways' as 'behind', save: () => {} })).toEqual(['write'])
  })
})
