import { describe, expect, test } from 'vitest'
import { forecast } from './forecast.ts'
import { History } from './history.ts'
import { nextLook } from './interval.ts'
import { limit, recordedSeries, type Series, seeded, simulate } from './series.fixture.ts'
import { vitalsWith } from './vitals.fixture.ts'

const alarm = 15 * 60

interface Told {
  /** Seconds. */
  readonly at: number
  readonly secondsToFull: number | undefined
}

function foretold(series: Series, canEvict = false): Told[] {
  const history = new History()
  return series.map((vitals) => {
    history.add(vitals)
    return { at: vitals.at / 1_000, secondsToFull: forecast(history.samples, limit, canEvict).secondsToFull }
  })
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

/** Where something was foretold: by how much it was wrong; and how often it was. */
function errors(told: readonly Told[], fullAt: number) {
  const due = told.slice(12).filter(({ at }) => at < fullAt - 60)
  const foretold = due.filter(({ secondsToFull = 0 }) => secondsToFull > 0 && secondsToFull !== Infinity)
  const wrong = foretold.map(({ at, secondsToFull = 0 }) => Math.abs(secondsToFull / (fullAt - at) - 1))
  return { error: median(wrong), share: foretold.length / due.length }
}

function alarms(told: readonly Told[]): number {
  return told.filter(({ secondsToFull = Infinity }) => secondsToFull < alarm).length / told.length
}

const day = 24 * 3_600
const tooth =
  (from: number, to: number, period = 600) =>
  (seconds: number) =>
    from + ((to - from) * (seconds % period)) / period

describe('linear growth', () => {
  test.each([
    ['half an hour', 1_800, 0.002],
    ['two hours', 7_200, 0.002],
    ['two hours, noisy', 7_200, 0.004],
    ['four hours', 14_400, 0.002],
  ])('that fills in %s is foretold to within 5 %% (median)', (_, seconds, noise) => {
    const told = foretold(simulate({ seconds, used: (at) => 0.5 + (0.5 * at) / seconds, noise }))
    const { error, share } = errors(told, seconds)
    expect(error).toBeLessThanOrEqual(0.05)
    expect(share).toBeGreaterThan(0.9)
  })

  test('of a real Redis is foretold to within 5 % (median)', () => {
    const series = recordedSeries('ramp')
    const full = (series.at(-1)?.at ?? 0) / 1_000
    const last = series.at(-1)?.memory.used ?? 0
    const history = new History()
    const told = series.map((vitals) => {
      history.add(vitals)
      return { at: vitals.at / 1_000, secondsToFull: forecast(history.samples, last, false).secondsToFull }
    })
    const { error, share } = errors(
      told.filter((_, i) => (series[i]?.memory.used ?? 0) > 0.5 * last),
      full,
    )
    expect(error).toBeLessThanOrEqual(0.05)
    expect(share).toBeGreaterThan(0.9)
  })

  test('after each of a row of kills is foretold anew', () => {
    const period = 1_200
    const series = simulate({ seconds: 6 * period, used: tooth(0.05, 1, period), noise: 0.002 }).map((vitals) => {
      const run = Math.floor(vitals.at / 1_000 / period)
      return { ...vitals, runId: `run ${run}`, uptimeSeconds: Math.floor(vitals.at / 1_000 - run * period) }
    })
    const told = foretold(series)
    const wrong = told.flatMap(({ at, secondsToFull = Infinity }) => {
      const left = period - (at % period)
      return left > 60 && left < 0.5 * period ? [Math.abs(secondsToFull / left - 1)] : []
    })
    expect(median(wrong)).toBeLessThanOrEqual(0.05)
  })

  test('that sets in after a calm time and fills within 90 s is foretold after twelve looks', () => {
    const history = new History()
    const used = (at: number) => 0.5 + Math.max(0, at - 900) / 180
    const random = seeded(3)
    const told: Told[] = []
    for (let at = 0; at < 985; ) {
      const bytes = (used(at) + 0.001 * (random() - 0.5)) * limit
      history.add(vitalsWith({ at: at * 1_000, memory: { used: bytes } }))
      const { secondsToFull } = forecast(history.samples, limit, false)
      told.push({ at, secondsToFull })
      const growthPerSecond = history.growthPerSecond
      const urgency = { fill: used(at), secondsToFull, growthPerSecond, used: bytes, refused: false, killsLine: true }
      at += nextLook(urgency, 10_000) / 1_000
    }
    const wrong = told.flatMap(({ at, secondsToFull = Infinity }) =>
      at > 945 && at < 980 ? [Math.abs(secondsToFull / (990 - at) - 1)] : [],
    )
    expect(median(wrong)).toBeLessThan(0.1)
    expect(told.find(({ secondsToFull = Infinity }) => secondsToFull < 120)?.at).toBeLessThan(940)
  })
})

test('a rise beyond all teeth of a saw is foretold from where it began', () => {
  const used = (at: number) => (at < 1_800 ? tooth(0.3, 0.6)(at) : 0.3 + (at - 1_800) / 700)
  const told = foretold(simulate({ seconds: 2_270, used, noise: 0.001 })).slice(-10)
  expect(
    median(told.map(({ at, secondsToFull = Infinity }) => Math.abs(secondsToFull / (2_290 - at) - 1))),
  ).toBeLessThan(0.1)
})

describe('false alarms', () => {
  test('are hardly any at an LRU plateau', () => {
    const told = simulate({ seconds: 2 * day, used: () => 0.999, noise: 0.0003, seed: 7 })
    expect(alarms(foretold(told))).toBeLessThan(0.0005)
  })

  test.each([
    ['an LRU plateau', { used: () => 0.999, noise: 0.0005 }],
    ['a noisy LRU plateau', { used: () => 0.995, noise: 0.003 }],
    ['a TTL sawtooth', { used: tooth(0.6, 0.85), noise: 0.003 }],
    ['a flat TTL sawtooth', { used: tooth(0.8, 0.88), noise: 0.002 }],
    ['a TTL sawtooth to the brim', { used: tooth(0.5, 0.97), noise: 0.003 }],
    ['a TTL sawtooth with steep falls', { used: tooth(0.1, 0.9), noise: 0.003 }],
    ['a TTL sawtooth of 14 minutes', { used: tooth(0.55, 0.9, 840), noise: 0.003 }],
  ])('are at most 1 %% at %s over a day', (_, simulation) => {
    expect(alarms(foretold(simulate({ seconds: day, ...simulation })))).toBeLessThanOrEqual(0.01)
  })

  test.each([['sawtooth-small'], ['sawtooth-deep']] as const)(
    'are at most 1 %% at a recorded %s, once a tooth was seen',
    (name) => {
      const told = foretold(recordedSeries(name))
      expect(alarms(told.filter(({ at }) => at > 620))).toBeLessThanOrEqual(0.01)
    },
  )

  test('are at most 1 % once a bulk load is over', () => {
    const used = (at: number) => (at < 7_200 ? 0.55 : Math.min(0.8, 0.55 + (at - 7_200) / 240))
    const told = foretold(simulate({ seconds: 4 * 3_600, used, noise: 0.002 }))
    expect(alarms(told.filter(({ at }) => at < 7_200 || at > 7_400))).toBeLessThanOrEqual(0.01)
  })
})

describe('a forecast', () => {
  const second = 1_000
  const rising = (looks: number, from: number, perLook: number) =>
    Array.from({ length: looks }, (_, i) => ({ at: i * 10 * second, used: (from + i * perLook) * limit, buffers: 0 }))

  test('says nothing before twelve looks', () => {
    expect(forecast(rising(11, 0.6, 0.001), limit, false).secondsToFull).toBeUndefined()
    expect(forecast(rising(12, 0.6, 0.001), limit, false).secondsToFull).toBeCloseTo((0.4 - 0.011) * 10_000, 3)
    expect(forecast([], limit, false).secondsToFull).toBeUndefined()
  })

  test('sees no end below half, nor farther than a week', () => {
    expect(forecast(rising(30, 0.3, 0.001), limit, false).secondsToFull).toBe(Infinity)
    expect(forecast(rising(30, 0.6, 1e-7), limit, false).secondsToFull).toBe(Infinity)
    expect(forecast(rising(30, 0.6, 0), limit, false).secondsToFull).toBe(Infinity)
    expect(forecast(rising(30, 0.9, -0.001), limit, false).secondsToFull).toBe(Infinity)
  })

  test('tells growth without a limit', () => {
    const { secondsToFull, bytesPerSecond } = forecast(rising(30, 0.3, 0.001), undefined, false)
    expect(secondsToFull).toBeUndefined()
    expect(bytesPerSecond).toBeCloseTo(0.0001 * limit, 3)
  })

  test('tells when eviction begins where keys can be evicted', () => {
    const { secondsToFull, secondsToEviction } = forecast(rising(12, 0.6, 0.001), limit, true)
    expect(secondsToFull).toBeUndefined()
    expect(secondsToEviction).toBeCloseTo((0.4 - 0.011) * 10_000, 3)
    expect(forecast(rising(30, 0.999, 0), limit, true).secondsToEviction).toBe(0)
  })

  test('takes buffers for room that is gone, not for growth', () => {
    const samples = rising(30, 0.6, 0.001).map((sample, i) => {
      const buffers = i % 2 === 0 ? 0 : 0.1 * limit
      return { ...sample, used: sample.used + buffers, buffers }
    })
    expect(forecast(samples, limit, false).secondsToFull).toBeCloseTo((0.3 - 0.029) * 10_000, 3)
  })

  test('is 0 at the limit', () => {
    expect(forecast(rising(3, 0.999, 0.001), limit, false).secondsToFull).toBe(0)
  })
})
