import { createCache } from 'cache-manager'
import { createKeyv } from 'cacheable'
import type { Keyv } from 'keyv'
import { keyvRedis } from './keyv-redis.ts'
import type { OpenPeer } from './peer.ts'

/** Its documented two stores, with the background refresh in the last fifth of the TTL. */
export const open: OpenPeer = ({ redisUrl, ttlMs, local }, load) => {
  const stores: Keyv[] = []
  if (local || !redisUrl) stores.push(createKeyv({ ttl: ttlMs, lruSize: 100_000, useClone: false }) as unknown as Keyv)
  if (redisUrl) stores.push(keyvRedis(redisUrl))
  const cache = createCache({ stores, ttl: ttlMs, refreshThreshold: ttlMs / 5, refreshAllStores: true })
  return {
    get: (key) => cache.wrap(key, () => load(key)),
    getMany: (keys) => cache.mget(keys),
    close: async () => void (await cache.disconnect()),
  }
}
