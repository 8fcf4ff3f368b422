import { Cacheable, createKeyv } from 'cacheable'
import { keyvRedis } from './keyv-redis.ts'
import type { OpenPeer } from './peer.ts'

/** Memory first and Redis second, blocking: `nonBlocking` would answer every miss in memory from the source. */
export const open: OpenPeer = ({ redisUrl, ttlMs, local }, load) => {
  // Clones are off: values are shared by reference, as by the others.
  const memory = createKeyv({ ttl: ttlMs, lruSize: 100_000, useClone: false })
  const cache = new Cacheable(
    !redisUrl
      ? { primary: memory, ttl: ttlMs }
      : local
        ? { primary: memory, secondary: keyvRedis(redisUrl), ttl: ttlMs }
        : { primary: keyvRedis(redisUrl), ttl: ttlMs },
  )
  cache.on('error', () => {})
  return {
    get: (key) => cache.getOrSet(key, () => load(key)),
    getMany: (keys) => cache.getMany(keys),
    close: () => cache.disconnect(),
  }
}
