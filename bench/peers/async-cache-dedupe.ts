import { createCache } from 'async-cache-dedupe'
import { documentedClient } from './connection.ts'
import type { Load, OpenPeer } from './peer.ts'

/** One tier only: Redis where there is one, else memory. Its times are whole seconds. */
export const open: OpenPeer = ({ redisUrl, ttlMs, staleMs, tuned }, load) => {
  const seconds = (milliseconds: number): number => Math.max(1, Math.round(milliseconds / 1000))
  // ioredis 6 in place of the 5 that its types were written for.
  const client = redisUrl ? documentedClient(redisUrl, tuned) : undefined
  const cache = createCache({
    ttl: seconds(ttlMs),
    ...(staleMs ? { stale: seconds(staleMs) } : {}),
    storage: client
      ? { type: 'redis', options: { client: client as never } }
      : { type: 'memory', options: { size: 100_000 } },
  }).define('product', async (key: string) => load(key)) as unknown as { product: Load }
  return {
    get: (key) => cache.product(key),
    close: async () => client?.disconnect(),
  }
}
