import { setTimeout as pause } from 'node:timers/promises'
import { type Cache, type CacheOptions, createCache, type Namespace } from '../../packages/core/src/index.ts'
import { until } from './until.ts'

/** A cache in this process with one namespace, whose source has every key and tells what was loaded. */
export interface OpenCache {
  readonly cache: Cache
  readonly items: Namespace<string>
  readonly loaded: string[]
  redisHits(): number
}

export function openCache(options: Partial<CacheOptions>): OpenCache {
  const cache = createCache({ name: 'shop', local: false, ...options })
  const loaded: string[] = []
  const written = new Map<string, string>()
  const items = cache.namespace<string>({
    name: 'item',
    ttl: '5m',
    load: async (key) => {
      loaded.push(key)
      return written.get(key) ?? `loaded ${key}`
    },
    save: async (key, value) => void written.set(key, value),
  })
  return { cache, items, loaded, redisHits: () => cache.health().namespaces['item']?.redisHits ?? 0 }
}

export function untilReady({ cache }: OpenCache): Promise<void> {
  return until(() => {
    const { mode, redis } = cache.health()
    return mode === 'normal' && redis.status === 'ready' && redis.channel === 'connected'
  }, 'the cache is connected to Redis and hears the channel')
}

/** Gets until the value came from Redis. */
export async function untilHit({ items, redisHits }: OpenCache, key: string): Promise<string | undefined> {
  let value: string | undefined
  const before = redisHits()
  await until(async () => {
    value = await items.get(key)
    return redisHits() > before
  }, `${key} is a hit in Redis`)
  return value
}

/** How many commands Redis has run of those whose name is given. */
export async function callsOf(
  client: { info(section: string): Promise<string> },
  ...commands: string[]
): Promise<number> {
  const stats = await client.info('commandstats')
  return commands.reduce(
    (sum, command) => sum + Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0),
    0,
  )
}

/** Connections that Redis accepts within so many milliseconds. */
export async function connectionsMadeWithin(
  client: { info(section: string): Promise<string> },
  milliseconds: number,
): Promise<number> {
  const made = async (): Promise<number> =>
    Number(/total_connections_received:(\d+)/.exec(await client.info('stats'))?.[1])
  const before = await made()
  await pause(milliseconds)
  return (await made()) - before
}
