import { open } from '../candidates.ts'
import { format } from '../format.ts'
import { median, sum } from '../load/statistics.ts'
import { plimsoll } from '../peers/index.ts'
import type { Scenario } from '../scenario.ts'

const processes = 8
const gets = 100

export const coldStampede: Scenario = {
  name: 'cold-stampede',
  about: `${processes} processes ask ${gets} times each, at once, for a key that nobody has; a load takes 100 ms. Counted: loads over all processes.`,
  async run(stage) {
    const rows = []
    let worst = 0
    for (const peer of stage.peers) {
      const runs = peer === plimsoll ? 20 : stage.quick ? 2 : 4
      stage.progress(`${peer.name}: starts ${processes} processes`)
      const redis = await stage.startRedis()
      const candidates = await Promise.all(
        Array.from({ length: processes }, () =>
          open(stage, peer, { loadMs: 100 }, { redisUrl: redis.url, ttlMs: 600_000, local: true }),
        ),
      )
      // Connections are up and every process has loaded once, as in a service that runs.
      await Promise.all(candidates.map(({ worker }) => worker.call('get', 'another key')))
      const loads: number[] = []
      const answered: number[] = []
      const slowest: number[] = []
      for (let run = 1; run <= runs; run++) {
        stage.progress(`${peer.name}: run ${run} of ${runs}`)
        await Promise.all(candidates.map(({ worker }) => worker.call('resetSource')))
        const bursts = await Promise.all(
          candidates.map(({ worker }) => worker.call('burst', { key: `cold-${run}`, count: gets })),
        )
        const sources = await Promise.all(candidates.map(({ worker }) => worker.call('source')))
        loads.push(sum(sources.map((source) => source.loads)))
        answered.push(sum(bursts.map((burst) => burst.answered)))
        slowest.push(Math.max(...bursts.map((burst) => burst.ms)))
      }
      await Promise.all(candidates.map(({ worker }) => worker.kill()))
      await redis.stop()
      if (peer === plimsoll) worst = Math.max(...loads.map((load) => Math.abs(load - 1)))
      rows.push({
        candidate: peer.name,
        values: {
          runs,
          fewest: Math.min(...loads),
          most: Math.max(...loads),
          answered: Math.min(...answered) / (processes * gets),
          slowest: median(slowest),
        },
      })
    }
    const ours = rows.find(({ candidate }) => candidate === plimsoll.name)?.values
    return {
      columns: [
        { key: 'runs', title: 'runs', format: 'count' },
        { key: 'fewest', title: 'loads, fewest', format: 'count' },
        { key: 'most', title: 'loads, most', format: 'count' },
        { key: 'answered', title: 'answered, least share', format: 'ratio' },
        { key: 'slowest', title: 'last answer, median', format: 'milliseconds' },
      ],
      rows,
      requirements: ours
        ? [
            { text: `exactly 1 load in each of ${ours.runs} runs: ${ours.fewest} to ${ours.most}`, met: worst === 0 },
            { text: 'every get is answered', met: ours.answered === 1 },
          ]
        : [],
      summary: [
        {
          label: `cold key, ${processes} processes × ${gets}: loads`,
          cell: ({ fewest, most }) => (fewest === most ? format.count(most) : `${fewest}–${most}`),
        },
      ],
    }
  },
}
