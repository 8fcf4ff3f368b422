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
  pending.add('price', 'one too many', life)
  expect(pending.size).toBe(10_000)
  expect(pending.trusts('price', 'one too many')).toBe(false)
  expect(pending.trusts('price', 'other')).toBe(false)
  expect(pending.trusts('product', 'other')).toBe(true)
  await clock.advance(life - 1)
  expect(pending.trusts('price', 'other')).toBe(false)
  await clock.advance(1)
  expect(pending.trusts('price', 'other')).toBe(true)
})

test('close() leaves no timer behind', () => {
  const { clock, pending } = open()
  pending.add('product', 'a', life)
  pending.close()
  expect(clock.pending).toBe(0)
})
