import express, { type ErrorRequestHandler, type Express } from 'express'
import { z } from 'zod'
import type { Product } from './product.ts'

/** What the routes need; the two shops differ in how they provide it, and in nothing else. */
export interface Shop {
  product(id: string): Promise<Product | undefined>
  products(ids: readonly string[]): Promise<Product[]>
  changePrice(id: string, cents: number): Promise<Product | undefined>
  /** How the cache is, in a few words, if it can tell. */
  condition?(): Condition
  close(): Promise<unknown>
}

export interface Condition {
  readonly mode: string
  readonly readBreaker: string
  readonly writeBreaker: string
}

const PriceChange = z.object({ cents: z.int().nonnegative() })

export function createApp(shop: Shop): Express {
  const app = express()
  app.disable('x-powered-by')
  // The entity tag of every answer would cost more than the cache does.
  app.disable('etag')

  app.get('/products', async (request, response) => {
    const ids = String(request.query['ids'] ?? '')
      .split(',')
      .filter(Boolean)
    response.json(await shop.products(ids))
  })

  app.get('/products/:id', async (request, response) => {
    const product = await shop.product(request.params.id)
    if (product) response.json(product)
    else response.sendStatus(404)
  })

  app.post('/products/:id/price', express.json(), async (request, response) => {
    const change = PriceChange.safeParse(request.body)
    if (!change.success) return void response.status(400).json({ error: z.prettifyError(change.error) })
    const product = await shop.changePrice(request.params.id, change.data.cents)
    if (product) response.json(product)
    else response.sendStatus(404)
  })

  const failed: ErrorRequestHandler = (error, _request, response, _next) => {
    response.status(500).json({ error: error instanceof Error ? error.message : String(error) })
  }
  app.use(failed)
  return app
}
