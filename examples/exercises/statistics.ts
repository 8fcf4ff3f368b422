// What the cache has done: hits by where they came from, misses, loads, and how long they took.
import { createCache } from '@plimsoll/core'

const cache = createCache({ name: 'exercise', redis: process.env.REDIS_URL })
const products = cache.namespace({ name: 'product', ttl: '1m', load: (id) => ({ id }) })

for (let request = 0; request < 100; request++) await products.get(`${request % 10}`)

const { counters, loadSeconds } = cache.statistics().namespaces['product'] ?? {}
const hits = (counters?.localHits ?? 0) + (counters?.redisHits ?? 0)
console.log(`${hits} hits, ${counters?.misses} misses, ${counters?.loads} loads in ${loadSeconds?.sum.toFixed(3)} s`)
console.log(`hit rate ${((100 * hits) / (hits + (counters?.misses ?? 0))).toFixed(0)} %`)
await cache.close()
