import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { headLength, openSession, revisionAt, sealSession, userOfHead } from './envelope.ts'
import type { SessionRecord } from './record.ts'

const record: SessionRecord = {
  json: JSON.stringify({ cart: ['boots'] }),
  user: 'ada',
  createdAt: 1_700_000_000_123,
  revision: 'abcDEF-_0123',
}

const records = fc.record({
  json: fc.dictionary(fc.string(), fc.jsonValue()).map((data) => JSON.stringify(data)),
  user: fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 }), { nil: undefined }),
  createdAt: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  revision: fc.stringMatching(/^[A-Za-z0-9_-]{12}$/),
})

describe('a session in Redis', () => {
  test('comes back as it was, deflated or not', async () => {
    await fc.assert(
      fc.asyncProperty(records, fc.option(fc.constantFrom(0, 100, 1_000), { nil: undefined }), async (one, from) => {
        const bytes = await sealSession(one, from)
        expect(openSession(bytes)).toEqual(one)
        expect(bytes.toString('latin1', revisionAt.start, revisionAt.end + 1)).toBe(one.revision)
      }),
    )
  })

  test('gives away whose it is by its head', async () => {
    const long = {
      ...record,
      json: JSON.stringify({ text: 'x'.repeat(10_000) }),
      user: '👩‍👩‍👧'.repeat(30).slice(0, 256),
    }
    expect(userOfHead((await sealSession(long, 0)).subarray(0, headLength))).toBe(long.user)
    expect(userOfHead(await sealSession({ ...record, user: undefined }, 0))).toBeUndefined()
    for (const head of ['', 'PS', '{"cart":[]}', '\u0000'.repeat(64)])
      expect(userOfHead(Buffer.from(head))).toBeUndefined()
  })

  test('is smaller deflated, or stays as it is', async () => {
    const text = JSON.stringify({ text: 'boots '.repeat(400) })
    expect((await sealSession({ ...record, json: text }, 1_000)).length).toBeLessThan(500)
    const chance = JSON.stringify({
      token: Buffer.from(Array.from({ length: 900 }, (_, i) => (i * 7919) % 251)).toString('base64url'),
    })
    expect((await sealSession({ ...record, json: chance }, 0)).length).toBeLessThanOrEqual(chance.length + 100)
  })
})

describe('what is no session is a reason and never an exception', () => {
  test.each([
    ['nothing', Buffer.alloc(0), 'foreign'],
    ['plain JSON', Buffer.from('{"cookie":{}}'), 'foreign'],
    ['an entry of a cache', Buffer.from('PL\u0001 and more'), 'foreign'],
    ['a later version', Buffer.from('PS\u0002 and more'), 'unknown-version'],
    ['a cut header', Buffer.from('PS\u0001\u0000'), 'truncated'],
  ])('%s', (_, bytes, reason) => {
    expect(openSession(bytes)).toBe(reason)
  })

  test('an unknown flag is another version', async () => {
    const bytes = await sealSession(record, undefined)
    bytes[3] = 2
    expect(openSession(bytes)).toBe('unknown-version')
  })

  test('a cut session is truncated, wherever it is cut', async () => {
    for (const from of [undefined, 0]) {
      const bytes = await sealSession({ ...record, json: JSON.stringify({ text: 'boots '.repeat(400) }) }, from)
      for (let length = 34; length < bytes.length; length++)
        expect(openSession(bytes.subarray(0, length))).toBe('truncated')
    }
  })

  test('whatever bytes stand there', async () => {
    const valid = await sealSession({ ...record, json: JSON.stringify({ text: 'boots '.repeat(400) }) }, 0)
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const bytes = Buffer.from(valid)
          for (const [at, value] of changes) bytes[at] = value
          const opened = openSession(bytes)
          expect(typeof opened === 'string' || typeof opened.json === 'string').toBe(true)
          userOfHead(bytes)
        },
      ),
      { numRuns: 2_000 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void openSession(Buffer.from(bytes))))
  })

  test('bytes that would unfold to more than was declared are not unfolded', async () => {
    const bomb = deflateRawSync(Buffer.alloc(64 * 1024 ** 2))
    const head = (await sealSession({ ...record, json: '{}' }, undefined)).subarray(0, 34 + 3)
    const bytes = Buffer.concat([head, bomb])
    bytes[3] = 1
    bytes.writeUInt32BE(3 + bomb.length, 16)
    expect(openSession(bytes)).toBe('corrupt')
    bytes.writeUInt32BE(64 * 1024 ** 2, 12)
    expect(openSession(bytes)).toBe('corrupt')
  })
})
