import { type RedisServer, startRedisServer } from '../test/support/redis-server.ts'
import type { Stage } from './scenario.ts'
import { startWorker, type Worker } from './workers/pool.ts'

/** Runs something with a stage of its own, and ends all that was started on it. */
export async function onStage<Result>(
  settings: Pick<Stage, 'quick' | 'peers' | 'connections' | 'progress'>,
  perform: (stage: Stage) => Promise<Result>,
): Promise<Result> {
  const servers: RedisServer[] = []
  const workers: Worker[] = []
  try {
    return await perform({
      ...settings,
      async startRedis(redisSettings) {
        const server = await startRedisServer(redisSettings)
        servers.push(server)
        return server
      },
      startWorker(nodeOptions) {
        const worker = startWorker(nodeOptions)
        workers.push(worker)
        return worker
      },
    })
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()))
    await Promise.all(servers.map((server) => server.stop()))
  }
}
