import { expect, test, vi } from 'vitest'
import { Wakeups } from './wakeups.ts'

test('wakes all who wait for a key, once, and nobody else', () => {
  const wakeups = new Wakeups()
  const [first, second, other] = [vi.fn(), vi.fn(), vi.fn()]
  wakeups.add('a', first)
  wakeups.add('a', second)
  wakeups.add('b', other)
  wakeups.wake('a')
  wakeups.wake('a')
  wakeups.wake('c')
  expect(first).toHaveBeenCalledTimes(1)
  expect(second).toHaveBeenCalledTimes(1)
  expect(other).not.toHaveBeenCalled()
})

test('forgets who gave up, and leaves the others asleep', () => {
  const wakeups = new Wakeups()
  const [gone, left] = [vi.fn(), vi.fn()]
  const forget = wakeups.add('a', gone)
  wakeups.add('a', left)
  forget()
  forget()
  wakeups.wake('a')
  expect(gone).not.toHaveBeenCalled()
  expect(left).toHaveBeenCalledTimes(1)
})

test('a late forgetting does not touch those who wait anew', () => {
  const wakeups = new Wakeups()
  const forget = wakeups.add('a', () => {})
  wakeups.wake('a')
  const later = vi.fn()
  wakeups.add('a', later)
  forget()
  wakeups.wake('a')
  expect(later).toHaveBeenCalledTimes(1)
})

test('somebody who waits again while being woken waits for the next time', () => {
  const wakeups = new Wakeups()
  const again = vi.fn()
  wakeups.add('a', () => void wakeups.add('a', again))
  wakeups.wake('a')
  expect(again).not.toHaveBeenCalled()
  wakeups.wake('a')
  expect(again).toHaveBeenCalledTimes(1)
})

test('wakes everybody when it ends', () => {
  const wakeups = new Wakeups()
  const woken = [vi.fn(), vi.fn()]
  for (const [index, wake] of woken.entries()) wakeups.add(`key-${index}`, wake)
  wakeups.end()
  for (const wake of woken) expect(wake).toHaveBeenCalledTimes(1)
  expect(wakeups.ended).toBe(true)
})
