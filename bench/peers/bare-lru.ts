import { LRUCache } from 'lru-cache'
import type { OpenPeer, Product } from './peer.ts'

/** The floor under a local hit: an async function round an lru-cache, and nothing else. */
export const open: OpenPeer = ({ ttlMs }, load) => {
  const values = new LRUCache<string, Product>({ max: 100_000, ttl: ttlMs })
  return {
    async get(key) {
      const found = values.get(key)
      if (found !== undefined) return found
      const value = await load(key)
      values.set(key, value)
      return value
    },
    close: async () => values.clear(),
  }
}
