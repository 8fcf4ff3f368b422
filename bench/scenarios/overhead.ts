import { type Candidate, fill, interleave, medianRatio, open } from '../candidates.ts'
import { median } from '../load/statistics.ts'
import { bareLru, type Peer, plimsoll, raw } from '../peers/index.ts'
import { cloned, compressed, packed, packedCompressed, uncompressed } from '../peers/variants.ts'
import type { Row, Scenario, Stage } from '../scenario.ts'

/** About 10 KB of JSON. */
const large = 100

export const overhead: Scenario = {
  name: 'overhead',
  about:
    "What Plimsoll's options cost. Memory tier alone: hits, and gets of new keys (load, freeze or clone, store), beside an lru-cache that does neither, for values of 200 bytes and of 10 KB. Redis alone: hits with values of 10 KB, 16 in flight, beside raw ioredis.",
  async run(stage) {
    if (!stage.peers.includes(plimsoll)) return { columns: [], rows: [], requirements: [] }
    const rows = [
      ...(await inMemory(stage, 0, '200 bytes')),
      ...(await inMemory(stage, large, '10 KB')),
      ...(await inRedis(stage)),
    ]
    return {
      columns: [
        { key: 'perSecond', title: 'per second', format: 'rate' },
        { key: 'share', title: 'share of the first', format: 'ratio' },
      ],
      rows,
      requirements: [],
    }
  },
}

async function inMemory(stage: Stage, related: number, size: string): Promise<Row[]> {
  const peers = [bareLru, plimsoll, cloned]
  const keys = { prefix: 'hit', count: 100 }
  const settings = { ttlMs: 600_000, local: true }
  const candidates = await Promise.all(peers.map((peer) => open(stage, peer, { loadMs: 0, related }, settings)))
  for (const candidate of candidates) {
    await fill(candidate, keys)
    await candidate.worker.call('tightLoop', { durationMs: 200, keys })
  }
  const rounds = stage.quick ? 3 : 5
  stage.progress(`hits in memory, ${size}`)
  const hits = await interleave(candidates, rounds, async ({ worker }) => {
    return (await worker.call('tightLoop', { durationMs: stage.quick ? 100 : 200, keys })).perSecond
  })
  stage.progress(`new keys in memory, ${size}`)
  const count = (related === 0 ? 20_000 : 2000) / (stage.quick ? 4 : 1)
  let from = 0
  const stores = await interleave(candidates, rounds + 1, async ({ worker }) => {
    from += count
    return (await worker.call('newKeysLoop', { from, count })).perSecond
  })
  return [...asRows(`hit, ${size}`, peers, hits), ...asRows(`new key, ${size}`, peers, stores)]
}

async function inRedis(stage: Stage): Promise<Row[]> {
  const peers = [raw, uncompressed, compressed, packed, packedCompressed]
  const keys = { prefix: 'large', count: 500 }
  const candidates: Candidate[] = []
  for (const peer of peers) {
    // Each has a Redis of its own: they store differently under the same keys.
    const redis = await stage.startRedis()
    const settings = { redisUrl: redis.url, ttlMs: 600_000, local: false }
    const candidate = await open(stage, peer, { loadMs: 0, related: large }, settings)
    await fill(candidate, keys)
    await candidate.worker.call('closedLoop', { inFlight: 16, durationMs: 200, keys })
    candidates.push(candidate)
  }
  stage.progress('hits in Redis, 10 KB')
  const hits = await interleave(candidates, stage.quick ? 3 : 5, async ({ worker }) => {
    return (await worker.call('closedLoop', { inFlight: 16, durationMs: 250, keys })).perSecond
  })
  return asRows('Redis hit, 10 KB', peers, hits)
}

function asRows(label: string, peers: readonly Peer[], figures: ReadonlyMap<Peer, readonly number[]>): Row[] {
  const [first] = peers
  return peers.map((peer) => ({
    candidate: `${label}: ${peer.name}`,
    values: {
      perSecond: median(figures.get(peer) ?? []),
      ...(first ? { share: medianRatio(figures, peer, first) } : {}),
    },
  }))
}
