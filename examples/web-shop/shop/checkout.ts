import pg from 'pg'
import type { Cart } from './cart.ts'

/** There is less in stock than was ordered, or a product is gone. Nothing was ordered. */
export class SoldOutError extends Error {
  override readonly name = 'SoldOutError'
}

export interface Order {
  readonly token: string
  readonly placedAt: Date
  readonly items: number
  readonly cents: number
}

// One statement: the order, its lines and the stock change together or not at all. A cart that was ordered before
// conflicts in `placed`, which is then empty, and so are all that follow from it. Rows are locked by id in one order:
// two orders of the same products wait for each other instead of deadlocking.
const place = `
  with wanted as (
    select product_id, quantity from unnest($3::text[], $4::integer[]) as line (product_id, quantity)
  ), placed as (
    insert into orders (cart_token, user_name) values ($1, $2) on conflict do nothing returning cart_token
  ), locked as materialized (
    select id, price_cents from products where id = any($3) order by id for update
  ), taken as (
    update products set stock = products.stock - wanted.quantity
    from placed, wanted join locked on locked.id = wanted.product_id
    where products.id = locked.id
  )
  insert into order_lines (cart_token, product_id, quantity, price_cents)
  select cart_token, product_id, quantity, price_cents
  from placed, wanted left join locked on locked.id = wanted.product_id`

const checkViolation = '23514'
const notNullViolation = '23502'

/**
 * Orders a cart at the database's prices, once for its token: further calls change nothing.
 *
 * @throws SoldOutError
 */
export async function placeOrder(database: pg.Pool, user: string, { token, lines }: Cart): Promise<void> {
  const products = lines.map(({ product }) => product)
  const quantities = lines.map(({ quantity }) => quantity)
  try {
    await database.query(place, [token, user, products, quantities])
  } catch (error) {
    const code = error instanceof pg.DatabaseError ? error.code : undefined
    // The stock would be below zero, or there is no price, for there is no product.
    if (code === checkViolation || code === notNullViolation) throw new SoldOutError('not enough in stock')
    throw error
  }
}

/** The last orders of a user, newest first. */
export async function ordersOf(database: pg.Pool, user: string): Promise<readonly Order[]> {
  const { rows } = await database.query<Order>(
    `select cart_token as token, placed_at as "placedAt",
       sum(quantity)::integer as items, sum(quantity * price_cents)::integer as cents
     from orders join order_lines using (cart_token)
     where user_name = $1 group by cart_token order by placed_at desc limit 20`,
    [user],
  )
  return rows
}
