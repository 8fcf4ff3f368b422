import { setTimeout as pause } from 'node:timers/promises'
import type { RedisServer } from '../test/support/redis-server.ts'
import { type Candidate, fewAtATime, fill, open } from './candidates.ts'
import { format } from './format.ts'
import type { OpenLoopReport, OpenLoopSettings } from './load/open-loop.ts'
import type { SourceReport, SourceSettings } from './load/source.ts'
import type { Peer } from './peers/index.ts'
import type { CacheSettings } from './peers/peer.ts'
import type { Column, Requirement, Stage } from './scenario.ts'

export interface Outage {
  readonly load: Omit<OpenLoopSettings, 'seed'>
  readonly source: SourceSettings
  readonly cache: Omit<CacheSettings, 'redisUrl' | 'tuned'>
  /** How many candidates run side by side, each with a Redis of its own. */
  readonly atOnce: number
  /** Before the load: in what state the outage finds cache and Redis. */
  readonly before?: (candidate: Candidate, redis: RedisServer) => Promise<void>
  /** Beside the load, from its first request on. */
  readonly during: (redis: RedisServer, candidate: Candidate) => Promise<void>
}

export interface OutageRow {
  readonly candidate: string
  readonly peer: Peer
  readonly report: OpenLoopReport
  readonly source: SourceReport
  readonly strays: number
  readonly values: Readonly<Record<string, number | string | undefined>>
}

/** Runs every library through the same outage, a few at a time, each in its own process and with its own Redis. */
export function runOutage(stage: Stage, peers: readonly Peer[], outage: Outage): Promise<OutageRow[]> {
  return fewAtATime(peers, outage.atOnce, async (peer) => {
    const redis = await stage.startRedis()
    const candidate = await open(stage, peer, outage.source, { ...outage.cache, redisUrl: redis.url })
    const { worker } = candidate
    await fill(candidate, outage.load.keys)
    await outage.before?.(candidate, redis)
    await worker.call('resetSource')
    stage.progress(`${peer.name}: ${outage.load.durationMs / 1000} s at ${outage.load.rate} requests/s`)
    const [report] = await Promise.all([
      worker.call('openLoop', { ...outage.load, seed: 1 }),
      outage.during(redis, candidate),
    ])
    const row = await outageRow(candidate, report)
    await worker.kill()
    await redis.stop()
    return row
  })
}

export async function outageRow({ peer, worker }: Candidate, report: OpenLoopReport): Promise<OutageRow> {
  const source = await worker.call('source')
  const strays = await worker.call('strays')
  return {
    candidate: peer.name,
    peer,
    report,
    source,
    strays: strays.count,
    values: {
      scheduled: report.scheduled,
      answered: report.answered,
      share: report.answered / report.scheduled,
      errors: report.errors,
      kinds: Object.entries(report.kinds)
        .map(([kind, count]) => `${kind} × ${count}`)
        .join(', '),
      p50: report.p50,
      p99: report.p99,
      max: report.max,
      lag: report.lagP99,
      loads: source.loads,
      peak: source.peak,
      strays: strays.count,
      ...(strays.last ? { lastStray: strays.last } : {}),
    },
  }
}

export const outageColumns: readonly Column[] = [
  { key: 'answered', title: 'answered in 3 s', format: 'count' },
  { key: 'scheduled', title: 'of', format: 'count' },
  { key: 'errors', title: 'errors', format: 'count' },
  { key: 'p50', title: 'p50', format: 'milliseconds' },
  { key: 'p99', title: 'p99', format: 'milliseconds' },
  { key: 'lag', title: 'driver lag p99', format: 'milliseconds' },
  { key: 'loads', title: 'loads', format: 'count' },
  { key: 'strays', title: 'unhandled', format: 'count' },
]

/** What every outage asks of Plimsoll: a value for everybody, in time, and nothing unhandled. */
export function everybodyAnswered({ report, strays }: OutageRow, p99AtMost?: number): Requirement[] {
  const { answered, scheduled, errors, p99 } = report
  return [
    { text: `every request is answered: ${answered} of ${scheduled}`, met: answered === scheduled },
    { text: `no error reaches a caller: ${errors}`, met: errors === 0 },
    ...(p99AtMost === undefined
      ? []
      : [{ text: `p99 at most ${p99AtMost} ms: ${format.milliseconds(p99)}`, met: p99 <= p99AtMost }]),
    { text: `no unhandled rejection: ${strays}`, met: strays === 0 },
  ]
}

/** Resolves so many milliseconds after the outage's first request, near enough. */
export const after = (milliseconds: number): Promise<void> => pause(milliseconds)
