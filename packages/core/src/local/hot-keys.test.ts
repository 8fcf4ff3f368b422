import { describe, expect, test } from 'vitest'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { HotKeys } from './hot-keys.ts'

function open() {
  const clock = new SteppingClock(1_000_000)
  const hotKeys = new HotKeys(clock)
  let untilHit = 1
  const hit = (key: string) => {
    untilHit -= 1
    if (untilHit === 0) untilHit = hotKeys.noteHit(key)
  }
  return { clock, hotKeys, hit }
}

describe('hot keys', () => {
  test('are found among many others, with their share and rate', async () => {
    const { clock, hotKeys } = open()
    for (let second = 0; second < 5; second++) {
      for (let request = 0; request < 4_000; request++) {
        hotKeys.noteRead(request % 2 === 0 ? 'hot' : `other-${second * 4_000 + request}`)
      }
      await clock.advance(1_000)
    }
    const [first, second] = hotKeys.top(2)
    expect(first?.key).toBe('hot')
    expect(first?.share).toBeGreaterThan(0.45)
    expect(first?.share).toBeLessThan(0.55)
    expect(first?.perSecond).toBeGreaterThan(1_700)
    expect(first?.perSecond).toBeLessThan(2_300)
    expect(second?.share).toBeLessThan(0.05)
  })

  test('are found although the traffic has a rhythm', () => {
    const { hotKeys, hit } = open()
    for (let request = 0; request < 200_000; request++) hit(request % 64 === 0 ? 'on the beat' : `key-${request % 64}`)
    const beat = hotKeys.top(64).find(({ key }) => key === 'on the beat')
    expect(beat?.share ?? 0).toBeGreaterThan(0.005)
    expect(beat?.share).toBeLessThan(0.03)
  })

  test('count hits of the local tier and reads beyond it alike', () => {
    const { hotKeys, hit } = open()
    for (let request = 0; request < 50_000; request++) {
      hit('local')
      hotKeys.noteRead('beyond')
    }
    const shares = Object.fromEntries(hotKeys.top(2).map(({ key, share }) => [key, share]))
    expect(shares['local']).toBeGreaterThan(0.45)
    expect(shares['beyond']).toBeGreaterThan(0.45)
  })

  test('of yesterday are forgotten', async () => {
    const { clock, hotKeys } = open()
    for (let request = 0; request < 1_000; request++) hotKeys.noteRead('yesterday')
    await clock.advance(10_000)
    for (let request = 0; request < 1_000; request++) hotKeys.noteRead('today')
    expect(
      hotKeys
        .top(5)
        .map(({ key }) => key)
        .sort(),
    ).toEqual(['today', 'yesterday'])
    await clock.advance(10_000)
    expect(hotKeys.top(5).map(({ key }) => key)).toEqual(['today'])
    await clock.advance(30_000)
    expect(hotKeys.top(5)).toEqual([])
  })

  test('are told at a rate that is never above the true one by what others left', async () => {
    const { clock, hotKeys } = open()
    expect(hotKeys.perSecond('hot')).toBe(0)
    for (let second = 0; second < 5; second++) {
      for (let request = 0; request < 4_000; request++) {
        hotKeys.noteRead(request % 4 === 0 ? 'hot' : `other-${second * 4_000 + request}`)
      }
      await clock.advance(1_000)
    }
    expect(hotKeys.perSecond('hot')).toBeGreaterThan(800)
    expect(hotKeys.perSecond('hot')).toBeLessThan(1_200)
    const cold = hotKeys.top(200).filter(({ key }) => key !== 'hot')
    expect(cold.length).toBeGreaterThan(100)
    // Each was asked for once, and stands in the place of hundreds.
    for (const { key } of cold) expect(hotKeys.perSecond(key)).toBeLessThan(10)
    await clock.advance(30_000)
    expect(hotKeys.perSecond('hot')).toBe(0)
  })

  test('hold a bounded number of keys, whatever comes', () => {
    const { hotKeys } = open()
    for (let request = 0; request < 100_000; request++) hotKeys.noteRead(`key-${request}`)
    expect(hotKeys.top(1_000).length).toBeLessThanOrEqual(256)
  })
})
