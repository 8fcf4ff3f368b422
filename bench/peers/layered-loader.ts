import { type InMemoryCacheConfiguration, Loader, RedisCache } from 'layered-loader'
import { documentedClient } from './connection.ts'
import type { OpenPeer, Product } from './peer.ts'

/** Two tiers with the preemptive background refresh in the last fifth of the TTL. */
export const open: OpenPeer = ({ redisUrl, ttlMs, local, tuned }, load) => {
  const client = redisUrl ? documentedClient(redisUrl, tuned) : undefined
  const refresh = { ttlInMsecs: ttlMs, ttlLeftBeforeRefreshInMsecs: ttlMs / 5 }
  const memory: InMemoryCacheConfiguration = { ...refresh, cacheType: 'lru-map', maxItems: 100_000 }
  const loader = new Loader<Product>({
    inMemoryCache: local || !client ? memory : false,
    ...(client
      ? {
          asyncCache: new RedisCache<Product>(client as never, {
            prefix: 'product',
            json: true,
            ...refresh,
            // Without it every hit asks Redis for the remaining TTL too.
            ttlCacheTtl: ttlMs / 5,
            ttlCacheSize: 100_000,
            timeoutInMsecs: 200,
          }),
        }
      : {}),
    dataSourceGetOneFn: load,
    dataSourceGetManyFn: (keys) => Promise.all(keys.map(load)),
    cacheKeyFromValueResolver: (product) => product.id,
    logger: { error() {} },
  })
  return {
    get: (key) => loader.get(key),
    getMany: (keys) => loader.getMany(keys, undefined),
    close: async () => {
      await loader.close()
      client?.disconnect()
    },
  }
}
