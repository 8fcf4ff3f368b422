import { Redis } from 'ioredis'
import {
  type BehindHealth,
  type BehindOptions,
  type BehindStatistics,
  type CacheOptions,
  createCache,
  type Namespace,
} from '../../packages/core/src/index.ts'
import { BehindSource } from './behind-source.ts'
import { type RedisServer, startRedisServer } from './redis-server.ts'

export interface OpenBehind<V> {
  readonly items: Namespace<V>
  readonly source: BehindSource
  findings(): string[]
  health(): BehindHealth | undefined
  takenOver(): number | undefined
  saved(): number | undefined
  unsureLoads(): BehindStatistics['unsureLoads'] | undefined
  close(): Promise<void>
}

/** A real Redis, and write-behind namespaces on it in this process; `afterwards` ends them. */
export function behindTools(afterwards: (step: () => unknown) => void) {
  const startRedis = async (
    settings: Readonly<Record<string, string>> = {},
  ): Promise<{ server: RedisServer; redis: Redis }> => {
    const server = await startRedisServer(settings)
    afterwards(() => server.stop())
    const redis = new Redis(server.url)
    redis.on('error', () => {})
    afterwards(() => redis.disconnect())
    return { server, redis }
  }

  const open = <V>(
    redis: CacheOptions['redis'],
    behind: BehindOptions<V>,
    source = new BehindSource(),
    cacheOptions: Partial<CacheOptions> = {},
  ): OpenBehind<V> => {
    const cache = createCache({ name: 'shop', redis, ...cacheOptions })
    afterwards(() => cache.close())
    const items = cache.namespace<V>({
      name: 'item',
      write: 'behind',
      behind: { delay: 20, ...behind },
      load: (key) => source.read(key) as V | undefined,
      saveMany: source.saveMany,
    })
    return {
      items,
      source,
      health: () => cache.health().namespaces['item']?.behind,
      unsureLoads: () => cache.statistics().namespaces['item']?.behind?.unsureLoads,
      saved: () => cache.statistics().namespaces['item']?.behind?.saved,
      takenOver: () => cache.statistics().namespaces['item']?.behind?.takenOver,
      findings: () => cache.health().findings.map(({ id }) => id),
      close: () => cache.close(),
    }
  }

  return { startRedis, open }
}
