import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { factsOf, openService } from '../testing-support/response-service.ts'
import { parseCacheControl } from './cache-control.ts'
import { parseHttpDate } from './http-date.ts'
import { StoredReply, Unshared, VariantRegister, Variants } from './stored.ts'
import { storedCodec } from './stored-codec.ts'
import { newVariants, variantHash } from './variants.ts'

const names = fc.oneof(
  fc.constantFrom(
    ...['cookie', 'Vary', 'cache-control', 'Cache-Control', 'age', 'Expires', 'date', 'etag', 'connection', 'pragma'],
    ...[
      'if-none-match',
      'if-modified-since',
      'forwarded',
      'x-forwarded-host',
      'content-length',
      '__proto__',
      'constructor',
    ],
  ),
  fc.string(),
)
const lines = fc.oneof(
  fc.constantFrom(
    'max-age=60',
    'no-store',
    '*',
    'W/"',
    '"',
    'max-age="',
    ',,,',
    '=',
    'Sun, 06 Nov 1994 08:49:37 GMT',
    '\r\n',
  ),
  fc.string({ unit: 'binary' }),
)
const values = fc.oneof(
  lines,
  fc.array(lines),
  fc.constant(undefined),
  fc.integer(),
  fc.constant(null),
  fc.constant({}),
)
const headers = fc.dictionary(names, values) as fc.Arbitrary<Record<string, never>>

describe('headers of any kind', () => {
  test('never make a lookup or a settling fail, and nothing that is answered cannot be sent', async () => {
    const service = openService({ ttl: '1m', staleIfError: '1m' })
    await fc.assert(
      fc.asyncProperty(
        headers,
        headers,
        fc.integer({ min: 0, max: 700 }),
        fc.string(),
        async (asked, told, status, target) => {
          const facts = factsOf({ headers: asked, target: `/${target}` })
          const decision = await service.responses.lookup(facts, { public: true })
          if (decision.kind === 'render') {
            decision.settle({ status, headers: told, body: Buffer.from('page'), personal: false })
            await service.clock.advance(0)
            const again = await service.responses.lookup(facts, { public: true })
            if (again.kind === 'reply')
              for (const value of Object.values(again.headers).flat()) expect(value).not.toMatch(/[\r\n\0]/)
            if (again.kind === 'render') again.settle(undefined)
          }
          service.responses.afterUnsafe({ ...facts, method: 'POST' }, status, told)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('requests that are none come to a pass', async () => {
    const { responses } = openService()
    await fc.assert(
      fc.asyncProperty(fc.anything(), fc.anything(), async (request, rules) => {
        expect(await responses.lookup(request as never, rules as never)).toEqual({ kind: 'pass' })
        responses.afterUnsafe(request as never, 200, rules as never)
      }),
    )
  })

  test('Cache-Control is parsed in time that grows with its length', () => {
    for (const piece of ['"', '\\', ',', 'a="', '\\"', ' ', '=']) {
      const started = process.cpuUsage().user
      parseCacheControl(piece.repeat(50_000))
      expect(process.cpuUsage().user - started).toBeLessThan(2_000_000)
    }
  })

  // In the square of its length each of these would take longer than any test may.
  test('a gap of any length is read once', () => {
    const gap = ' '.repeat(1_000_000)
    expect(parseCacheControl(`max-age=1,${gap}"`)).toBeUndefined()
    const variants = newVariants(['accept-language'])
    const hashOf = (line: string) => variantHash(variants, new Map([['accept-language', line]]))
    expect(hashOf(`de${gap},en`)).toBe(hashOf('de, en'))
    expect(hashOf(`de${gap}en`)).not.toBe(hashOf('deen'))
    expect(hashOf(`de${gap.replaceAll(' ', ',')}en`)).toBe(hashOf('de,en'))
  })

  test('a date is a date or none', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseHttpDate(text, 0)
        expect(parsed === undefined || Number.isFinite(parsed)).toBe(true)
      }),
    )
  })

  test.each([
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'sun, 06 nov 1994 08:49:37 gmt',
    'Sun, 31 Feb 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:49:37 GMT',
    'Sun 06 Nov 1994 08:49:37 GMT',
    '1994-11-06T08:49:37Z',
    '784111777',
    '0',
    '',
  ])('%s is no date', (text) => {
    expect(parseHttpDate(text, Date.UTC(2024, 0))).toBeUndefined()
  })

  test.each(['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])(
    '%s is a date',
    (text) => {
      expect(parseHttpDate(text, Date.UTC(2024, 0))).toBe(784_111_777_000)
    },
  )
})

describe('stored bytes', () => {
  const reply = new StoredReply({
    ...{ key: 'https://shop.example/', status: 200, headers: { 'content-type': 'text/html', link: ['<a>', '<b>'] } },
    ...{
      bornAt: 1,
      freshFor: 2,
      staleWhileRevalidate: 3,
      staleIfError: 4,
      revalidatableFor: 5,
      body: Buffer.from('page'),
    },
  })

  test.each([reply, new Variants('abc', ['accept']), new VariantRegister(['a', 'b']), new Unshared()])(
    'come back as they went in: %o',
    (stored) => {
      const back = storedCodec.deserialize(storedCodec.serialize(stored))
      expect(back).toEqual(stored)
      expect(back?.constructor).toBe(stored.constructor)
    },
  )

  test('with any bit changed, cut or grown are nothing', () => {
    const bytes = storedCodec.serialize(reply)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => storedCodec.deserialize(changed)).toThrow(TypeError)
    }
    for (let length = 0; length < bytes.length; length++) {
      expect(() => storedCodec.deserialize(bytes.subarray(0, length))).toThrow(TypeError)
    }
    expect(() => storedCodec.deserialize(Buffer.concat([bytes, Buffer.alloc(1)]))).toThrow(TypeError)
  })

  test('of any kind are nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => storedCodec.deserialize(Buffer.from(bytes))).toThrow()
      }),
    )
  })

  test.each<[string, Partial<StoredReply> & object]>([
    ['a key that is no text', { key: 1 as never }],
    ['a status that is no number', { status: '200' as never }],
    ['headers that are a list', { headers: [1] as never }],
    ['a header that breaks the line', { headers: { a: 'b\r\nc: d' } }],
    ['a header name that is none', { headers: { 'a b': 'c' } }],
    ['a time that is none', { bornAt: null as never }],
  ])('of the right form with %s are nothing', (_, wrong) => {
    const bytes = storedCodec.serialize(new StoredReply({ ...reply, ...wrong, revalidatableFor: 0, body: reply.body }))
    expect(() => storedCodec.deserialize(bytes)).toThrow()
  })
})
