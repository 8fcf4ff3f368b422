import { documentedClient } from './connection.ts'
import type { OpenPeer, Product } from './peer.ts'

/** The tutorial's cache-aside over default ioredis: GET, else load and SET. */
export const open: OpenPeer = ({ redisUrl, ttlMs, tuned }, load) => {
  if (!redisUrl) throw new Error('raw ioredis has no memory tier')
  const redis = documentedClient(redisUrl, tuned)
  return {
    async get(key) {
      const found = await redis.get(key)
      if (found !== null) return JSON.parse(found) as Product
      const value = await load(key)
      await redis.set(key, JSON.stringify(value), 'PX', ttlMs)
      return value
    },
    async getMany(keys) {
      const found = await redis.mget(keys)
      return Promise.all(
        keys.map(async (key, index) => {
          const text = found[index]
          if (typeof text === 'string') return JSON.parse(text) as Product
          const value = await load(key)
          await redis.set(key, JSON.stringify(value), 'PX', ttlMs)
          return value
        }),
      )
    },
    close: async () => redis.disconnect(),
  }
}
