import { createCache } from '@plimsoll/core'
import { Product } from './product.ts'
import type { ProductTable } from './product-table.ts'
import type { Shop } from './shop.ts'

/** The shop on Plimsoll. */
export function createPlimsollShop(table: ProductTable, redis: string, databaseConnections: number): Shop {
  const cache = createCache({ name: 'shop', redis, source: { concurrency: databaseConnections } })

  const products = cache.namespace({
    name: 'product',
    schema: Product,
    ttl: '30s',
    staleWhileRevalidate: '10m',
    staleIfError: '1h',
    load: (id, { signal }) => table.find(id, signal),
    loadMany: (ids, { signal }) => table.findMany(ids, signal),
    save: (id, product) => table.save(id, product),
  })

  return {
    product: (id) => products.get(id),
    products: async (ids) => [...(await products.getMany(ids)).values()],
    changePrice: async (id, cents) => {
      const product = await products.get(id)
      if (!product) return undefined
      const changed = { ...product, price: { ...product.price, cents }, updatedAt: new Date().toISOString() }
      await products.set(id, changed)
      return changed
    },
    condition: () => {
      const { mode, breakers } = cache.health()
      return { mode, readBreaker: breakers.read, writeBreaker: breakers.write }
    },
    close: () => cache.close(),
  }
}
