import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { fastFailing } from './connection.ts'
import type { OpenPeer, Product } from './peer.ts'

/**
 * Two tiers with the bus, as its documentation sets them up. It takes ioredis options as its own `connection`, so the
 * timeouts belong there; the breaker for its second tier and the grace period are on as well.
 */
export const open: OpenPeer = ({ redisUrl, ttlMs, staleMs, local }, load) => {
  // `serialize: false` would gain it a fifth of its local hits, but with bus and grace it fails reads after an invalidation
  // ("Cannot read properties of undefined (reading 'deserialize')", 1.6.1).
  const memory = memoryDriver({ maxItems: 100_000 })
  const store = bentostore()
  if (local || !redisUrl) store.useL1Layer(memory)
  if (redisUrl) {
    const { hostname, port } = new URL(redisUrl)
    const address = { host: hostname, port: Number(port) }
    store.useL2Layer(redisDriver({ connection: { ...address, ...fastFailing } }))
    // The bus subscribes before its connection is ready, so it needs ioredis's queue.
    if (local) store.useBus(redisBusDriver({ connection: address }))
  }
  const bento = new BentoCache({
    default: 'products',
    stores: { products: store },
    ttl: ttlMs,
    grace: staleMs ?? false,
    suppressL2Errors: true,
    l2CircuitBreakerDuration: '1s',
  })
  return {
    get: (key) => bento.getOrSet<Product>({ key, factory: () => load(key) }),
    close: () => bento.disconnectAll(),
  }
}
