import type { Clock } from '../clock.ts'

export interface HotKey {
  readonly key: string
  readonly perSecond: number
  /** Of all requests of the namespace: 0 to 1. */
  readonly share: number
}

// Enough to tell a share of one per cent from one of two; more of them would only cost.
const enoughNotes = 1_000
const gaps = { hit: { first: 64, least: 4 }, read: { first: 8, least: 1 } }
const longestGap = 65_536
const windowLength = 10_000
const mostCounted = 128

interface Window {
  readonly startedAt: number
  readonly counts: Map<string, number>
  total: number
}

/**
 * The keys that one namespace is asked for most in this process, from a random sample of the requests of the last 10 to
 * 20 seconds. Space-Saving (Metwally, Agrawal, El Abbadi, ICDT 2005): a key that is not counted yet takes the place and
 * the count of the least one, so that no key with a share above 1/128 escapes.
 */
export class HotKeys {
  readonly #clock: Clock
  #current: Window | undefined
  #previous: Window | undefined
  readonly #hits = new Gap(gaps.hit)
  readonly #reads = new Gap(gaps.read)
  #untilRead = 1
  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Notes a hit of the local tier; answers after how many hits it wants the next one. */
  noteHit(key: string): number {
    this.#note(key, this.#hits.mean)
    return this.#hits.next()
  }

  /** A request that the local tier did not answer. */
  noteRead(key: string): void {
    this.#untilRead -= 1
    if (this.#untilRead > 0) return
    this.#note(key, this.#reads.mean)
    this.#untilRead = this.#reads.next()
  }

  /** The hottest first. */
  top(limit: number): HotKey[] {
    this.#turn(this.#clock.now())
    const windows = [this.#previous, this.#current].filter((window) => window !== undefined)
    const startedAt = windows[0]?.startedAt ?? 0
    const seconds = Math.max(1_000, this.#clock.now() - startedAt) / 1_000
    const counts = new Map<string, number>()
    let total = 0
    for (const window of windows) {
      total += window.total
      for (const [key, count] of window.counts) counts.set(key, (counts.get(key) ?? 0) + count)
    }
    return [...counts]
      .sort(([, left], [, right]) => right - left)
      .slice(0, limit)
      .map(([key, count]) => ({ key, perSecond: count / seconds, share: count / total }))
  }

  /** How often a key is asked for in a second, at least: without what it may have taken over from others. */
  perSecond(key: string): number {
    const now = this.#clock.now()
    this.#turn(now)
    const startedAt = (this.#previous ?? this.#current)?.startedAt ?? now
    const count = atLeast(this.#previous, key) + atLeast(this.#current, key)
    return (count * 1_000) / Math.max(1_000, now - startedAt)
  }

  #note(key: string, weight: number): void {
    const window = this.#turn(this.#clock.now())
    window.total += weight
    const { counts } = window
    const count = counts.get(key)
    if (count !== undefined || counts.size < mostCounted) {
      counts.set(key, (count ?? 0) + weight)
      return
    }
    let least: string | undefined
    let fewest = Number.POSITIVE_INFINITY
    for (const [other, times] of counts) {
      if (times >= fewest) continue
      least = other
      fewest = times
    }
    if (least !== undefined) counts.delete(least)
    counts.set(key, fewest + weight)
  }

  #turn(now: number): Window {
    const current = this.#current
    // A clock that was set back begins anew, too.
    if (current !== undefined && now >= current.startedAt && now - current.startedAt < windowLength) return current
    const justEnded = current !== undefined && now >= current.startedAt && now - current.startedAt < 2 * windowLength
    this.#hits.windowEnded()
    this.#reads.windowEnded()
    this.#previous = justEnded ? current : undefined
    this.#current = { startedAt: now, counts: new Map(), total: 0 }
    return this.#current
  }
}

function atLeast(window: Window | undefined, key: string): number {
  const count = window?.counts.get(key)
  if (window === undefined || count === undefined) return 0
  // The least of all counts is never above their mean.
  return window.counts.size < mostCounted ? count : Math.max(0, count - window.total / mostCounted)
}

/** How many requests pass between two that are noted: about so many that a window has enough notes, whatever the traffic. */
class Gap {
  mean: number
  readonly #least: number
  #notes = 0
  // Any start will do: what matters is that the gaps have no period in common with the traffic.
  #state = 0x2545f491

  constructor({ first, least }: { readonly first: number; readonly least: number }) {
    this.mean = first
    this.#least = least
  }

  /** 1 to twice the mean, less 1: xorshift. */
  next(): number {
    this.#notes += 1
    if (this.#notes >= enoughNotes) {
      this.#notes = 0
      this.mean = Math.min(longestGap, this.mean * 2)
    }
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return 1 + ((this.#state >>> 0) % (2 * this.mean - 1))
  }

  windowEnded(): void {
    if (this.#notes < enoughNotes / 2) this.mean = Math.max(this.#least, this.mean / 2)
    this.#notes = 0
  }
}
