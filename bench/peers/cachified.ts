import { type Cache, type CacheEntry, cachified, totalTtl } from '@epic-web/cachified'
import { LRUCache } from 'lru-cache'
import { documentedClient } from './connection.ts'
import type { OpenPeer } from './peer.ts'

/** One tier only: Redis where there is one, else the lru-cache of its documentation. */
export const open: OpenPeer = ({ redisUrl, ttlMs, staleMs = 0, tuned }, load) => {
  const client = redisUrl ? documentedClient(redisUrl, tuned) : undefined
  const cache = client ? redisCache(client) : memoryCache()
  return {
    get: (key) =>
      cachified({ key, cache, ttl: ttlMs, swr: staleMs, fallbackToCache: true, getFreshValue: () => load(key) }),
    close: async () => client?.disconnect(),
  }
}

/** What its adapter for node-redis does, on ioredis. */
function redisCache(client: ReturnType<typeof documentedClient>): Cache {
  return {
    async get(key) {
      const text = await client.get(key)
      return text === null ? undefined : (JSON.parse(text) as CacheEntry)
    },
    async set(key, entry) {
      const milliseconds = totalTtl(entry.metadata)
      const text = JSON.stringify(entry)
      if (milliseconds === Number.POSITIVE_INFINITY) await client.set(key, text)
      else await client.set(key, text, 'PX', milliseconds)
    },
    async delete(key) {
      await client.del(key)
    },
  }
}

function memoryCache(): Cache {
  const entries = new LRUCache<string, CacheEntry>({ max: 100_000 })
  return {
    get: (key) => entries.get(key),
    set: (key, entry) => entries.set(key, entry, { ttl: totalTtl(entry.metadata) }),
    delete: (key) => entries.delete(key),
  }
}
