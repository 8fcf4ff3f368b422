import { freePort } from '../../test/support/free-port.ts'
import { fewAtATime, isPlimsoll, prepare } from '../candidates.ts'
import { format } from '../format.ts'
import { after, everybodyAnswered, outageColumns, outageRow, runOutage } from '../outage.ts'
import { plimsoll } from '../peers/index.ts'
import type { Scenario } from '../scenario.ts'

const keys = { prefix: 'product', count: 400 }
const cache = { ttlMs: 2000, staleMs: 60_000, local: true }
const source = { loadMs: 20 }

export const redisKilled: Scenario = {
  name: 'redis-killed',
  about:
    'One process at 400 requests/s over 400 warm keys with a TTL of 2 s, a load takes 20 ms; Redis is killed after 2 s and stays away.',
  async run(stage) {
    const rows = await runOutage(stage, stage.peers, {
      load: { rate: 400, durationMs: stage.quick ? 6000 : 12_000, keys },
      source,
      cache,
      atOnce: 4,
      async during(redis) {
        await after(2000)
        await redis.kill()
      },
    })
    return {
      columns: outageColumns,
      rows,
      requirements: rows.filter(({ peer }) => peer === plimsoll).flatMap((row) => everybodyAnswered(row, 30)),
      summary: [
        {
          label: `Redis killed: answered of ${format.count(rows[0]?.report.scheduled)} / p99`,
          cell: ({ answered, p99 }) => `${format.count(answered)} / ${format.milliseconds(p99)}`,
        },
      ],
    }
  },
}

export const redisNeverThere: Scenario = {
  name: 'redis-never-there',
  about:
    'A process starts while nothing listens where Redis should be: the time to open the cache, the first get, and 3 s at 400 requests/s. A load takes 20 ms.',
  async run(stage) {
    const rows = await fewAtATime(stage.peers, 2, async (peer) => {
      const candidate = await prepare(stage, peer, source)
      const { worker } = candidate
      const redisUrl = `redis://127.0.0.1:${await freePort()}`
      stage.progress(`${peer.name}: opens and asks`)
      const opening = await worker.call('open', { ...cache, ...stage.connections, redisUrl })
      // Not awaited before the load: a library that hangs on it would never get to the rest.
      const first = worker.call('get', 'the first key').catch(() => ({ answered: false, ms: Number.NaN }))
      const firstOrNever = Promise.race([first, after(3000).then(() => ({ answered: false, ms: 3000 }))])
      if (isPlimsoll(candidate)) await first
      const report = await worker.call('openLoop', { rate: 400, durationMs: 3000, keys, seed: 1 })
      const { answered, ms } = await firstOrNever
      const row = await outageRow(candidate, report)
      await worker.kill()
      return { ...row, values: { ...row.values, opening: opening.ms, first: answered ? ms : 3000 } }
    })
    return {
      columns: [
        { key: 'opening', title: 'opens in', format: 'milliseconds' },
        { key: 'first', title: 'first get', format: 'milliseconds' },
        ...outageColumns,
      ],
      rows,
      requirements: rows
        .filter(({ peer }) => peer === plimsoll)
        .flatMap((row) => [
          {
            text: `createCache returns within 20 ms: ${format.milliseconds(row.values.opening)}`,
            met: row.values.opening <= 20,
          },
          { text: `the first get within 40 ms: ${format.milliseconds(row.values.first)}`, met: row.values.first <= 40 },
          ...everybodyAnswered(row, 30),
        ]),
      summary: [
        {
          label: `Redis away at start: answered of ${format.count(rows[0]?.report.scheduled)}`,
          cell: ({ answered }) => format.count(answered),
        },
      ],
    }
  },
}
