import { Redis } from 'ioredis'
import { type Candidate, fill, interleave, medianRatio, open } from '../candidates.ts'
import { format } from '../format.ts'
import { median } from '../load/statistics.ts'
import { plimsoll } from '../peers/index.ts'
import { unwatched, watched, watchedFast } from '../peers/variants.ts'
import type { Row, Scenario, Stage } from '../scenario.ts'

const keys = { prefix: 'hit', count: 10_000 }
const polls = 100
/** What a look sends, as INFO commandstats names it. */
const commands = ['info', 'memory|usage', 'memory|stats', 'dbsize', 'get']

export const watching: Scenario = {
  name: 'watching',
  about:
    'What it costs to know how Redis fares. Hits in Redis, 64 in flight, with the probe and metrics scraped every second, beside the same without either; and the time that Redis spends on 100 looks.',
  async run(stage) {
    if (!stage.peers.includes(plimsoll)) return { columns: [], rows: [], requirements: [] }
    const hits = await measureHits(stage)
    const share = Number(hits[1]?.values['share'])
    const looks = await measureLooks(stage)
    return {
      columns: [
        { key: 'perSecond', title: 'hits/s, 64 in flight', format: 'rate' },
        { key: 'share', title: 'share of unwatched', format: 'ratio' },
        { key: 'polls', title: 'looks', format: 'count' },
        { key: 'perHundred', title: 'Redis, per 100 looks', format: 'milliseconds' },
      ],
      rows: [...hits, { candidate: `looks at ${keys.count} keys`, values: looks }],
      requirements: [
        {
          text: `a get costs the same with health and metrics: ${format.ratio(share)}, at least 0.97`,
          met: share >= 0.97,
        },
        {
          text: `100 looks take less than 5 ms of Redis: ${looks.perHundred.toFixed(2)} ms`,
          met: looks.polls >= polls && looks.perHundred < 5,
        },
      ],
    }
  },
}

async function measureHits(stage: Stage): Promise<Row[]> {
  const redis = await stage.startRedis()
  const peers = [unwatched, watched]
  const candidates: Candidate[] = []
  for (const peer of peers) {
    const candidate = await open(stage, peer, { loadMs: 0 }, { redisUrl: redis.url, ttlMs: 600_000, local: false })
    await fill(candidate, keys)
    await candidate.worker.call('closedLoop', { inFlight: 64, durationMs: 500, keys })
    candidates.push(candidate)
  }
  stage.progress('hits in Redis, watched and not, in turns')
  const figures = await interleave(candidates, stage.quick ? 11 : 31, async ({ worker }) => {
    return (await worker.call('closedLoop', { inFlight: 64, durationMs: 150, keys })).perSecond
  })
  return peers.map((peer) => ({
    candidate: peer.name,
    values: { perSecond: median(figures.get(peer) ?? []), share: medianRatio(figures, peer, unwatched) },
  }))
}

/** A clock that runs a hundred times as fast makes the looks of a quarter of an hour in seconds. */
async function measureLooks(stage: Stage): Promise<{ polls: number; perHundred: number }> {
  const redis = await stage.startRedis({ maxmemory: '256mb', 'maxmemory-policy': 'allkeys-lru' })
  const operator = new Redis(redis.url)
  try {
    const candidate = await open(
      stage,
      watchedFast,
      { loadMs: 0 },
      { redisUrl: redis.url, ttlMs: 3_600_000, local: false },
    )
    await fill(candidate, keys)
    const before = await spentOn(operator)
    stage.progress(`${polls} looks`)
    let after = before
    // Each look sends one INFO.
    while (after.looks - before.looks < polls) {
      await new Promise((resolve) => setTimeout(resolve, 500))
      after = await spentOn(operator)
    }
    const looks = after.looks - before.looks
    return { polls: looks, perHundred: ((after.microseconds - before.microseconds) / looks) * (100 / 1_000) }
  } finally {
    operator.disconnect()
  }
}

async function spentOn(operator: Redis): Promise<{ looks: number; microseconds: number }> {
  const stats = await operator.info('commandstats')
  let looks = 0
  let microseconds = 0
  for (const command of commands) {
    const found = new RegExp(`cmdstat_${command.replace('|', '\\|')}:calls=(\\d+),usec=(\\d+)`).exec(stats)
    microseconds += Number(found?.[2] ?? 0)
    if (command === 'info') looks = Number(found?.[1] ?? 0)
  }
  return { looks, microseconds }
}
