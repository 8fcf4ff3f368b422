import { describe, expect, test } from 'vitest'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { LocalTier, type LocalTimes } from './local-tier.ts'

const far = Number.MAX_SAFE_INTEGER
const times: LocalTimes = {
  storedAt: 0,
  loadTime: 1,
  quietUntil: far,
  localUntil: far,
  freshUntil: far,
  expiresAt: far,
}
const keyOf = (key: number) => `key-${String(key).padStart(7, '0')}`

/** A tier that holds so many entries of the size used here. */
function tierOf(entries: number) {
  const clock = new SteppingClock(0)
  const one = new LocalTier(1_000_000)
  one.namespace<number>(clock, false).set(keyOf(0), 1, times)
  const tier = new LocalTier(one.bytes * entries)
  return { clock, tier, local: tier.namespace<number>(clock, false) }
}

function hitRate(requests: readonly number[], entries: number): number {
  const { local } = tierOf(entries)
  for (const key of requests) if (local.hit(keyOf(key)) === undefined) local.set(keyOf(key), key, times)
  return local.hits / requests.length
}

function hitRateOfLru(requests: readonly number[], entries: number): number {
  const kept = new Set<number>()
  let hits = 0
  for (const key of requests) {
    if (kept.delete(key)) hits += 1
    else if (kept.size >= entries) for (const oldest of kept.values()) if (kept.delete(oldest)) break
    kept.add(key)
  }
  return hits / requests.length
}

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Keys by Zipf's law: the second is asked for half as often as the first, the third a third as often. */
function zipf(keys: number, requests: number, seed: number): number[] {
  const random = randomOf(seed)
  const cumulated: number[] = []
  let sum = 0
  for (let rank = 1; rank <= keys; rank++) {
    sum += 1 / rank
    cumulated.push(sum)
  }
  return Array.from({ length: requests }, () => {
    const drawn = random() * sum
    let [low, high] = [0, keys - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((cumulated[middle] ?? 0) < drawn) low = middle + 1
      else high = middle
    }
    return low
  })
}

describe('which entry gives way', () => {
  test('where some keys are asked for more than others: better than LRU', () => {
    const requests = zipf(20_000, 100_000, 1)
    for (const entries of [50, 500]) {
      expect(hitRate(requests, entries)).toBeGreaterThan(hitRateOfLru(requests, entries) + 0.02)
    }
  })

  test('where a crawler walks over everything in between: much better than LRU', () => {
    const visitors = zipf(5_000, 60_000, 2)
    const requests = visitors.flatMap((key, index) => [
      key,
      100_000 + ((2 * index) % 30_000),
      100_001 + ((2 * index) % 30_000),
    ])
    expect(hitRate(requests, 500)).toBeGreaterThan(hitRateOfLru(requests, 500) * 1.3)
  })

  test('where only what was asked for a moment ago comes again: as LRU', () => {
    const random = randomOf(3)
    const requests = Array.from({ length: 80_000 }, (_, index) => Math.floor(index / 4) - Math.floor(random() * 60))
    expect(hitRate(requests, 100)).toBeGreaterThanOrEqual(hitRateOfLru(requests, 100) - 0.005)
  })

  test('an entry that has ended goes before one that is asked for less', async () => {
    const requests = zipf(5_000, 30_000, 4)
    const { clock, local } = tierOf(50)
    for (const key of requests) if (local.hit(keyOf(key)) === undefined) local.set(keyOf(key), key, times)
    const short = { ...times, expiresAt: clock.now() + 10 }
    local.set('short lived', 1, short)
    for (let hit = 0; hit < 15; hit++) void local.hit('short lived')
    await clock.advance(10)
    for (let key = 0; key < 200; key++) local.set(keyOf(1_000_000 + key), key, times)
    expect(local.peek('short lived')).toBeUndefined()
  })

  test('the tier stays within its bound all the while', () => {
    const { tier, local } = tierOf(100)
    for (const key of zipf(5_000, 20_000, 5)) {
      if (local.hit(keyOf(key)) === undefined) local.set(keyOf(key), key, times)
      expect(tier.bytes).toBeLessThanOrEqual(tier.maxBytes)
    }
    expect(local.bytes).toBe(tier.bytes)
  })
})
