import type { Cache } from '@plimsoll/core'
import type pg from 'pg'
import { z } from 'zod'

export const Product = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  cents: z.int(),
  stock: z.int(),
})
export type Product = z.infer<typeof Product>

export interface Products {
  all(): Promise<readonly Product[]>
  /** Those of the given ids that there are. */
  find(ids: readonly string[]): Promise<ReadonlyMap<string, Product>>
  /** Their stock or price has changed in the database: every process forgets them. */
  changed(ids: readonly string[]): Promise<void>
}

/** The products: from the local tier, from Redis, or from PostgreSQL, whoever can answer. */
export function openProducts(cache: Cache, database: pg.Pool): Products {
  async function query(condition: string, values: readonly unknown[]): Promise<Product[]> {
    const columns = 'id, name, description, price_cents as cents, stock'
    return (await database.query<Product>(`select ${columns} from products where ${condition}`, [...values])).rows
  }

  const products = cache.namespace({
    name: 'product',
    schema: Product,
    ttl: '1m',
    staleWhileRevalidate: '10m',
    // The list is still shown while the database is away; the order itself is never made from the cache.
    staleIfError: '1d',
    load: async (id) => (await query('id = $1', [id]))[0],
    loadMany: async (ids) => new Map((await query('id = any($1)', [ids])).map((product) => [product.id, product])),
  })

  async function find(ids: readonly string[]): Promise<ReadonlyMap<string, Product>> {
    const found = new Map<string, Product>()
    for (const [id, product] of await products.getMany(ids)) if (product !== undefined) found.set(id, product)
    return found
  }

  return {
    async all() {
      const ids = await cache.getOrSet({
        key: 'product-ids',
        ttl: '1m',
        staleIfError: '1d',
        load: async () =>
          (await database.query<{ id: string }>('select id from products order by name')).rows.map(({ id }) => id),
      })
      return [...(await find(ids ?? [])).values()]
    },
    find,
    async changed(ids) {
      await Promise.all(ids.map((id) => products.delete(id)))
    },
  }
}
