import { expect, test } from 'vitest'
import { SteppingClock, settle } from '../testing-support/stepping-clock.ts'
import { ReplayQueue } from './replay-queue.ts'

/** Replays that end when the test says so, or at once with what `outcome` says. */
function open(outcome: 'succeed' | 'fail' | 'wait' = 'succeed') {
  const clock = new SteppingClock(0)
  const redis = { outcome, asked: [] as string[], waiting: [] as { succeed(): void; fail(): void }[] }
  const replay = ({ name }: { readonly name: string }) => {
    redis.asked.push(name)
    if (name.startsWith('bad')) return Promise.reject(new Error('a dead shard'))
    if (redis.outcome === 'succeed') return Promise.resolve()
    if (redis.outcome === 'fail') return Promise.reject(new Error('not connected'))
    return new Promise<void>((resolve, reject) => {
      redis.waiting.push({ succeed: resolve, fail: () => reject(new Error('not connected')) })
    })
  }
  const queue = new ReplayQueue(clock, replay, 64)
  const add = (name: string) => queue.set(name, { name })
  return { clock, redis, queue, add }
}

test('what is added is replayed once', async () => {
  const { clock, redis, queue, add } = open()
  add('a')
  expect(queue.has('a')).toBe(true)
  await clock.advance(250)
  expect(redis.asked).toEqual(['a'])
  expect(queue.has('a')).toBe(false)
  expect(queue.replayed).toBe(1)
  expect(clock.pending).toBe(0)
})

test('it is tried again until it is acknowledged, more and more seldom', async () => {
  const { clock, redis, queue, add } = open('fail')
  const tries: number[] = []
  add('a')
  for (let seen = 0; clock.now() < 30_000; await clock.advance(50)) {
    if (redis.asked.length > seen) tries.push(clock.now())
    seen = redis.asked.length
  }
  const pauses = tries.map((at, index) => at - (tries[index - 1] ?? 0))
  expect(pauses.slice(0, 8)).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000])
  expect(queue.size).toBe(1)
  expect(queue.replayed).toBe(0)
  redis.outcome = 'succeed'
  await clock.advance(5_000)
  expect(queue.size).toBe(0)
  expect(queue.replayed).toBe(1)
  expect(clock.pending).toBe(0)
})

test('it is tried at once when Redis is back, and soon again from then on', async () => {
  const { clock, redis, queue, add } = open('fail')
  add('a')
  await clock.advance(20_000)
  const before = redis.asked.length
  queue.replayNow()
  await settle()
  expect(redis.asked).toHaveLength(before + 1)
  await clock.advance(500)
  expect(redis.asked).toHaveLength(before + 2)
})

test('a replay that began before the item was set anew does not settle it', async () => {
  const { clock, redis, queue, add } = open('wait')
  add('a')
  await clock.advance(250)
  add('a')
  redis.waiting[0]?.succeed()
  await settle()
  expect(queue.has('a')).toBe(true)
  expect(redis.asked).toHaveLength(2)
  redis.waiting[1]?.succeed()
  await settle()
  expect(queue.has('a')).toBe(false)
  expect(queue.replayed).toBe(1)
})

test('what is deleted during its replay does not come back when that fails', async () => {
  const { clock, redis, queue, add } = open('wait')
  add('a')
  await clock.advance(250)
  queue.delete('a')
  redis.waiting[0]?.fail()
  await settle()
  expect(queue.size).toBe(0)
  expect(clock.pending).toBe(0)
})

test('what is added during a failed replay is not forgotten', async () => {
  const { clock, redis, queue, add } = open('wait')
  add('a')
  await clock.advance(250)
  add('b')
  redis.waiting[0]?.fail()
  redis.outcome = 'succeed'
  await clock.advance(500)
  expect(queue.size).toBe(0)
  expect(redis.asked.sort()).toEqual(['a', 'a', 'b'])
})

test('more than a batch of those that fail do not keep the others waiting', async () => {
  const { clock, queue, add } = open()
  for (let index = 0; index < 70; index++) add(`bad-${index}`)
  for (let index = 0; index < 500; index++) add(`good-${index}`)
  await clock.advance(60_000)
  expect(queue.size).toBe(70)
  expect(queue.has('bad-0')).toBe(true)
  expect(queue.replayed).toBe(500)
})

test('one batch is under way at a time', async () => {
  const { clock, redis, queue, add } = open('wait')
  for (let index = 0; index < 200; index++) add(`key-${index}`)
  await clock.advance(250)
  queue.replayNow()
  await settle()
  expect(redis.waiting).toHaveLength(64)
})

test('it is full at ten thousand, and the oldest can be dropped', () => {
  const { queue, add } = open()
  for (let index = 0; index < 9_999; index++) add(`key-${index}`)
  expect(queue.isFull).toBe(false)
  add('the last')
  expect(queue.isFull).toBe(true)
  queue.dropOldest()
  expect(queue.has('key-0')).toBe(false)
  expect(queue.size).toBe(9_999)
})

test('the last attempt is made for a thousand at the most, and fails with none', async () => {
  const { redis, queue, add } = open('fail')
  for (let index = 0; index < 1_200; index++) add(`key-${index}`)
  await queue.lastAttempt()
  expect(redis.asked).toHaveLength(1_000)
})

test('closed, it has no timer and replays nothing more', async () => {
  const { clock, redis, queue, add } = open('fail')
  add('a')
  await clock.advance(300)
  queue.close()
  expect(clock.pending).toBe(0)
  add('b')
  queue.replayNow()
  await clock.advance(60_000)
  expect(clock.pending).toBe(0)
  expect(redis.asked).toHaveLength(1)
})
