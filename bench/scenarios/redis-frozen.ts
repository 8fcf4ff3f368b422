import { format } from '../format.ts'
import { after, everybodyAnswered, outageColumns, runOutage } from '../outage.ts'
import { plimsoll } from '../peers/index.ts'
import type { Scenario } from '../scenario.ts'

export const redisFrozen: Scenario = {
  name: 'redis-frozen',
  about:
    'As redis-killed, but Redis is frozen (SIGSTOP: connections stay open, nothing answers) for half of the run or longer.',
  async run(stage) {
    const [firstMs, frozenMs, lastMs] = stage.quick ? [1000, 5000, 1000] : [3000, 6000, 3000]
    const durationMs = firstMs + frozenMs + lastMs
    const rows = await runOutage(stage, stage.peers, {
      load: { rate: 400, durationMs, keys: { prefix: 'product', count: 400 } },
      source: { loadMs: 20 },
      cache: { ttlMs: 2000, staleMs: 60_000, local: true },
      atOnce: 4,
      async during(redis) {
        await after(firstMs)
        await redis.freeze()
        await after(frozenMs)
        await redis.thaw()
      },
    })
    return {
      columns: outageColumns,
      rows,
      requirements: rows.filter(({ peer }) => peer === plimsoll).flatMap((row) => everybodyAnswered(row, 250)),
      summary: [
        {
          label: `Redis frozen ${frozenMs / 1000} s of ${durationMs / 1000} s: answered of ${format.count(rows[0]?.report.scheduled)} / p99`,
          cell: ({ answered, p99 }) => `${format.count(answered)} / ${format.milliseconds(p99)}`,
        },
      ],
    }
  },
}
