import { describe, expect, test } from 'vitest'
import { cascade } from '../options/policy.ts'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { LocalKeeper } from './local-keeper.ts'
import { LocalTier } from './local-tier.ts'

const times = { storedAt: 0, freshUntil: 1_000, expiresAt: 5_000, loadTime: 10 }
const policy = cascade()

function open({ localTtl = 400, hearsOthers = true } = {}) {
  const clock = new SteppingClock(0)
  const local = new LocalTier(1024 ** 2).namespace<unknown>(clock, false)
  return { local, clock, keeper: new LocalKeeper<unknown>(local, localTtl, clock, () => hearsOthers) }
}

describe('LocalKeeper', () => {
  test('keeps what Redis has for the local ttl, at most for its own', () => {
    const { local, keeper } = open()
    keeper.keep('a', 1, times, policy, true)
    keeper.keep('b', 1, { ...times, freshUntil: 300 }, policy, true)
    expect(local.peek('a')?.localUntil).toBe(400)
    expect(local.peek('b')?.localUntil).toBe(300)
  })

  test('counts the local ttl from now, not from when the value was stored', async () => {
    const { clock, local, keeper } = open()
    await clock.advance(500)
    keeper.keep('a', 1, times, policy, true)
    expect(local.peek('a')?.localUntil).toBe(900)
  })

  test('keeps what Redis did not take for its whole time', () => {
    const { local, keeper } = open()
    keeper.keep('a', 1, times, policy, false)
    expect(local.peek('a')?.localUntil).toBe(1_000)
  })

  test('answers without a thought only before early expiration may strike', () => {
    const { local, keeper } = open({ localTtl: 5_000 })
    keeper.keep('a', 1, times, policy, true)
    keeper.keep('b', 1, times, { ...policy, earlyExpiration: false }, true)
    keeper.keep('c', 1, { ...times, loadTime: 0 }, policy, true)
    expect(local.peek('a')?.quietUntil).toBe(800)
    expect(local.peek('b')?.quietUntil).toBe(1_000)
    expect(local.peek('c')?.quietUntil).toBe(1_000)
  })

  test('keeps a reserve only while writes of others would not be heard', () => {
    const { local, keeper } = open({ hearsOthers: false })
    keeper.keep('a', 1, times, policy, true)
    expect(local.hit('a')).toBeUndefined()
    expect(local.peek('a')?.value).toBe(1)
  })

  test('forgets the older value where the new one cannot be kept', () => {
    const { local, keeper } = open()
    keeper.keep('a', 1, times, policy, true)
    keeper.keep('a', { at: new Date(), call: () => {} }, times, policy, true)
    expect(local.peek('a')).toBeUndefined()
  })

  test('does nothing without a local tier', () => {
    const keeper = new LocalKeeper<unknown>(undefined, 1, new SteppingClock(0), () => true)
    expect(() => keeper.keep('a', 1, times, policy, true)).not.toThrow()
  })
})
