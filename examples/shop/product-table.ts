import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { Product } from './product.ts'

export interface ProductTable {
  find(id: string, signal?: AbortSignal): Promise<Product | undefined>
  findMany(ids: readonly string[], signal?: AbortSignal): Promise<Map<string, Product>>
  save(id: string, product: Product): Promise<void>
  /** How many queries were sent to the database so far. */
  readonly queries: number
  close(): Promise<void>
}

export interface DatabaseSettings {
  readonly url: string
  readonly connections: number
  /** The least time a query takes, in milliseconds. */
  readonly queryTime: number
}

const select = `
  select id, name, description, category, image, tags, updated_at,
    json_build_object('cents', price_cents, 'currency', currency) as price,
    json_build_object('available', available, 'warehouse', warehouse) as stock,
    json_build_object('average', rating, 'votes', votes) as rating,
    json_build_object('widthMm', width_mm, 'heightMm', height_mm, 'weightGrams', weight_grams) as dimensions
  from plimsoll_demo.product`

const update = `
  update plimsoll_demo.product
  set name = $2, description = $3, price_cents = $4, available = $5, updated_at = $6
  where id = $1`

type Row = Omit<Product, 'updatedAt'> & { updated_at: Date }

/** The products in PostgreSQL: plain SQL, the same for both shops. */
export function openProductTable({ url, connections, queryTime }: DatabaseSettings): ProductTable {
  const pool = new pg.Pool({ connectionString: url, max: connections })
  // An idle connection that breaks is replaced at the next query; without a listener it would end the process.
  pool.on('error', () => {})
  let queries = 0

  async function query(sql: string, values: readonly unknown[], signal?: AbortSignal): Promise<Product[]> {
    const connection = await pool.connect()
    try {
      signal?.throwIfAborted()
      queries += 1
      // PGlite answers in a millisecond and one query at a time: a pg_sleep in it would hold up everybody. So the time that
      // a busy database takes is spent here, while the connection is held: no more than `connections` queries run at once.
      const [result] = await Promise.all([connection.query<Row>(sql, [...values]), pause(queryTime)])
      return result.rows.map(({ updated_at, ...row }) => ({ ...row, updatedAt: updated_at.toISOString() }))
    } finally {
      connection.release()
    }
  }

  return {
    find: async (id, signal) => (await query(`${select} where id = $1`, [id], signal))[0],
    findMany: async (ids, signal) => {
      const found = await query(`${select} where id = any($1)`, [ids], signal)
      return new Map(found.map((product) => [product.id, product]))
    },
    save: async (id, { name, description, price, stock, updatedAt }) => {
      await query(update, [id, name, description, price.cents, stock.available, updatedAt])
    },
    get queries() {
      return queries
    },
    close: () => pool.end(),
  }
}
