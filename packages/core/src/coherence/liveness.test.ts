import { describe, expect, test } from 'vitest'
import { Liveness, lostAfter } from './liveness.ts'

describe('Liveness', () => {
  test('starts with nothing to lose', () => {
    const liveness = new Liveness()
    expect(liveness.state).toBe('starting')
    expect(liveness.check(1e9)).toBe(false)
    expect(liveness.heard(5)).toBe(false)
    expect(liveness.state).toBe('starting')
  })

  test('is connected by a subscription, which always means that messages may have been missed', () => {
    const liveness = new Liveness()
    expect(liveness.subscribed(0)).toBe(true)
    expect(liveness.state).toBe('connected')
    expect(liveness.subscribed(10)).toBe(true)
  })

  test('lives as long as something is heard in time', () => {
    const liveness = new Liveness()
    liveness.subscribed(0)
    for (let now = 0; now < 60_000; now += lostAfter - 1) {
      expect(liveness.heard(now)).toBe(false)
      expect(liveness.check(now + lostAfter - 1)).toBe(false)
    }
    expect(liveness.state).toBe('connected')
  })

  test('is lost after silence, and says so once', () => {
    const liveness = new Liveness()
    liveness.subscribed(0)
    liveness.heard(1_000)
    expect(liveness.check(1_000 + lostAfter - 1)).toBe(false)
    expect(liveness.check(1_000 + lostAfter)).toBe(true)
    expect(liveness.state).toBe('lost')
    expect(liveness.check(1_000 + lostAfter * 2)).toBe(false)
  })

  test('comes back where it was only late, and says that messages may have been missed', () => {
    const liveness = new Liveness()
    liveness.subscribed(0)
    liveness.check(lostAfter)
    expect(liveness.heard(lostAfter + 1)).toBe(true)
    expect(liveness.state).toBe('connected')
    expect(liveness.heard(lostAfter + 2)).toBe(false)
  })

  test('does not believe what is heard after the connection closed, until it is subscribed again', () => {
    const liveness = new Liveness()
    liveness.subscribed(0)
    liveness.closed()
    liveness.check(lostAfter)
    expect(liveness.heard(lostAfter + 1)).toBe(false)
    expect(liveness.state).toBe('lost')
    expect(liveness.subscribed(lostAfter + 2)).toBe(true)
    expect(liveness.state).toBe('connected')
    expect(liveness.check(lostAfter * 2 + 1)).toBe(false)
  })
})
