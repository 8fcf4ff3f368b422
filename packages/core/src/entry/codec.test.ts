import { randomBytes } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { cascade, type Policy, type Serializer } from '../options/policy.ts'
import { type Codec, createCodec, type Packed, seal } from './codec.ts'
import { flags, headerBytes, type Times, unwrap, wrap } from './envelope.ts'

const times: Times = { storedAt: 1_000, freshUntil: 2_000, expiresAt: 3_000, loadTime: 5 }
const reasons = ['foreign', 'unknown-version', 'truncated', 'corrupt', 'schema-mismatch', 'too-large']

/** JSON with an exclamation mark, so that its bytes are like nobody else's. */
const shouting: Serializer = {
  name: 'shouting',
  serialize: (value) => Buffer.from(`${JSON.stringify(value)}!`),
  deserialize: (bytes) => JSON.parse(bytes.toString().slice(0, -1)),
}

type Choice = 'json' | 'msgpack' | Serializer
const choices: readonly (readonly [name: string, choice: Choice])[] = [
  ['json', 'json'],
  ['msgpack', 'msgpack'],
  ['a custom serializer', shouting],
]

function codecOf<V>(
  options: Partial<Policy> = {},
  schema?: StandardSchemaV1<unknown, V>,
  onLarge?: (bytes: number, stored: boolean) => void,
): Codec<V> {
  return createCodec<V>(cascade(options), schema, onLarge)
}

async function bytesOf<V>(codec: Codec<V>, value: V | undefined): Promise<Buffer> {
  const packed = await codec.pack(value)
  if (packed === undefined) throw new Error('too large')
  return seal(packed, times)
}

describe('the codec', () => {
  describe.each(choices)('with %s', (_, serializer) => {
    test('gives back every plain value, compressed or not', async () => {
      const plain = codecOf({ serializer, compression: false })
      const deflating = codecOf({ serializer, compression: { threshold: 1 } })
      await fc.assert(
        fc.asyncProperty(fc.jsonValue({ noUnicodeString: false }), async (value) => {
          // -0 is not JSON, and "__proto__" is refused by msgpack.
          fc.pre(!JSON.stringify(value).includes('__proto__'))
          const same = JSON.parse(JSON.stringify(value))
          for (const codec of [plain, deflating]) {
            expect(await codec.decode(await bytesOf(codec, same))).toEqual({ value: same, ...times, stampsAt: 0 })
          }
        }),
        { numRuns: 60 },
      )
    })

    test('keeps "the source has none" apart from null', async () => {
      const codec = codecOf<unknown>({ serializer })
      expect(await codec.decode(await bytesOf(codec, undefined))).toEqual({ value: undefined, ...times, stampsAt: 0 })
      expect(await codec.decode(await bytesOf(codec, null))).toEqual({ value: null, ...times, stampsAt: 0 })
    })

    test('finds the value behind a version and stamps, and takes what has no stamps, or needs none, for a miss', async () => {
      const marks = {
        version: Buffer.from('version'),
        stamps: Buffer.concat([Buffer.from('identity1234'), Buffer.of(0)]),
      }
      const policy = cascade({ serializer })
      const [stamped, plain] = [true, false].map((isStamped) => createCodec(policy, undefined, undefined, isStamped))
      const packed = (await plain?.pack('value')) as Packed
      expect(await stamped?.decode(seal(packed, times, marks))).toEqual({
        value: 'value',
        ...times,
        stampsAt: headerBytes + 1 + marks.version.length,
      })
      expect(await plain?.decode(seal(packed, times, marks))).toBe('unknown-version')
      expect(await stamped?.decode(seal(packed, times))).toBe('unknown-version')
      const versioned = seal(packed, times, { ...marks, stamps: undefined })
      expect(await plain?.decode(versioned)).toMatchObject({ value: 'value' })
    })

    test('takes entries of another serializer for misses', async () => {
      const codec = codecOf({ serializer })
      for (const [, other] of choices.filter(([, choice]) => choice !== serializer)) {
        expect(await codec.decode(await bytesOf(codecOf({ serializer: other }), 'text'))).toBe('unknown-version')
      }
    })

    test('answers a reason, never an exception, for truncated and altered bytes', async () => {
      const codec = codecOf<unknown>({ serializer, compression: { threshold: 200 } })
      for (const value of [{ id: 'a', tags: ['x', 'y'], price: 12.5 }, { text: 'lorem ipsum '.repeat(50) }]) {
        const whole = await bytesOf(codec, value)
        for (let length = 0; length < whole.length; length++) {
          expect(reasons).toContain(await codec.decode(whole.subarray(0, length)))
        }
        const alteration = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
        await fc.assert(
          fc.asyncProperty(alteration, async (changes) => {
            const altered = Buffer.from(whole)
            for (const [index, byte] of changes) altered[index] = byte
            const found = await codec.decode(altered)
            if (typeof found === 'string') expect(reasons).toContain(found)
            else {
              const fields = ['expiresAt', 'freshUntil', 'loadTime', 'stampsAt', 'storedAt', 'value']
              expect(Object.keys(found).sort()).toEqual(fields)
            }
          }),
          { numRuns: 400 },
        )
      }
    })

    test('answers a reason for any payload behind a sound header', async () => {
      const codec = codecOf<unknown>({ serializer })
      const flag = unwrap(await bytesOf(codec, 'text'))
      const flagBits = typeof flag === 'string' ? 0 : flag.flags
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), fc.boolean(), async (garbage, deflated) => {
          const payload = Buffer.from(garbage)
          const found = await codec.decode(
            wrap(times, flagBits | (deflated ? flags.deflated : 0), payload.length, payload),
          )
          if (typeof found === 'string') expect(reasons).toContain(found)
        }),
        { numRuns: 300 },
      )
    })
  })

  describe('compression', () => {
    const text = 'lorem ipsum '.repeat(500)

    test('begins at the threshold', async () => {
      const raw = Buffer.byteLength(JSON.stringify(text))
      const below = await codecOf({ compression: { threshold: raw + 1 } }).pack(text)
      const at = await codecOf({ compression: { threshold: raw } }).pack(text)
      expect(below).toMatchObject({ flags: 0, rawBytes: raw })
      expect(at).toMatchObject({ flags: flags.deflated, rawBytes: raw })
      expect(at?.payload.length).toBeLessThan(raw / 10)
    })

    test('is left out where it gains little', async () => {
      const packed = await codecOf({ serializer: 'msgpack', compression: { threshold: 1 } }).pack(randomBytes(8_000))
      expect(packed?.flags).toBe(flags.msgpack)
    })

    test('does not stop reading what was stored compressed before it was switched off', async () => {
      const stored = await bytesOf(codecOf({ compression: { threshold: 1 } }), text)
      expect(await codecOf({ compression: false }).decode(stored)).toMatchObject({ value: text })
    })
  })

  describe('the size limit', () => {
    test('counts serialized bytes before compression', async () => {
      const codec = codecOf({ maxValueBytes: 1_000 })
      expect((await codec.pack('x'.repeat(998)))?.rawBytes).toBe(1_000)
      expect(await codec.pack('x'.repeat(999))).toBeUndefined()
    })

    test('holds for reading too, by what the header says', async () => {
      const stored = await bytesOf(codecOf({ maxValueBytes: 10_000 }), 'x'.repeat(5_000))
      expect(await codecOf({ maxValueBytes: 1_000 }).decode(stored)).toBe('too-large')
    })

    test('tells of large values, stored or not', async () => {
      const told: [number, boolean][] = []
      const codec = codecOf<string>({ maxValueBytes: 200_000, compression: false }, undefined, (...args) =>
        told.push(args),
      )
      await codec.pack('x'.repeat(99_997))
      await codec.pack('x'.repeat(99_998))
      await codec.pack('x'.repeat(200_000))
      expect(told).toEqual([
        [100_000, true],
        [200_002, false],
      ])
    })

    test('bounds the inflation of a bomb by what its header says', async () => {
      const bomb = deflateRawSync(Buffer.alloc(64 * 1024 ** 2, '"'))
      const codec = codecOf({ maxValueBytes: 1_000_000 })
      expect(await codec.decode(wrap(times, flags.deflated, 64 * 1024 ** 2, bomb))).toBe('too-large')
      expect(await codec.decode(wrap(times, flags.deflated, 1_000, bomb))).toBe('corrupt')
      expect(await codec.decode(wrap(times, flags.deflated, 0, bomb))).toBe('corrupt')
    })
  })

  describe('a schema', () => {
    const product = z.object({ id: z.string(), price: z.number() })

    test('decides what is an entry, and its output is the value', async () => {
      const codec = codecOf({}, z.object({ at: z.coerce.date() }))
      const decoded = await codec.decode(await bytesOf(codec, { at: new Date(5) }))
      expect(decoded).toMatchObject({ value: { at: new Date(5) } })
    })

    test('makes a miss of what does not fit', async () => {
      const stored = await bytesOf(codecOf<unknown>(), { id: 'a', price: 'free' })
      expect(await codecOf({}, product).decode(stored)).toBe('schema-mismatch')
    })

    test('is not asked where the source has none', async () => {
      expect(await codecOf({}, product).decode(await bytesOf(codecOf(), undefined))).toMatchObject({ value: undefined })
    })

    const standard = (validate: (value: unknown) => unknown) =>
      ({ '~standard': { version: 1, vendor: 'test', validate } }) as StandardSchemaV1<unknown, unknown>

    test('keeps the way synchronous where it is itself', async () => {
      const stored = await bytesOf(codecOf<unknown>(), 1)
      expect(
        codecOf(
          {},
          standard((value) => ({ value })),
        ).decode(stored),
      ).toMatchObject({ value: 1 })
    })

    test.each([
      ['asynchronous and content', standard(async () => ({ value: 'other' })), { value: 'other' }],
      ['asynchronous and not content', standard(async () => ({ issues: [] })), 'schema-mismatch'],
      ['asynchronous and throwing', standard(() => Promise.reject(new Error('broken'))), 'schema-mismatch'],
      [
        'throwing',
        standard(() => {
          throw new Error('broken')
        }),
        'schema-mismatch',
      ],
    ])('may be %s', async (_, schema, expected) => {
      const found = await codecOf({}, schema).decode(await bytesOf(codecOf<unknown>(), 1))
      if (typeof expected === 'string') expect(found).toBe(expected)
      else expect(found).toMatchObject(expected)
    })
  })

  describe('the round trip', () => {
    test('shows what a hit would return', async () => {
      const date = { at: new Date(0) }
      expect(await codecOf<unknown>().roundTrip({ ...date, gone: undefined })).toEqual({
        value: { at: '1970-01-01T00:00:00.000Z' },
      })
      expect(await codecOf<unknown>({ serializer: 'msgpack' }).roundTrip(date)).toEqual({ value: date })
      expect(await codecOf({}, z.object({ at: z.coerce.date() })).roundTrip(date)).toEqual({ value: date })
    })

    test('answers a copy', async () => {
      const value = { list: [1] }
      const back = await codecOf<{ list: number[] }>().roundTrip(value)
      expect(back).toEqual({ value })
      expect(typeof back !== 'string' && back.value.list).not.toBe(value.list)
    })

    test('answers the reason where the schema would refuse the hit', async () => {
      expect(await codecOf({}, z.object({ at: z.date() })).roundTrip({ at: new Date(0) })).toBe('schema-mismatch')
    })

    test('throws what the serializer throws', async () => {
      await expect(codecOf<unknown>().roundTrip(5n)).rejects.toThrow(TypeError)
    })
  })

  test.each([() => {}, Symbol('s'), { big: 5n }])('refuses to pack what JSON cannot express: %s', async (value) => {
    await expect(codecOf<unknown>().pack(value)).rejects.toThrow(TypeError)
  })

  test('does not take an own "__proto__" for the prototype', async () => {
    const payload = Buffer.from('{"__proto__":{"admin":true}}')
    const found = await codecOf<Record<string, unknown>>().decode(wrap(times, 0, payload.length, payload))
    expect(typeof found !== 'string' && found.value?.['admin']).toBeUndefined()
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
  })

  test('has a header of 40 bytes', async () => {
    expect((await bytesOf(codecOf(), undefined)).length).toBe(headerBytes)
  })
})
