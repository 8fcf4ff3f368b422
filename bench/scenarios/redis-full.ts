import { Redis } from 'ioredis'
import type { RedisServer } from '../../test/support/redis-server.ts'
import { format } from '../format.ts'
import { after, everybodyAnswered, outageColumns, runOutage } from '../outage.ts'
import { type Peer, plimsoll } from '../peers/index.ts'
import type { Scenario } from '../scenario.ts'

const ttlMs = 2000
const keys = { prefix: 'product', count: 400 }

export const redisFull: Scenario = {
  name: 'redis-full',
  about:
    'Redis is over its maxmemory under noeviction, so it refuses every write and answers every read; one process at 400 requests/s over 400 keys with a TTL of 2 s, a load takes 20 ms. Refused writes are counted by Redis (INFO errorstats).',
  async run(stage) {
    const seconds = stage.quick ? 5 : 10
    const refusals = new Map<Peer, readonly number[]>()
    const rows = await runOutage(stage, stage.peers, {
      load: { rate: 400, durationMs: seconds * 1000, keys },
      source: { loadMs: 20 },
      cache: { ttlMs, staleMs: 10_000, local: true },
      atOnce: 4,
      async before(_, redis) {
        await overfill(redis)
        // Nothing is fresh any more: what the first second shows is the discovery.
        await after(ttlMs)
      },
      async during(redis, { peer }) {
        refusals.set(peer, await refusedEachSecond(redis, seconds))
      },
    })
    const filled = rows.map((row) => {
      const later = (refusals.get(row.peer) ?? []).slice(1)
      return {
        ...row,
        values: {
          ...row.values,
          refusedFirst: refusals.get(row.peer)?.[0],
          refusedMean: later.reduce((total, count) => total + count, 0) / later.length,
          refusedMost: Math.max(...later),
        },
      }
    })
    // A key may be loaded as the run begins and each time that its TTL has passed since.
    const bound = keys.count * Math.ceil((seconds * 1000) / ttlMs)
    return {
      columns: [
        ...outageColumns,
        { key: 'refusedFirst', title: 'refused, 1st second', format: 'count' },
        { key: 'refusedMean', title: 'refused/s later, mean', format: 'number' },
        { key: 'refusedMost', title: 'worst second', format: 'count' },
        { key: 'kinds', title: 'errors by kind', format: 'text' },
      ],
      rows: filled,
      requirements: filled
        .filter(({ peer }) => peer === plimsoll)
        .flatMap((row) => [
          ...everybodyAnswered(row),
          {
            text: `at most 2 refused writes in any later second: ${row.values.refusedMost}`,
            met: row.values.refusedMost <= 2,
          },
          {
            text: `at most a load a key and TTL: ${row.source.loads} of ${bound}`,
            met: row.source.loads <= bound,
          },
        ]),
      summary: [
        {
          label: `Redis full: loads for ${keys.count} keys, TTL 2 s, ${seconds} s`,
          cell: ({ loads, errors }) =>
            format.count(loads) + (Number(errors) > 0 ? ` / ${format.count(errors)} errors` : ''),
        },
        {
          label: 'Redis full: refused writes/s after the first',
          cell: ({ refusedMean }) => format.number(refusedMean),
        },
      ],
    }
  },
}

/** Puts the limit below what is there already: no expiring entry makes room for a write. */
async function overfill(redis: RedisServer): Promise<void> {
  const admin = new Redis(redis.url)
  await admin.set('ballast', 'x'.repeat(8_000_000))
  await admin.config('SET', 'maxmemory-policy', 'noeviction')
  await admin.config('SET', 'maxmemory', '2mb')
  admin.disconnect()
}

async function refusedEachSecond(redis: RedisServer, seconds: number): Promise<number[]> {
  const admin = new Redis(redis.url)
  const refused = async (): Promise<number> =>
    Number(/errorstat_OOM:count=(\d+)/.exec(await admin.info('errorstats'))?.[1] ?? 0)
  const counts: number[] = []
  const start = performance.now()
  let before = await refused()
  for (let second = 1; second <= seconds; second++) {
    await after(start + second * 1000 - performance.now())
    const now = await refused()
    counts.push(now - before)
    before = now
  }
  admin.disconnect()
  return counts
}
