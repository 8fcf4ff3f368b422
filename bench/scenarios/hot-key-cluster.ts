import { Redis } from 'ioredis'
import { busiestOf, commandsPerNode } from '../../test/support/hot-key-visits.ts'
import { type RedisCluster, startRedisCluster } from '../../test/support/redis-cluster.ts'
import { format } from '../format.ts'
import { sum } from '../load/statistics.ts'
import { plimsoll } from '../peers/index.ts'
import type { Row, Scenario, Stage } from '../scenario.ts'

const processes = 4

const ways = [
  { name: 'neither', local: false, copies: undefined },
  { name: 'local-tier', local: true, copies: undefined },
  { name: 'copies-2', local: false, copies: 2 },
  { name: 'copies-4', local: false, copies: 4 },
] as const
type Way = (typeof ways)[number]

export const hotKeyCluster: Scenario = {
  name: 'hot-key-cluster',
  about: `Half of all requests for one key of 20,001, a hundredth of them writes, from ${processes} processes, one at a time in each, on a cluster of three nodes. Counted by the nodes: commands that clients send.`,
  async run(stage) {
    if (!stage.peers.includes(plimsoll)) return { columns: [], rows: [], requirements: [] }
    const rows: Row[] = []
    for (const way of ways) rows.push({ candidate: way.name, values: await run(stage, way) })
    const busiestWith = (name: Way['name']) =>
      Number(rows.find(({ candidate }) => candidate === name)?.values['busiest'])
    return {
      columns: [
        { key: 'first', title: 'node 1', format: 'count' },
        { key: 'second', title: 'node 2', format: 'count' },
        { key: 'third', title: 'node 3', format: 'count' },
        { key: 'busiest', title: 'busiest, average = 1', format: 'ratio' },
        { key: 'perSecond', title: 'requests/s', format: 'rate' },
      ],
      rows,
      requirements: (['local-tier', 'copies-2', 'copies-4'] as const).map((name) => ({
        text: `${name}: the busiest node at most 1.3 × the average: ${format.ratio(busiestWith(name))}`,
        met: busiestWith(name) <= 1.3,
      })),
    }
  },
}

/** A cluster for each: what one leaves behind is nothing to the next. */
async function run(stage: Stage, way: Way) {
  stage.progress(`${way.name}: starts a cluster`)
  const cluster = await startRedisCluster(3)
  try {
    return await measure(stage, way, cluster)
  } finally {
    await cluster.stop()
  }
}

async function measure(stage: Stage, { name, local, copies }: Way, cluster: RedisCluster) {
  const nodes = cluster.urls.map((url) => new Redis(url))
  const workers = Array.from({ length: processes }, () => stage.startWorker())
  const visitAll = (requests: number, seed: number) => {
    const settings = { cluster: cluster.urls, name, local, copies, requests }
    return Promise.all(
      workers.map((worker, index) =>
        worker.call('hotKeyVisits', { ...settings, fill: seed === 0 && index === 0, seed: seed + index }),
      ),
    )
  }
  try {
    await visitAll(2_000, 0)
    stage.progress(`${name}: ${processes} processes`)
    const before = await commandsPerNode(nodes)
    const rates = await visitAll(stage.quick ? 4_000 : 15_000, processes)
    const perNode = (await commandsPerNode(nodes)).map((count, index) => count - (before[index] ?? 0))
    const [first, second, third] = perNode
    return {
      first,
      second,
      third,
      busiest: busiestOf(perNode),
      perSecond: sum(rates.map(({ perSecond }) => perSecond)),
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()))
    for (const node of nodes) node.disconnect()
  }
}
