import { setTimeout as pause } from 'node:timers/promises'
import { type Candidate, open } from '../candidates.ts'
import { format } from '../format.ts'
import type { OpenLoopReport } from '../load/open-loop.ts'
import { percentile, sum } from '../load/statistics.ts'
import { type Peer, plimsoll } from '../peers/index.ts'
import type { Column, Scenario, Stage } from '../scenario.ts'

const processes = 4
const rate = 200
const ttlMs = 1000
const loadMs = 100
const slowLoadMs = 500

const columns: readonly Column[] = [
  { key: 'loads', title: 'loads', format: 'count' },
  { key: 'overlaps', title: 'overlapping loads', format: 'count' },
  { key: 'p50', title: 'p50', format: 'milliseconds' },
  { key: 'p99', title: 'p99', format: 'milliseconds' },
  { key: 'lag', title: 'driver lag p99', format: 'milliseconds' },
  { key: 'answered', title: 'answered', format: 'ratio' },
  { key: 'errors', title: 'errors', format: 'count' },
  { key: 'kinds', title: 'errors by kind', format: 'text' },
]

export const hotKey: Scenario = {
  name: 'hot-key',
  about: `One warm key with a TTL of 1 s and a load of ${loadMs} ms, asked for by ${processes} processes at ${rate}/s each. Counted over all processes: loads, and the latency from the moment each request was due.`,
  async run(stage) {
    const durationMs = stage.quick ? 5000 : 10_000
    const rows = []
    // One after the other: sixteen processes would measure each other's turns on the processor.
    for (const peer of stage.peers) {
      rows.push({ candidate: peer.name, values: await run(stage, peer, durationMs) })
    }
    const ours = rows.find(({ candidate }) => candidate === plimsoll.name)?.values
    const bound = Math.round((durationMs / ttlMs) * 1.2)
    return {
      columns,
      rows,
      requirements: ours
        ? [
            { text: `at most ${bound} loads in ${durationMs / 1000} s: ${ours.loads}`, met: ours.loads <= bound },
            { text: `p99 at most 5 ms: ${format.milliseconds(ours.p99)}`, met: ours.p99 <= 5 },
            { text: `every request is answered, none with an error`, met: ours.answered === 1 && ours.errors === 0 },
          ]
        : [],
      summary: [
        {
          label: `hot key, TTL 1 s, ${processes} processes, ${durationMs / 1000} s: loads / p99`,
          cell: ({ loads, p99 }) => `${format.count(loads)} / ${format.milliseconds(p99)}`,
        },
      ],
    }
  },
}

export const hotKeySlower: Scenario = {
  name: 'hot-key-slower',
  about: `As hot-key, but after 4 s every load takes ${slowLoadMs} ms instead of ${loadMs} ms. Counted: loads, and loads that run at the same time in any two processes.`,
  async run(stage) {
    const durationMs = stage.quick ? 8000 : 10_000
    // The peers have no lease across processes, and hot-key shows already that their loads overlap.
    const peers = stage.peers.filter((peer) => peer === plimsoll)
    const rows = []
    for (const peer of peers) {
      const values = await run(stage, peer, durationMs, async (candidates) => {
        await pause(4000)
        await Promise.all(candidates.map(({ worker }) => worker.call('changeSource', { loadMs: slowLoadMs })))
      })
      rows.push({ candidate: peer.name, values })
    }
    const ours = rows.find(({ candidate }) => candidate === plimsoll.name)?.values
    const bound = Math.round((durationMs / ttlMs) * 1.2)
    return {
      columns,
      rows,
      requirements: ours
        ? [
            { text: `one load a cycle: no two loads overlap: ${ours.overlaps}`, met: ours.overlaps === 0 },
            { text: `at most ${bound} loads in ${durationMs / 1000} s: ${ours.loads}`, met: ours.loads <= bound },
            { text: `every request is answered, none with an error`, met: ours.answered === 1 && ours.errors === 0 },
          ]
        : [],
    }
  },
}

async function run(
  stage: Stage,
  peer: Peer,
  durationMs: number,
  during: (candidates: readonly Candidate[]) => Promise<void> = async () => {},
) {
  stage.progress(`${peer.name}: starts ${processes} processes`)
  const redis = await stage.startRedis()
  const settings = { redisUrl: redis.url, ttlMs, staleMs: 10_000, local: true }
  const candidates = await Promise.all(
    Array.from({ length: processes }, () => open(stage, peer, { loadMs, keepTimes: true }, settings)),
  )
  const keys = { prefix: 'hot', count: 1 }
  // A little of the load itself, so that code is compiled and load times are known.
  await Promise.all(candidates.map(({ worker }) => worker.call('openLoop', { rate, durationMs: 1500, keys, seed: 1 })))
  await Promise.all(candidates.map(({ worker }) => worker.call('resetSource')))
  stage.progress(`${peer.name}: ${durationMs / 1000} s at ${processes} × ${rate} requests/s`)
  const [reports] = await Promise.all([
    Promise.all(
      candidates.map(({ worker }) => worker.call('openLoop', { rate, durationMs, keys, seed: 1, keepLatencies: true })),
    ),
    during(candidates),
  ])
  const sources = await Promise.all(candidates.map(({ worker }) => worker.call('source')))
  await Promise.all(candidates.map(({ worker }) => worker.kill()))
  await redis.stop()
  return {
    loads: sum(sources.map(({ loads }) => loads)),
    overlaps: overlapping(sources.flatMap(({ times }) => times)),
    ...merged(reports),
  }
}

function merged(reports: readonly OpenLoopReport[]) {
  const latencies = reports.flatMap((report) => report.latencies ?? [])
  return {
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99) ?? Number.NaN,
    lag: Math.max(...reports.map(({ lagP99 }) => lagP99)),
    answered: sum(reports.map(({ answered }) => answered)) / sum(reports.map(({ scheduled }) => scheduled)),
    errors: sum(reports.map(({ errors }) => errors)),
    kinds: [...new Set(reports.flatMap(({ kinds }) => Object.keys(kinds)))].join(', '),
  }
}

/** How many loads began before an earlier one had ended. */
function overlapping(times: readonly (readonly [start: number, end: number])[]): number {
  let busyUntil = Number.NEGATIVE_INFINITY
  let count = 0
  for (const [start, end] of times.toSorted(([one], [other]) => one - other)) {
    if (start < busyUntil) count++
    busyUntil = Math.max(busyUntil, end)
  }
  return count
}
