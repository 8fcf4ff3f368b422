import { expect, test } from 'vitest'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { FailureBackoff } from './failure-backoff.ts'

test('knows a failed key for a second', async () => {
  const clock = new SteppingClock(0)
  const failures = new FailureBackoff(clock)
  expect(failures.has('a')).toBe(false)
  failures.note('a')
  await clock.advance(999)
  expect(failures.has('a')).toBe(true)
  expect(failures.has('b')).toBe(false)
  await clock.advance(1)
  expect(failures.has('a')).toBe(false)
})

test('forgets a key that was loaded since', () => {
  const failures = new FailureBackoff(new SteppingClock(0))
  failures.note('a')
  failures.forget('a')
  failures.forget('never noted')
  expect(failures.has('a')).toBe(false)
})

test('forgets all rather than grow without end', () => {
  const failures = new FailureBackoff(new SteppingClock(0))
  for (let index = 0; index <= 1_000; index++) failures.note(`key-${index}`)
  expect(failures.has('key-0')).toBe(false)
  expect(failures.has('key-1000')).toBe(true)
})
