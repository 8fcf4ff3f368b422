import { expect, test } from 'vitest'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { type PendingDestroy, PendingDestroys } from './pending-destroys.ts'

function open() {
  const clock = new SteppingClock()
  const redis = { answers: false, asked: [] as PendingDestroy[] }
  const pending = new PendingDestroys(clock, async (one) => {
    redis.asked.push(one)
    if (!redis.answers) throw new Error('not acknowledged')
  })
  const add = (handle: string) => pending.addSession({ handle, id: undefined, user: 'ada' })
  return { clock, redis, pending, add }
}

test('a logout that was not acknowledged is tried again until it is', async () => {
  const { clock, redis, pending, add } = open()
  add('a')
  expect(pending.hasSession('a')).toBe(true)
  await clock.advance(1_000)
  expect(pending.hasSession('a')).toBe(true)
  redis.answers = true
  await clock.advance(5_000)
  expect(pending.hasSession('a')).toBe(false)
  expect(pending.size).toBe(0)
  expect(pending.replayed).toBe(1)
  expect(clock.pending).toBe(0)
})

test('all sessions of a user that are older than the logout count as ended, but for the one that stays', async () => {
  const { clock, redis, pending } = open()
  pending.addUser('ada', 'stays', clock.now())
  expect(pending.endsSession('a', 'ada', clock.now())).toBe(true)
  expect(pending.endsSession('a', 'ada', clock.now() + 1)).toBe(false)
  expect(pending.endsSession('stays', 'ada', clock.now())).toBe(false)
  expect(pending.endsSession('a', 'bob', clock.now())).toBe(false)
  expect(pending.endsSession('a', undefined, clock.now())).toBe(false)
  await clock.advance(1_000)
  expect(pending.endsSession('a', 'ada', 0)).toBe(true)
  redis.answers = true
  await clock.advance(10_000)
  expect(pending.endsSession('a', 'ada', 0)).toBe(false)
})

test('beyond ten thousand the oldest are dropped and counted', () => {
  const { pending, add } = open()
  for (let index = 0; index < 10_005; index++) add(`handle-${index}`)
  expect(pending.size).toBe(10_000)
  expect(pending.dropped).toBe(5)
  expect(pending.hasSession('handle-4')).toBe(false)
  expect(pending.hasSession('handle-5')).toBe(true)
})

test('the same logout again is the newest', () => {
  const { pending, add } = open()
  for (let index = 0; index < 10_000; index++) add(`handle-${index}`)
  add('handle-0')
  expect(pending.dropped).toBe(0)
  add('one more')
  expect(pending.hasSession('handle-0')).toBe(true)
  expect(pending.hasSession('handle-1')).toBe(false)
})

test('closed, it has no timer and asks nobody', async () => {
  const { clock, redis, pending, add } = open()
  add('a')
  pending.close()
  add('b')
  await clock.advance(60_000)
  expect(redis.asked).toEqual([])
  expect(clock.pending).toBe(0)
})
