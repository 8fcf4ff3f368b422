import { describe, expect, test } from 'vitest'
import { SteppingClock, settle } from '../testing-support/stepping-clock.ts'
import { PendingInvalidations } from './pending-invalidations.ts'

const life = 60_000

/** Replays that end when the test says so, or at once with what `outcome` says. */
function open(outcome: 'succeed' | 'fail' | 'wait' = 'succeed') {
  const clock = new SteppingClock(0)
  const redis = { outcome, replayed: [] as string[], waiting: [] as { succeed(): void; fail(): void }[] }
  const pending = new PendingInvalidations(clock, ({ namespace, key }) => {
    redis.replayed.push(`${namespace}/${key}`)
    if (redis.outcome === 'succeed') return Promise.resolve()
    if (redis.outcome === 'fail') return Promise.reject(new Error('not connected'))
    return new Promise((resolve, reject) => {
      redis.waiting.push({ succeed: resolve, fail: () => reject(new Error('not connected')) })
    })
  })
  return { clock, redis, pending }
}

describe('a write that Redis did not take', () => {
  test('is not believed until it is replayed', async () => {
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

  test('is tried again, more and more seldom', async () => {
    const { clock, redis, pending } = open('fail')
    const tries: number[] = []
    pending.add('product', 'a', life)
    for (let seen = 0; clock.now() < 30_000; await clock.advance(50)) {
      if (redis.replayed.length > seen) tries.push(clock.now())
      seen = redis.replayed.length
    }
    const pauses = tries.map((at, index) => at - (tries[index - 1] ?? 0))
    expect(pauses.slice(0, 8)).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000])
    expect(pending.trusts('product', 'a')).toBe(false)
    redis.outcome = 'succeed'
    await clock.advance(5_000)
    expect(pending.trusts('product', 'a')).toBe(true)
    expect(clock.pending).toBe(0)
  })

  test('is tried at once when Redis is back, and soon again from then on', async () => {
    const { clock, redis, pending } = open('fail')
    pending.add('product', 'a', life)
    await clock.advance(20_000)
    const before = redis.replayed.length
    pending.replayNow()
    await settle()
    expect(redis.replayed).toHaveLength(before + 1)
    await clock.advance(500)
    expect(redis.replayed).toHaveLength(before + 2)
  })

  test('is not settled by a replay that began before a newer write', async () => {
    const { clock, redis, pending } = open('wait')
    pending.add('product', 'a', life)
    await clock.advance(250)
    pending.add('product', 'a', life)
    redis.waiting[0]?.succeed()
    await settle()
    expect(pending.trusts('product', 'a')).toBe(false)
    expect(redis.replayed).toHaveLength(2)
    redis.waiting[1]?.succeed()
    await settle()
    expect(pending.trusts('product', 'a')).toBe(true)
  })

  test('that came during a failed replay is not forgotten', async () => {
    const { clock, redis, pending } = open('wait')
    pending.add('product', 'a', life)
    await clock.advance(250)
    pending.add('product', 'b', life)
    redis.waiting[0]?.fail()
    redis.outcome = 'succeed'
    await clock.advance(500)
    expect(pending.size).toBe(0)
    expect(redis.replayed.sort()).toEqual(['product/a', 'product/a', 'product/b'])
  })

  test('does not hold up those that succeed beside it', async () => {
    const clock = new SteppingClock(0)
    const pending = new PendingInvalidations(clock, async ({ key }) => {
      if (key === 'bad') throw new Error('NOPERM')
    })
    pending.add('product', 'bad', life)
    for (let index = 0; index < 500; index++) pending.add('product', `good-${index}`, life)
    await clock.advance(60_000)
    expect(pending.size).toBe(1)
    expect(pending.trusts('product', 'bad')).toBe(false)
  })

  test('is replayed with few others at a time', async () => {
    const { clock, redis, pending } = open('wait')
    for (let index = 0; index < 200; index++) pending.add('product', `key-${index}`, life)
    await clock.advance(250)
    pending.replayNow()
    await settle()
    expect(redis.waiting).toHaveLength(64)
  })
})

describe('beyond the bound', () => {
  test('a namespace is distrusted until its older entries must be gone', async () => {
    const { clock, pending } = open('fail')
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
})

test('close() leaves no timer behind and replays nothing more', async () => {
  const { clock, redis, pending } = open('fail')
  pending.add('product', 'a', life)
  await clock.advance(300)
  pending.close()
  expect(clock.pending).toBe(0)
  pending.add('product', 'b', life)
  pending.replayNow()
  await clock.advance(60_000)
  expect(clock.pending).toBe(0)
  expect(redis.replayed).toHaveLength(1)
})
