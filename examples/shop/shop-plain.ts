import { Redis } from 'ioredis'
import type { Product } from './product.ts'
import type { ProductTable } from './product-table.ts'
import type { Shop } from './shop.ts'

const ttlSeconds = 30

/** The same shop as the tutorials write it: cache-aside by hand, over ioredis with its default options. */
export function createPlainShop(table: ProductTable, redisUrl: string): Shop {
  const redis = new Redis(redisUrl)
  // Without a listener ioredis prints every failed attempt to connect.
  redis.on('error', () => {})

  async function product(id: string): Promise<Product | undefined> {
    const cached = await redis.get(`product:${id}`)
    if (cached) return JSON.parse(cached) as Product

    const found = await table.find(id)
    if (found) await redis.setex(`product:${id}`, ttlSeconds, JSON.stringify(found))
    return found
  }

  return {
    product,
    products: async (ids) => (await Promise.all(ids.map(product))).filter((found) => found !== undefined),
    changePrice: async (id, cents) => {
      const current = await product(id)
      if (!current) return undefined
      const changed = { ...current, price: { ...current.price, cents }, updatedAt: new Date().toISOString() }
      await table.save(id, changed)
      await redis.del(`product:${id}`)
      return changed
    },
    close: async () => redis.disconnect(),
  }
}
