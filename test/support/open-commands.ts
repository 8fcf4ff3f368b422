import { Redis } from 'ioredis'
import { silentLogger } from '../../packages/core/src/options/logger.ts'
import { RedisCommands } from '../../packages/core/src/redis/commands.ts'
import type { cleanup } from './cleanup.ts'
import { startRedisServer } from './redis-server.ts'
import { until } from './until.ts'

/** The commands of the SDK on a Redis of their own. */
export interface OpenCommands {
  readonly commands: RedisCommands
  /** A plain client of the same Redis. */
  readonly server: Redis
  /** What was published on the channel, in its order. */
  readonly heard: string[]
}

export async function openCommands(afterwards: ReturnType<typeof cleanup>, channel: string): Promise<OpenCommands> {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const server = new Redis(redis.url)
  afterwards(() => server.disconnect())
  const subscriber = new Redis(redis.url)
  afterwards(() => subscriber.disconnect())
  const heard: string[] = []
  subscriber.on('message', (_, message) => heard.push(message))
  await subscriber.subscribe(channel)
  const commands = new RedisCommands(
    redis.url,
    {
      ...{ cacheName: 'conformance', commandTimeout: 5_000, connectTimeout: 5_000, connections: 2, readerLag: 0 },
      logger: silentLogger,
    },
    { onUsable() {}, onLost() {}, onTransition() {} },
  )
  afterwards(() => commands.close())
  await until(() => commands.ready, 'the commands are connected')
  return { commands, server, heard }
}
