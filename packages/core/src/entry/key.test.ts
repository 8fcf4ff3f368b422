import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import { assertKey, createGroupedKeySpace, createKeySpace, escapeKey, parseValueName } from './key.ts'

// Arbitrary UTF-16, with what is awkward in a hash tag or in UTF-8 drawn often.
const awkward = fc.constantFrom(
  '{',
  '}',
  '{}',
  '%',
  '%7B',
  '%25',
  '%uD800',
  '\0',
  '\ud800',
  '\udfff',
  '\u{1f600}',
  ':',
  '\n',
)
const anyUnit = fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit))
const anyKey = fc
  .array(fc.oneof(awkward, anyUnit, fc.constantFrom('a', 'b')), { maxLength: 6 })
  .map((parts) => parts.join(''))

/** What Redis gets: a lone surrogate becomes U+FFFD on the way. */
const sent = (key: string): string => Buffer.from(key).toString('hex')

/** CRC-16/XMODEM of the hash tag, as Redis Cluster defines it. */
function slotOf(redisKey: string): number {
  const bytes = Buffer.from(redisKey)
  const open = bytes.indexOf('{')
  const close = open < 0 ? -1 : bytes.indexOf('}', open + 1)
  const tag = close > open + 1 ? bytes.subarray(open + 1, close) : bytes
  let crc = 0
  for (const byte of tag) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
    crc &= 0xffff
  }
  return crc % 16_384
}

describe('escapeKey', () => {
  test.each([
    ['prod-101', 'prod-101'],
    ['user:1/é😀', 'user:1/é😀'],
    ['a{b}c', 'a%7Bb%7Dc'],
    ['100%', '100%25'],
    ['%7B', '%257B'],
    ['\ud800', '%uD800'],
    ['\udc00\ud800', '%uDC00%uD800'],
    ['\ud83d\ud83d\ude00\ude00', '%uD83D\ud83d\ude00%uDE00'],
  ])('turns %j into %j', (key, escaped) => {
    expect(escapeKey(key)).toBe(escaped)
  })

  test('never makes one Redis key of two', () => {
    fc.assert(
      fc.property(anyKey, anyKey, (one, other) => {
        expect(sent(escapeKey(one)) === sent(escapeKey(other))).toBe(one === other)
      }),
      { numRuns: 2_000 },
    )
  })

  test('never makes one Redis key of a key and what looks like its escaped form', () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        const lookAlikes = [escapeKey(key), escapeKey(escapeKey(key)), Buffer.from(key).toString()]
        for (const other of lookAlikes.filter((lookAlike) => lookAlike !== key)) {
          expect(sent(escapeKey(other))).not.toBe(sent(escapeKey(key)))
        }
      }),
    )
  })
})

describe('assertKey', () => {
  test.each(['a', ' ', '\0', 'x'.repeat(1_024)])('takes a string of 1 to 1,024 characters', (key) => {
    expect(() => assertKey(key)).not.toThrow()
  })

  test.each([undefined, null, '', 'x'.repeat(1_025), 5, ['a'], { toString: () => 'a' }])('refuses %j', (key) => {
    expect(() => assertKey(key)).toThrow(InvalidArgumentError)
  })
})

describe('createKeySpace', () => {
  const keys = createKeySpace('shop', 'product', 0)

  test('names value and lease', () => {
    expect(keys.value('a}b')).toBe('shop:{product:a%7Db}:v')
    expect(keys.lease('a}b')).toBe('shop:{product:a%7Db}:l')
  })

  test('puts the schema version into the key, so that two releases do not read each other', () => {
    expect(createKeySpace('shop', 'product', 7).value('a')).toBe('shop:{product@7:a}:v')
  })

  test('keeps value and lease of one key in one cluster slot, and apart', () => {
    // The published example of Redis Cluster's specification.
    expect(slotOf('123456789')).toBe(0x31c3)
    expect(slotOf('{user1000}.following')).toBe(slotOf('user1000'))
    fc.assert(
      fc.property(anyKey, (key) => {
        expect(slotOf(keys.lease(key))).toBe(slotOf(keys.value(key)))
        expect(sent(keys.lease(key))).not.toBe(sent(keys.value(key)))
      }),
      { numRuns: 1_000 },
    )
  })

  test('spreads the keys of a namespace over the slots', () => {
    const slots = new Set(Array.from({ length: 100 }, (_, index) => slotOf(keys.value(`key-${index}`))))
    expect(slots.size).toBeGreaterThan(90)
  })

  test('never gives one name to entries of two caches, namespaces or versions', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9_.-]{1,3}$/)
    const place = fc.tuple(name, name, fc.nat(2), fc.string({ minLength: 1, maxLength: 3 }))
    fc.assert(
      fc.property(place, place, ([cache, namespace, version, key], [cache2, namespace2, version2, key2]) => {
        const same = cache === cache2 && namespace === namespace2 && version === version2 && key === key2
        const one = createKeySpace(cache, namespace, version)
        const other = createKeySpace(cache2, namespace2, version2)
        expect(one.value(key) === other.value(key2)).toBe(same)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('parseValueName', () => {
  test('finds the namespace and the key in every name of a value', () => {
    fc.assert(
      fc.property(anyKey, fc.constantFrom(0, 7), (key, version) => {
        const id = version === 0 ? 'product' : 'product@7'
        const keys = createKeySpace('shop', 'product', version)
        const grouped = createGroupedKeySpace('shop', 'product', version, 16)
        expect(parseValueName('shop', keys.value(key))).toEqual({ id, key })
        expect(parseValueName('shop', grouped.value(key))).toEqual({ id, key })
        for (const { value, lease } of [keys.update(key), keys.leader, { value: '', lease: keys.lease(key) }]) {
          expect(parseValueName('shop', value)).toBeUndefined()
          expect(parseValueName('shop', lease)).toBeUndefined()
        }
        expect(parseValueName('shop', grouped.lease(key))).toBeUndefined()
        for (const name of Object.values(grouped.groupOf(key))) expect(parseValueName('shop', name)).toBeUndefined()
        expect(parseValueName('shopping', keys.value(key))).toBeUndefined()
      }),
    )
  })

  test.each([
    '',
    'shop:{',
    'shop:{}:v',
    'shop:{product}:v',
    'shop:{product:a}v',
    'shop:{product:a:v',
    'shop:{a:b}:c:v',
  ])('finds nothing in %j', (name) => {
    expect(parseValueName('shop', name)).toBeUndefined()
  })
})
