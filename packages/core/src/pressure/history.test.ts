import { beforeEach, describe, expect, test } from 'vitest'
import { History } from './history.ts'
import { unknownVitals } from './info.ts'
import { simulate } from './series.fixture.ts'
import { type Told, vitalsWith } from './vitals.fixture.ts'

const mebi = 1_048_576
const second = 1_000

let history: History

beforeEach(() => {
  history = new History()
})

function look(at: number, told: Omit<Told, 'at'> = {}) {
  return history.add(vitalsWith({ ...told, at: at * second }))
}

/** A look each 10 s at a run that grows by 1 MiB a second, of 2 MiB more than used memory, up to `until` (exclusive). */
function ramp(until: number) {
  for (let at = 0; at < until; at += 10) {
    const used = (1 + at) * mebi
    const memory = { used, rss: used + 2 * mebi, startup: mebi }
    look(at, { memory, stored: 1_000 * at })
  }
}

const empty = { runId: 'second', stored: 0, memory: { used: mebi } }

describe('the end of a run', () => {
  test('is an OOM kill where memory grew until the data was lost', () => {
    ramp(60)
    expect(look(61, { ...empty, uptimeSeconds: 2 })).toEqual({
      kind: 'restart',
      restart: { at: 61_000, cause: 'oom-kill', dataLost: true, used: 60 * mebi, rss: 62 * mebi },
    })
    expect(history.restarts(61_000)).toHaveLength(1)
  })

  test('is so after two looks, where it had grown from nothing', () => {
    ramp(20)
    expect(look(22, { ...empty, uptimeSeconds: 1 })).toMatchObject({ restart: { cause: 'oom-kill' } })
  })

  test('at a size that was seen before the crash loop waited', () => {
    ramp(60)
    // Up for 1 s after five minutes of waiting: it did not grow on in these.
    expect(look(360, { ...empty, uptimeSeconds: 1 })).toMatchObject({
      restart: { cause: 'oom-kill', rss: (53 + 12.5) * mebi },
    })
  })

  test('at the size at which its connection broke', () => {
    ramp(60)
    history.lost(54_000)
    expect(look(62, { ...empty, uptimeSeconds: 2 })).toMatchObject({ restart: { used: 55 * mebi } })
  })

  function evicting() {
    ramp(30)
    for (let at = 30; at < 60; at += 10) {
      look(at, { memory: { used: (1 + at) * mebi, startup: mebi }, totals: { evictedKeys: 5 }, stored: 50_000 })
    }
  }

  function grownLongAgo() {
    ramp(60)
    plateau(500, 60)
  }

  test.each([
    ['keys were evicted', evicting],
    ['memory did not grow', () => plateau(600)],
    ['memory had grown before', grownLongAgo],
  ])('is a restart where %s', (_, fill) => {
    fill()
    expect(look(1_600, { ...empty, uptimeSeconds: 2 })).toMatchObject({
      kind: 'restart',
      restart: { cause: 'restart', dataLost: true },
    })
  })

  test('is a restart where it was over for long when it was seen', () => {
    ramp(60)
    expect(look(300, { ...empty, uptimeSeconds: 200 })).toMatchObject({ restart: { cause: 'restart', dataLost: true } })
  })

  test('is an OOM kill also of one that came back as a replica, without its data', () => {
    ramp(60)
    expect(look(61, { ...empty, role: 'replica', uptimeSeconds: 2 })).toMatchObject({ restart: { cause: 'oom-kill' } })
  })

  test('is a restart where the data is still there, though its replication id is new', () => {
    ramp(60)
    const kept = { runId: 'second', stored: 45_000, replication: replicaOf('new') }
    expect(look(61, { ...kept, uptimeSeconds: 2 })).toMatchObject({ restart: { cause: 'restart', dataLost: false } })
  })

  test('is a failover where another server answers, up already while this one was', () => {
    ramp(60)
    const other = { runId: 'second', stored: 49_000, uptimeSeconds: 4_000 }
    expect(look(61, other)).toMatchObject({ kind: 'failover', restart: { cause: 'failover', dataLost: false } })
  })

  test('is a failover where the role is another', () => {
    ramp(60)
    const replica = { runId: 'second', role: 'replica', stored: 50_000, uptimeSeconds: 1 } as const
    expect(look(61, replica)).toMatchObject({ kind: 'failover' })
  })

  test('is judged once the new run has loaded its data', () => {
    ramp(60)
    expect(look(61, { ...empty, loading: true, uptimeSeconds: 2 })).toBeUndefined()
    expect(look(62, { ...empty, stored: 100, loading: true, uptimeSeconds: 3 })).toBeUndefined()
    expect(look(63, { ...empty, stored: 49_000, uptimeSeconds: 4 })).toMatchObject({ restart: { dataLost: false } })
  })

  test('is seen by the uptime where the run is not told', () => {
    ramp(60)
    expect(look(61, { ...empty, runId: undefined, uptimeSeconds: 2 })).toMatchObject({ kind: 'restart' })
  })

  test('is remembered for an hour', () => {
    for (let run = 0; run < 400; run++) look(run * 10, { runId: String(run), stored: 0, uptimeSeconds: 0 })
    expect(history.restarts(3_990 * second).length).toBeLessThanOrEqual(100)
    expect(history.restarts(9_000 * second)).toEqual([])
  })
})

function plateau(until: number, from = 0) {
  for (let at = from; at < until; at += 10) {
    const used = (60 + 0.01 * Math.sin(at)) * mebi
    look(at, { memory: { used, startup: mebi }, stored: 50_000 })
  }
}

function replicaOf(replicationId: string) {
  return { connectedReplicas: 0, primaryLinkUp: undefined, replicationId }
}

describe('within a run', () => {
  test('keys that are gone at once were flushed', () => {
    look(0, { stored: 1_000 })
    expect(look(10, { stored: 3 })).toEqual({ kind: 'flushed' })
  })

  test.each([
    ['expired', { expiredKeys: 990 }],
    ['were evicted', { evictedKeys: 990 }],
  ])('keys that %s were not flushed', (_, totals) => {
    look(0, { stored: 1_000 })
    expect(look(10, { stored: 3, totals })).toBeUndefined()
  })

  test('a few keys that are deleted were not flushed', () => {
    look(0, { stored: 3 })
    expect(look(10, { stored: 0 })).toBeUndefined()
  })

  test.each([{ max: 2 }, { policy: 'allkeys-lru' }])('another limit is told: %j', (memory) => {
    look(0, { memory: { max: 1, policy: 'noeviction' } })
    expect(look(10, { memory: { max: 1, policy: 'noeviction' } })).toBeUndefined()
    expect(look(20, { memory: { max: 1, policy: 'noeviction', ...memory } })).toEqual({ kind: 'limit-changed' })
  })

  test('another role is a failover, but no restart', () => {
    look(0)
    expect(look(10, { role: 'replica' })).toMatchObject({ kind: 'failover' })
    expect(history.restarts(10_000)).toEqual([])
  })

  test('another role is a failover also where the new replica still loads what its primary sent', () => {
    look(0)
    expect(look(10, { role: 'replica', loading: true })).toMatchObject({ kind: 'failover' })
    expect(look(20, { role: 'replica' })).toBeUndefined()
  })

  test('a look that told nothing is the latest, and changes nothing', () => {
    ramp(60)
    expect(history.add(unknownVitals(60_000))).toBeUndefined()
    expect(history.latest?.origin).toBe('none')
    expect(history.trend()?.looks).toBe(6)
    expect(look(61, { ...empty, uptimeSeconds: 2 })).toMatchObject({ kind: 'restart' })
  })
})

describe('samples for the forecast', () => {
  const held = () => history.samples.length

  test.each<[string, Omit<Told, 'at'>, number]>([
    ['a restart', { ...empty, uptimeSeconds: 1 }, 1],
    ['a flush', { stored: 0, memory: { used: 9 * mebi } }, 1],
    ['another limit', { stored: 5_000, memory: { used: 9 * mebi, max: 5 } }, 1],
    ['a deletion of much', { stored: 2_000, memory: { used: 6 * mebi } }, 1],
    ['an expiry of much', { stored: 2_000, memory: { used: 6 * mebi }, totals: { expiredKeys: 3_000 } }, 11],
    ['a deletion of little', { stored: 4_000, memory: { used: 9 * mebi } }, 11],
    ['nothing told of memory', { stored: 5_000 }, 10],
  ])('after %s', (_, told, samples) => {
    for (let at = 0; at < 100; at += 10) look(at, { stored: 5_000, memory: { used: 10 * mebi, max: 4 } })
    look(100, told)
    expect(held()).toBe(samples)
  })

  test('hold buffers apart', () => {
    look(0, { memory: { used: 100, clientsNormal: 10, notCountedForEvict: 5 } })
    expect(history.samples).toEqual([{ at: 0, used: 100, buffers: 15 }])
  })

  test.each([1, 3, 10])('are of half an hour in about 200 places, with a look each %i s', (pause) => {
    for (let at = 0; at < 7_200; at += pause) {
      look(at, { memory: { used: at } })
      expect(held()).toBeLessThanOrEqual(210)
    }
    const { samples } = history
    const latest = samples.at(-1)?.at ?? 0
    expect(latest - (samples[0]?.at ?? 0)).toBeGreaterThan(29 * 60 * second)
    expect(samples.filter(({ at }) => at > latest - 45 * second)).toHaveLength(Math.ceil(45 / pause))
    const gaps = samples.slice(1).map(({ at }, i) => at - (samples[i]?.at ?? 0))
    expect(Math.max(...gaps)).toBeLessThan(30 * second)
  })
})

describe('the trend', () => {
  test('is unknown after one look', () => {
    look(0)
    expect(history.trend()).toBeUndefined()
    expect(history.growthPerSecond).toBeUndefined()
  })

  test('tells what changed within ten minutes', () => {
    for (let at = 0; at <= 1_200; at += 10) {
      const evictedKeys = at < 900 ? 0 : 100 + 10 * (at - 900)
      look(at, {
        stored: 10_000,
        memory: { used: at * 1_000 },
        totals: {
          evictedKeys,
          evictionExceededMilliseconds: at * 100,
          evictionExceededNowMilliseconds: at > 1_175 ? 5 : 0,
        },
        errors: at < 1_000 ? {} : { OOM: 7 },
      })
    }
    expect(history.trend()).toMatchObject({
      seconds: 600,
      evictedKeys: 3_100,
      evictedShare: 3_100 / 13_100,
      evictedPerSecondPeak: 10,
      evictionAgeSeconds: 10_000 / (3_100 / 600),
      oomErrors: 7,
      misconfErrors: 0,
      evictionExceededShare: 0.1,
      evictionExceededLooks: 3,
      usedPerSecond: 1_000,
    })
  })

  test('keeps the peak of looks that were left out', () => {
    for (let at = 0; at <= 560; at++) look(at, { stored: 10, totals: { evictedKeys: at < 203 ? 0 : 5_000 } })
    expect(history.trend()?.evictedPerSecondPeak).toBe(5_000)
  })

  test('is between the looks that told', () => {
    const counted = [undefined, 1_000_000, 1_000_010, undefined]
    for (const [index, evictedKeys] of counted.entries()) {
      look(10 * index, { totals: { evictedKeys }, ...(evictedKeys === undefined ? {} : { stored: 90 }) })
    }
    expect(history.trend()).toMatchObject({ evictedKeys: 10, evictedShare: 0.1 })
  })

  test('is of one run', () => {
    ramp(60)
    look(61, { ...empty, uptimeSeconds: 1 })
    expect(history.trend()).toBeUndefined()
  })

  test('starts again where the clock was set back', () => {
    look(100)
    look(50)
    expect(history.trend()).toBeUndefined()
    look(60)
    expect(history.trend()).toMatchObject({ looks: 2, seconds: 10 })
  })

  test('and the forecast with it, whatever had made the past void', () => {
    look(90, { memory: { max: 1, used: mebi } })
    look(100, { memory: { max: 2, used: mebi } })
    look(50, { memory: { max: 2, used: mebi } })
    expect(history.samples).toHaveLength(1)
  })
})

describe('totals', () => {
  const evicted = () => history.totals.evictedKeys

  test('count from the first look on, over runs and resets', () => {
    expect(evicted()).toBeUndefined()
    look(0, { totals: { evictedKeys: 50 } })
    expect(evicted()).toBe(0)
    look(10, { totals: { evictedKeys: 70 } })
    expect(evicted()).toBe(20)
    look(20, { runId: 'second', uptimeSeconds: 1, totals: { evictedKeys: 90 } })
    expect(evicted()).toBe(110)
    look(30, { runId: 'second', uptimeSeconds: 11, totals: { evictedKeys: 5 } })
    expect(evicted()).toBe(115)
  })

  test('leave aside what another server counted before it was seen', () => {
    look(0, { totals: { evictedKeys: 50 } })
    look(10, { runId: 'second', uptimeSeconds: 9_000, totals: { evictedKeys: 1_000_000 } })
    expect(evicted()).toBe(0)
    look(20, { runId: 'second', uptimeSeconds: 9_010, totals: { evictedKeys: 1_000_003 } })
    expect(evicted()).toBe(3)
  })

  test('of what is not told are undefined, and outlast looks that do not tell', () => {
    look(0, { totals: { keyspaceHits: 5 }, errors: {} })
    look(10, { totals: {}, errors: { OOM: 4 } })
    look(20, { totals: { keyspaceHits: 9 } })
    expect(history.totals).toMatchObject({ keyspaceHits: 4, oomErrors: 4, evictedClients: undefined })
  })
})

test('a saw of expiring keys shows no event at all', () => {
  const saw = simulate({ seconds: 7_200, used: (at) => 0.1 + (0.8 * (at % 600)) / 600, noise: 0.002 })
  expect(saw.map((vitals) => history.add(vitals)).filter((event) => event !== undefined)).toEqual([])
})
