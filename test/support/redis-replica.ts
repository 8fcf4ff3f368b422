import { Redis } from 'ioredis'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import { until } from './until.ts'

export interface ReplicatedPair {
  readonly primary: RedisServer
  readonly replica: RedisServer
  readonly atPrimary: Redis
  readonly atReplica: Redis
}

const settings = {
  // Else a primary waits 5 s for more replicas before it sends them all its data.
  'repl-diskless-sync-delay': '0',
  // Else a replica leaves a file behind, which the next server in the same folder would load.
  'repl-diskless-load': 'swapdb',
}

/** A primary and a replica that follows it. Both end, and are let go of, in the steps that it registers. */
export async function startReplicatedPair(afterwards: (step: () => unknown) => void): Promise<ReplicatedPair> {
  async function start(): Promise<[RedisServer, Redis]> {
    const server = await startRedisServer(settings)
    afterwards(() => server.stop())
    const client = new Redis(server.url)
    client.on('error', () => {})
    afterwards(() => client.disconnect())
    return [server, client]
  }
  const [[primary, atPrimary], [replica, atReplica]] = await Promise.all([start(), start()])
  await atReplica.replicaof('127.0.0.1', primary.port)
  await until(
    async () => (await atPrimary.info('replication')).includes('state=online'),
    'the replica follows the primary',
  )
  return { primary, replica, atPrimary, atReplica }
}
