import { type CacheOptions, createCache } from '@plimsoll/core'
import type { OpenPeer, Product } from './peer.ts'

/**
 * Defaults wherever there are any. Jitter is off because the scenarios count loads a TTL; no stale values are allowed,
 * though its peers are given theirs where they have them.
 */
export const open: OpenPeer = openWith({})

/** Plimsoll with options of its own on top, to tell what they cost. */
export function openWith(options: Partial<CacheOptions>): OpenPeer {
  return ({ redisUrl, ttlMs, local, localBytes, concurrency }, load) => {
    const cache = createCache({
      name: 'bench',
      ...(redisUrl ? { redis: redisUrl } : {}),
      ...(local ? {} : { local: false }),
      ...(localBytes ? { local: { maxBytes: localBytes } } : {}),
      ...(concurrency ? { source: { concurrency } } : {}),
      ...options,
    })
    const products = cache.namespace<Product>({ name: 'product', ttl: ttlMs, ttlJitter: 0, load })
    return {
      get: (key) => products.get(key),
      getMany: (keys) => products.getMany(keys),
      close: () => cache.close(),
    }
  }
}
