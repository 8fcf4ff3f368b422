import { startRedisServer } from '../../test/support/redis-server.ts'
import { type Child, type Parent, startChild } from './child.ts'
import type { DatabaseSettings } from './product-table.ts'
import { type Memory, RedisProbe } from './redis-probe.ts'
import type { Condition } from './shop.ts'
import { bring, type Relief, type TroubleName } from './troubles.ts'
import type { WorkerReport, WorkerSettings } from './worker.ts'

export const sideNames = ['plimsoll', 'plain'] as const
export type SideName = (typeof sideNames)[number]

export const sideTitles: Readonly<Record<SideName, string>> = {
  plimsoll: 'with Plimsoll',
  plain: 'plain cache-aside',
}

export interface Side {
  readonly workers: readonly string[]
  bring(trouble: TroubleName): Promise<Relief>
  /** What the database and Redis saw since the last look. */
  look(): { queriesPerSecond: number; memory: Memory | undefined; conditions: readonly Condition[] }
}

export interface SideSettings {
  readonly name: SideName
  readonly workers: number
  readonly maxMemory: string
  readonly database: DatabaseSettings
}

/** One of the two shops: a Redis of its own and some worker processes.  */
export async function startSide({ name, workers, maxMemory, database }: SideSettings, parent: Parent): Promise<Side> {
  const server = await startRedisServer({ maxmemory: maxMemory, 'maxmemory-policy': 'noeviction' })
  parent.cleanUp.add(() => server.stop())
  const probe = new RedisProbe(server.url)
  parent.cleanUp.add(() => probe.close())

  const started = await Promise.all(
    Array.from({ length: workers }, async () => {
      const settings: WorkerSettings = { side: name, redisUrl: server.url, database }
      const child = await startChild('worker.ts', settings, parent)
      return { child, count: watch(child) }
    }),
  )

  return {
    workers: started.map(({ child }) => child.address),
    bring: (trouble) => bring(trouble, server, () => probe.flush()),
    look: () => {
      const counts = started.map(({ count }) => count())
      return {
        queriesPerSecond: Math.round(counts.reduce((sum, count) => sum + count.queriesPerSecond, 0)),
        memory: probe.memory,
        conditions: counts.flatMap(({ condition }) => (condition ? [condition] : [])),
      }
    },
  }
}

// A busy worker reports late, so its rate is reckoned by its own clock.
function watch(worker: Child): () => { queriesPerSecond: number; condition: Condition | undefined } {
  let latest: WorkerReport = { at: 0, queries: 0, condition: undefined }
  let looked = latest
  worker.onMessage<WorkerReport>((report) => {
    latest = report
  })
  return () => {
    const elapsed = latest.at - looked.at
    const queriesPerSecond = elapsed > 0 ? ((latest.queries - looked.queries) * 1_000) / elapsed : 0
    looked = latest
    return { queriesPerSecond, condition: latest.condition }
  }
}
