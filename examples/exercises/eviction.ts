// A bound of 1 MiB holds whatever comes, and what is asked for often stays.
import { createCache } from '@plimsoll/core'

let loads = 0
const cache = createCache({ name: 'exercise', local: { maxBytes: '1Mi' } })
const products = cache.namespace({
  name: 'product',
  ttl: '10m',
  load(id) {
    loads += 1
    return { id, description: 'x'.repeat(200) }
  },
})

for (let request = 0; request < 50_000; request++) {
  await products.get(`popular-${request % 20}`)
  await products.get(`rare-${request}`)
}
const { bytes = 0, maxBytes = 0, entries } = cache.health().local ?? {}
console.log(`${bytes <= maxBytes ? 'within' : 'over'} its bound of ${maxBytes} bytes with ${entries} entries`)
console.log(`${loads - 50_000} loads for 50,000 requests of 20 popular products`)
await cache.close()
