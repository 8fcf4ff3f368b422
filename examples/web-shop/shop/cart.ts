import { randomUUID } from 'node:crypto'
import type { Product } from './products.ts'

export interface CartLine {
  readonly product: string
  readonly quantity: number
}

/** What a session keeps of a cart. */
export interface Cart {
  /**
   * Names this content: it is another one after each change. An order is made once for each token, so that a second
   * click, or a reply that got lost, never orders twice, and what was changed meanwhile is never ordered unseen.
   */
  readonly token: string
  readonly lines: readonly CartLine[]
}

const mostOfOne = 20

/** The cart with so many more, or fewer, of a product. */
export function changeCart(cart: Cart | undefined, product: string, change: number): Cart {
  const lines = cart?.lines ?? []
  const before = lines.find((line) => line.product === product)?.quantity ?? 0
  const line = { product, quantity: Math.min(before + change, mostOfOne) }
  const known = lines.some((other) => other.product === product)
  const changed = known ? lines.map((other) => (other.product === product ? line : other)) : [...lines, line]
  return { token: randomUUID(), lines: changed.filter(({ quantity }) => quantity > 0) }
}

export interface PricedLine {
  readonly product: Product
  readonly quantity: number
  readonly cents: number
}

/** The lines with today's products; what is not sold any more is left out. */
export function priced(cart: Cart | undefined, products: ReadonlyMap<string, Product>): readonly PricedLine[] {
  return (cart?.lines ?? []).flatMap(({ product: id, quantity }) => {
    const product = products.get(id)
    return product === undefined ? [] : [{ product, quantity, cents: product.cents * quantity }]
  })
}

export function countOf(cart: Cart | undefined): number {
  return (cart?.lines ?? []).reduce((sum, { quantity }) => sum + quantity, 0)
}
