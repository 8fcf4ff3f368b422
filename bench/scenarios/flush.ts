import { Redis } from 'ioredis'
import { format } from '../format.ts'
import { after, everybodyAnswered, outageColumns, runOutage } from '../outage.ts'
import { plimsoll } from '../peers/index.ts'
import type { Scenario } from '../scenario.ts'

const bears = 20

export const flush: Scenario = {
  name: 'flush',
  about: `Redis is flushed after 2 s under 1,500 requests/s over 3,000 warm keys, memory tiers off, one process. A load takes 20 ms while the source has at most ${bears} at once; with n times as many each takes n² times as long, as an overloaded database gets less done.`,
  async run(stage) {
    const durationMs = stage.quick ? 5000 : 8000
    const rows = await runOutage(stage, stage.peers, {
      load: { rate: 1500, durationMs, keys: { prefix: 'product', count: 3000 } },
      source: { loadMs: 20, bears },
      // In memory the values would outlive the flush for as long as the TTL says, and no scenario would be left.
      cache: { ttlMs: 600_000, local: false, concurrency: bears },
      atOnce: 4,
      async during(redis) {
        const admin = new Redis(redis.url)
        await after(2000)
        await admin.flushall()
        admin.disconnect()
      },
    })
    return {
      columns: [...outageColumns, { key: 'peak', title: 'most loads at once', format: 'count' }],
      rows,
      requirements: rows
        .filter(({ peer }) => peer === plimsoll)
        .flatMap((row) => [
          ...everybodyAnswered(row),
          { text: `at most ${bears} loads at once: ${row.source.peak}`, met: row.source.peak <= bears },
        ]),
      summary: [
        {
          label: `Redis flushed, source bears ${bears} at once: answered / peak`,
          cell: ({ share, peak }) => `${(Number(share) * 100).toFixed(0)} % / ${format.count(peak)}`,
        },
      ],
    }
  },
}
