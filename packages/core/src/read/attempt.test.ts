import { afterEach, expect, test, vi } from 'vitest'
import { Attempt } from './attempt.ts'

const reason = new Error('too late')

afterEach(() => {
  vi.unstubAllGlobals()
})

test('makes no signal for a load that does not look at it', async () => {
  let made = 0
  class Counted extends AbortController {
    constructor() {
      super()
      made += 1
    }
  }
  vi.stubGlobal('AbortController', Counted)
  const attempt = new Attempt()
  expect(await attempt.outcomeOf(Promise.resolve('value'))).toBe('value')
  attempt.giveUp(reason)
  expect(made).toBe(0)
  expect(attempt.signal.reason).toBe(reason)
  expect(made).toBe(1)
})

test('has one signal, which tells why it was given up', () => {
  const attempt = new Attempt()
  const { signal } = attempt
  expect(signal.aborted).toBe(false)
  attempt.giveUp(reason)
  attempt.giveUp(new Error('a second time'))
  expect(attempt.signal).toBe(signal)
  expect(signal.reason).toBe(reason)
  expect(attempt.isGivenUp).toBe(true)
})

test('ends with the error of the work', async () => {
  await expect(new Attempt().outcomeOf(Promise.reject(reason))).rejects.toBe(reason)
})

test.each(['before', 'while'])(
  'ends with the reason where it is given up %s the work is under way, whatever the work says of it',
  async (when) => {
    const attempt = new Attempt()
    if (when === 'before') attempt.giveUp(reason)
    const work = new Promise((_, reject) => {
      attempt.signal.addEventListener('abort', () => reject(new Error('its own')))
    })
    const outcome = attempt.outcomeOf(work)
    attempt.giveUp(reason)
    await expect(outcome).rejects.toBe(reason)
  },
)
