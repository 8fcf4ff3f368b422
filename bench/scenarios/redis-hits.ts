import { type Candidate, each, fill, interleave, medianRatio, open, withRaw } from '../candidates.ts'
import { format } from '../format.ts'
import { median } from '../load/statistics.ts'
import { plimsoll, raw } from '../peers/index.ts'
import type { Requirement, Scenario } from '../scenario.ts'

const keys = { prefix: 'hit', count: 10_000 }

export const redisHits: Scenario = {
  name: 'redis-hits',
  about:
    'Hits in Redis, memory tiers off: 10,000 keys of about 200 bytes of JSON, 64 gets in flight, and then one at a time. Every library in its own process, in turns; ratios are medians of rounds.',
  async run(stage) {
    const redis = await stage.startRedis()
    const peers = withRaw(stage.peers)
    const candidates: Candidate[] = []
    for (const peer of peers) {
      stage.progress(`warms ${peer.name}`)
      const candidate = await open(stage, peer, { loadMs: 0 }, { redisUrl: redis.url, ttlMs: 600_000, local: false })
      await fill(candidate, keys)
      await candidate.worker.call('closedLoop', { inFlight: 64, durationMs: 300, keys })
      await candidate.worker.call('resetSource')
      candidates.push(candidate)
    }
    // Many short rounds: a disturbance of a second then spoils a few ratios, and not the median.
    const rounds = stage.quick ? 9 : 21
    const turns = (inFlight: number, durationMs: number) => {
      stage.progress(`measures ${inFlight} in flight, in turns`)
      return interleave(candidates, rounds, ({ worker }) => worker.call('closedLoop', { inFlight, durationMs, keys }))
    }
    const together = await turns(64, 120)
    const many = each(together, ({ perSecond }) => perSecond)
    const work = each(together, ({ processorTime }) => processorTime)
    const single = each(await turns(1, 80), ({ perSecond }) => perSecond)

    const rows = []
    for (const { peer, worker } of candidates) {
      rows.push({
        candidate: peer.name,
        values: {
          perSecond: median(many.get(peer) ?? []),
          shareOfRaw: medianRatio(many, peer, raw),
          work: median(work.get(peer) ?? []),
          latency: median((single.get(peer) ?? []).map((rate) => 1000 / rate)),
          // The rate of one at a time is the inverse of its latency.
          latencyToRaw: 1 / medianRatio(single, peer, raw),
          loads: (await worker.call('source')).loads,
        },
      })
    }
    const ours = rows.find(({ candidate }) => candidate === plimsoll.name)?.values
    const requirements: Requirement[] = []
    if (ours) {
      const best = rows.filter(({ candidate }) => candidate !== plimsoll.name && candidate !== raw.name)
      const ahead = best.every(({ values }) => values.shareOfRaw < ours.shareOfRaw)
      requirements.push(
        { text: `64 in flight: at least 1.1 × raw: ${format.ratio(ours.shareOfRaw)}`, met: ours.shareOfRaw >= 1.1 },
        { text: 'ahead of every peer', met: ahead },
        {
          text: `one at a time: at most 1.15 × the latency of raw: ${format.ratio(ours.latencyToRaw)}`,
          met: ours.latencyToRaw <= 1.15,
        },
        { text: `hits only: ${ours.loads} loads`, met: ours.loads === 0 },
      )
    }
    return {
      columns: [
        { key: 'perSecond', title: 'hits/s, 64 in flight', format: 'rate' },
        { key: 'shareOfRaw', title: 'share of raw', format: 'ratio' },
        { key: 'work', title: 'client µs/get', format: 'number' },
        { key: 'latency', title: 'one at a time', format: 'milliseconds' },
        { key: 'latencyToRaw', title: '× raw latency', format: 'ratio' },
        { key: 'loads', title: 'loads', format: 'count' },
      ],
      rows,
      requirements,
      summary: [
        {
          label: 'Redis hits/s, 64 in flight, of raw',
          cell: ({ shareOfRaw }) => format.ratio(shareOfRaw),
        },
      ],
    }
  },
}
