import recorded from './recorded-series.fixture.json' with { type: 'json' }
import { vitalsWith } from './vitals.fixture.ts'
import type { Vitals } from './vitals.ts'

export type Series = readonly Vitals[]

/** Seeded (mulberry32), so that a series is the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

export const limit = 64 * 1_048_576

export interface Simulation {
  readonly seconds: number
  /** Share of the limit that is used at a time, in seconds. */
  used(seconds: number): number
  /** Standard deviation, in shares of the limit. */
  readonly noise: number
  readonly seed?: number
}

/** Looks every 10 s with 20 % of jitter. Keys are of 1 KiB; what goes away has expired. */
export function simulate({ seconds, used, noise, seed = 1 }: Simulation): Series {
  const random = seeded(seed)
  const series: Vitals[] = []
  let expired = 0
  let keys = 0
  for (let at = 0; at < seconds; at += 10 * (0.8 + 0.4 * random())) {
    const bytes = Math.min(0.9999, used(at) + noise * gaussian(random)) * limit
    const stored = Math.round(bytes / 1_024)
    expired += Math.max(0, keys - stored)
    keys = stored
    series.push(vitalsWith({ at: at * 1_000, memory: { used: bytes }, totals: { expiredKeys: expired }, stored }))
  }
  return series
}

/** What a real Redis told, in its own time: recorded 100 times as fast. */
export function recordedSeries(name: 'ramp' | 'sawtooth-small' | 'sawtooth-deep'): Series {
  const [at = [], used = [], clients = [], keys = [], expired = []] = recorded[name].map(column)
  return at.map((milliseconds, i) =>
    vitalsWith({
      at: milliseconds * 100,
      memory: { used: (used[i] ?? 0) * 1_024, clientsNormal: (clients[i] ?? 0) * 1_024 },
      totals: { expiredKeys: expired[i] ?? 0 },
      stored: keys[i] ?? 0,
    }),
  )
}

function column(differences: string): number[] {
  let value = 0
  return differences.split(' ').map((difference) => {
    value += Number(difference)
    return value
  })
}
