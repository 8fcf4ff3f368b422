import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SteppingClock, settle } from '../testing-support/stepping-clock.ts'
import { PendingInvalidations } from './pending-invalidations.ts'

const life = 60_000

function open() {
  const clock = new SteppingClock(0)
  const redis = { answers: true, replayed: [] as string[] }
  const pending = new PendingInvalidations(clock, async ({ namespace, key }) => {
    redis.replayed.push(`${namespace}/${key}`)
    if (!redis.answers) throw new Error('not connected')
  })
  return { clock, redis, pending }
}

test('a write that Redis did not take is not believed until it is replayed', async () => {
  const { clock, redis, pending } = open()
  pending.add('product', 'a', life)
  expect(pending.trusts('product', 'a')).toBe(false)
  expect(pending.trusts('product', 'b')).toBe(true)
  expect(pending.trusts('price', 'a')).toBe(true)
  expect(pending.size).toBe(1)
  await clock.advance(250)
  expect(redis.replayed).toEqual(['product/a'])
  expect(pending.trusts('product', 'a')).toBe(true)
  expect(pending.size).toBe(0)
})

test('a replay that began before a newer write of the key does not settle that', async () => {
  const clock = new SteppingClock(0)
  const waiting: (() => void)[] = []
  const pending = new PendingInvalidations(clock, () => new Promise((resolve) => waiting.push(resolve)))
  pending.add('product', 'a', life)
  await clock.advance(250)
  pending.add('product', 'a', life)
  waiting[0]?.()
  await settle()
  expect(pending.trusts('product', 'a')).toBe(false)
  waiting[1]?.()
  await settle()
  expect(pending.trusts('product', 'a')).toBe(true)
})

test('beyond the bound a namespace is distrusted until its older entries must be gone', async () => {
  const { clock, redis, pending } = open()
  redis.answers = false
  for (let index = 0; index < 10_000; index++) pending.add('product', `key-${index}`, life)
  pending.add('product', 'key-5', life)
  expect(pending.trusts('product', 'other')).toBe(true)
  expect(pending.disbelieved).toBe(0)
  pending.add('price', 'one too many', life)
  expect(pending.size).toBe(10_000)
  expect(pending.disbelieved).toBe(1)
  expect(pending.trusts('price', 'one too many')).toBe(false)
  expect(pending.trusts('price', 'other')).toBe(false)
  expect(pending.trusts('product', 'other')).toBe(true)
  await clock.advance(life - 1)
  expect(pending.trusts('price', 'other')).toBe(false)
  await clock.advance(1)
  expect(pending.disbelieved).toBe(0)
  expect(pending.trusts('price', 'other')).toBe(true)
})

test('close() leaves no timer behind', () => {
  const { clock, pending } = open()
  pending.add('product', 'a', life)
  pending.close()
  expect(clock.pending).toBe(0)
})

type Step =
  | { readonly kind: 'add'; readonly key: string }
  | { readonly kind: 'Redis'; readonly outcome: 'succeed' | 'fail' | 'wait' }
  | { readonly kind: 'answer'; readonly succeeds: boolean }
  | { readonly kind: 'pass'; readonly milliseconds: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('add' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }) },
  fc.record({ kind: fc.constant('Redis' as const), outcome: fc.constantFrom('succeed', 'fail', 'wait') }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('answer' as const), succeeds: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), milliseconds: fc.constantFrom(1, 300, 6_000, life) }),
  },
)

/** Room for so many more keys. */
const room = fc.constantFrom(0, 2, 10_000, 10_000, 10_000, 10_000)

test('whatever comes, Redis is believed for no key that it has not been told of, unless what it had is past its end', async () => {
  await fc.assert(
    fc.asyncProperty(room, fc.array(step, { minLength: 2, maxLength: 25, size: 'max' }), async (room, steps) => {
      const clock = new SteppingClock(0)
      let outcome: 'succeed' | 'fail' | 'wait' = 'fail'
      const waiting: ((succeeds: boolean) => void)[] = []
      /** When each key was written last, and has not been told of since. */
      const untold = new Map<string, { readonly at: number }>()
      const pending = new PendingInvalidations(clock, async ({ key }) => {
        const told = untold.get(key)
        const succeeds =
          outcome === 'wait' && key.length === 1
            ? await new Promise<boolean>((resolve) => waiting.push(resolve))
            : outcome === 'succeed'
        if (!succeeds) throw new Error('not connected')
        if (told !== undefined && untold.get(key) === told) untold.delete(key)
      })
      for (let index = 0; index < 10_000 - room; index++) pending.add('full', `key-${index}`, life)
      for (const one of steps) {
        if (one.kind === 'add') {
          untold.set(one.key, { at: clock.now() })
          pending.add('product', one.key, life)
        } else if (one.kind === 'Redis') outcome = one.outcome
        else if (one.kind === 'answer') waiting.shift()?.(one.succeeds)
        else await clock.advance(one.milliseconds)
        await settle()
        expect(pending.size).toBeLessThanOrEqual(10_000)
        for (const [key, { at }] of untold) {
          if (clock.now() < at + life)
            expect({ key, trusted: pending.trusts('product', key) }).toEqual({ key, trusted: false })
        }
      }
      outcome = 'succeed'
      for (; waiting.length > 0; await settle()) waiting.shift()?.(true)
      await clock.advance(life + 6_000)
      for (const key of ['a', 'b', 'c', 'd']) expect(pending.trusts('product', key)).toBe(true)
      expect(pending.size).toBe(0)
      pending.close()
      expect(clock.pending).toBe(0)
    }),
    { numRuns: Math.ceil(Number(process.env['INTERLEAVINGS'] ?? 5_000) / 25) },
  )
}, 600_000)
