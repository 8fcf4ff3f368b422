import { setTimeout as pause } from 'node:timers/promises'

export interface Product {
  readonly id: string
  readonly name: string
}

const pageSize = 1_000

/** Stands for a table: it tells its ids page by page, as a cursor does, and reads many rows in one query. */
export class ProductTable {
  readonly #rows: number
  readonly #loadTime: number

  constructor(rows: number, loadTime: number) {
    this.#rows = rows
    this.#loadTime = loadTime
  }

  /** SELECT count(*) */
  async count(): Promise<number> {
    return this.#rows
  }

  /** SELECT id … ORDER BY id, a page at a time */
  async *ids(): AsyncGenerator<string> {
    for (let from = 0; from < this.#rows; from += pageSize) {
      await pause(1)
      for (let row = from; row < Math.min(from + pageSize, this.#rows); row++) yield String(row)
    }
  }

  /** SELECT … WHERE id = ANY($1) */
  async products(ids: readonly string[]): Promise<Map<string, Product>> {
    await pause(this.#loadTime)
    return new Map(ids.map((id) => [id, { id, name: `Product ${id}` }]))
  }
}
