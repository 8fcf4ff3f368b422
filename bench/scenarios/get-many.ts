import { type Candidate, fill, interleave, medianRatio, open, withRaw } from '../candidates.ts'
import { format } from '../format.ts'
import { median } from '../load/statistics.ts'
import { raw } from '../peers/index.ts'
import type { Scenario } from '../scenario.ts'

const keys = { prefix: 'hit', count: 10_000 }
const batch = 100

export const getMany: Scenario = {
  name: 'get-many',
  about: `getMany of ${batch} keys that Redis has, memory tiers off, 4 calls in flight, by the libraries that offer it; raw ioredis by MGET and JSON.parse.`,
  async run(stage) {
    const redis = await stage.startRedis()
    const peers = withRaw(stage.peers).filter((peer) => peer.getMany)
    const candidates: Candidate[] = []
    for (const peer of peers) {
      stage.progress(`warms ${peer.name}`)
      const candidate = await open(stage, peer, { loadMs: 0 }, { redisUrl: redis.url, ttlMs: 600_000, local: false })
      await fill(candidate, keys)
      await candidate.worker.call('closedLoop', { inFlight: 4, durationMs: 300, keys, batch })
      candidates.push(candidate)
    }
    stage.progress('measures in turns')
    const figures = await interleave(candidates, stage.quick ? 3 : 7, async ({ worker }) => {
      const durationMs = stage.quick ? 200 : 400
      const { perSecond } = await worker.call('closedLoop', { inFlight: 4, durationMs, keys, batch })
      return perSecond
    })
    return {
      columns: [
        { key: 'perSecond', title: 'calls/s', format: 'rate' },
        { key: 'shareOfRaw', title: 'share of raw', format: 'ratio' },
      ],
      rows: peers.map((peer) => ({
        candidate: peer.name,
        values: { perSecond: median(figures.get(peer) ?? []), shareOfRaw: medianRatio(figures, peer, raw) },
      })),
      requirements: [],
      summary: [
        {
          label: `getMany of ${batch} keys, of raw MGET`,
          cell: ({ shareOfRaw }) => format.ratio(shareOfRaw),
        },
      ],
    }
  },
}
