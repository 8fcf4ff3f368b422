import { createCache } from '@plimsoll/core'
import { collectMetrics } from '@plimsoll/core/metrics'
import { Registry } from 'prom-client'
import type { OpenPeer, Product } from './peer.ts'
import { openWith } from './plimsoll.ts'

const hurry = 100

/** With everything that tells how Redis fares, and scraped as often as anybody would. */
export const open: OpenPeer = ({ redisUrl, ttlMs }, load) => {
  const cache = createCache({ name: 'bench', local: false, ...(redisUrl ? { redis: redisUrl } : {}) })
  const products = cache.namespace<Product>({ name: 'product', ttl: ttlMs, ttlJitter: 0, load })
  const register = new Registry()
  collectMetrics(cache, { register })
  const scrape = setInterval(() => void register.metrics(), 1_000)
  return {
    get: (key) => products.get(key),
    getMany: (keys) => products.getMany(keys),
    close: () => {
      clearInterval(scrape)
      return cache.close()
    },
  }
}

export const openHurried: OpenPeer = openWith({
  clock: {
    now: () => Date.now(),
    setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds / hurry),
    clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
  },
})
