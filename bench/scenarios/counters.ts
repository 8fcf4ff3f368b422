import { postgresCountersTables } from '@plimsoll/core'
import { Pool } from 'pg'
import { findPostgres } from '../../scripts/postgres.ts'
import { startPostgres } from '../../test/support/postgres-server.ts'
import { format } from '../format.ts'
import { median } from '../load/statistics.ts'
import { plimsoll } from '../peers/index.ts'
import type { Scenario, Stage } from '../scenario.ts'

const ways = ['through', 'behind'] as const
const inFlight = 64

export const counters: Scenario = {
  name: 'counters',
  about:
    'Increments of 1,000 counters in PostgreSQL, 64 in flight: written through, one statement each, and written behind until the database has all of it.',
  async run(stage) {
    const programs = await findPostgres()
    if (!stage.peers.includes(plimsoll) || 'reason' in programs) return { columns: [], rows: [], requirements: [] }
    const rates = await measure(stage)
    const ratio = median(rates.map(({ through, behind }) => behind / through))
    return {
      columns: [
        { key: 'perSecond', title: 'increments/s', format: 'rate' },
        { key: 'ratio', title: 'write-through = 1', format: 'ratio' },
      ],
      rows: ways.map((way) => ({
        candidate: `write-${way}`,
        values: { perSecond: median(rates.map((one) => one[way])), ratio: way === 'behind' ? ratio : 1 },
      })),
      requirements: [
        { text: `written behind at least 5 times as fast as through: ${format.ratio(ratio)}`, met: ratio >= 5 },
      ],
    }
  },
}

/** In turns, every second round in the opposite order. */
async function measure(stage: Stage): Promise<Record<(typeof ways)[number], number>[]> {
  const redis = await stage.startRedis({ maxmemory: '512mb', 'maxmemory-policy': 'noeviction' })
  // As a database is run: a commit is on disk when it is answered.
  const postgres = await startPostgres({ fsync: 'on' })
  try {
    const pool = new Pool({ connectionString: postgres.url })
    await pool.query(postgresCountersTables({ table: 'counters' }))
    await pool.end()
    const worker = stage.startWorker()
    const rounds = []
    for (let round = 0; round < (stage.quick ? 3 : 5); round++) {
      const rates = { through: 0, behind: 0 }
      for (const write of round % 2 ? [...ways].reverse() : ways) {
        stage.progress(`write-${write}, round ${round + 1}`)
        const { perSecond } = await worker.call('counters', {
          ...{ redisUrl: redis.url, postgresUrl: postgres.url, write, inFlight },
          ...{ keys: 1_000, durationMs: stage.quick ? 1_000 : 3_000 },
        })
        rates[write] = perSecond
      }
      rounds.push(rates)
    }
    return rounds
  } finally {
    await postgres.stop()
  }
}
