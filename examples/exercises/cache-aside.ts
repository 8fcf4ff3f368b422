// Cache-aside: the second reader does not reach the database.
import { createCache } from '@plimsoll/core'

let queries = 0
const database = {
  async product(id: string) {
    queries += 1
    return { id, name: `Product ${id}` }
  },
}

const cache = createCache({ name: 'exercise', redis: process.env.REDIS_URL })
const products = cache.namespace({ name: 'product', ttl: '1m', load: (id) => database.product(id) })

console.log(await products.get('17'))
console.log(await products.get('17'))
console.log(`${queries} query for two readers`)
await cache.close()
