import { createCache } from '@plimsoll/core'
import { z } from 'zod'
import { database } from './database.ts'

const cache = createCache({ name: 'shop', redis: process.env.REDIS_URL }) // no URL: a local cache, same behaviour

const products = cache.namespace({
  name: 'product',
  schema: z.object({ id: z.string(), name: z.string(), cents: z.int() }),
  ttl: '5m',
  staleWhileRevalidate: '10m', // then: the old value at once, the new one behind it
  staleIfError: '1h', // where the database fails
  load: (id) => database.find(id),
  save: (id, product) => database.save(id, product),
})

await products.get('p-1') // { id: string, name: string, cents: number } | undefined
await products.set('p-1', { id: 'p-1', name: 'Anchor', cents: 4_900 }) // database, then Redis, then the other processes
await products.delete('p-1') // forgotten everywhere

console.log({ answer: await products.get('p-1'), queries: database.queries, health: cache.health().mode })
await cache.close()
