import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findPostgres } from '../../../scripts/postgres.ts'
import { type PostgresServer, startPostgres } from '../../../test/support/postgres-server.ts'
import { until } from '../../../test/support/until.ts'
import { ordersOf, placeOrder, SoldOutError } from './checkout.ts'
import { openDatabase, prepareDatabase } from './database.ts'
import { authenticate } from './users.ts'

const programs = await findPostgres()
const testPostgres = test.skipIf('reason' in programs)

let server: PostgresServer | undefined
let database: pg.Pool

beforeAll(async () => {
  if ('reason' in programs) return
  server = await startPostgres()
  database = openDatabase(server.url, 10)
  await Promise.all([prepareDatabase(database), prepareDatabase(database)])
})

afterAll(async () => {
  await database?.end()
  await server?.stop()
})

async function stockOf(id: string): Promise<number | undefined> {
  const { rows } = await database.query<{ stock: number }>('select stock from products where id = $1', [id])
  return rows[0]?.stock
}

const cart = (lines: Record<string, number>, token: string = randomUUID()) => ({
  token,
  lines: Object.entries(lines).map(([product, quantity]) => ({ product, quantity })),
})

const times = <T>(count: number, make: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)))

testPostgres('a cart is ordered once, however often it is sent', async () => {
  const lantern = await stockOf('storm-lantern')
  const order = cart({ 'storm-lantern': 2, compass: 1 })
  await times(8, () => placeOrder(database, 'ada', order))
  await placeOrder(database, 'ada', order)
  expect(await ordersOf(database, 'ada')).toEqual([
    { token: order.token, placedAt: expect.any(Date), items: 3, cents: 2 * 6_900 + 7_650 },
  ])
  expect(await stockOf('storm-lantern')).toBe((lantern ?? 0) - 2)
})

testPostgres('the last one is sold once', async () => {
  const outcomes = await times(8, () =>
    placeOrder(database, 'samuel', cart({ 'last-chart': 1, barometer: 1 })).then(
      () => 'ordered',
      (error: unknown) => error,
    ),
  )
  expect(outcomes.filter((outcome) => outcome === 'ordered')).toHaveLength(1)
  expect(outcomes.filter((outcome) => outcome instanceof SoldOutError)).toHaveLength(7)
  expect(await stockOf('last-chart')).toBe(0)
  // What else was in the refused carts is still there.
  expect(await stockOf('barometer')).toBe(13)
  expect(await ordersOf(database, 'samuel')).toHaveLength(1)
})

testPostgres('what is not sold any more is not ordered without a word', async () => {
  await expect(placeOrder(database, 'ada', cart({ compass: 1, unicorn: 1 }))).rejects.toThrow(SoldOutError)
})

testPostgres('products are locked by their ids, so that orders wait for each other and never deadlock', async () => {
  const [first, second] = [await database.connect(), await database.connect()]
  try {
    await first.query('begin')
    await first.query("select from products where id = 'compass' for update")
    // The table has the rope before the compass, and so has the cart.
    const order = placeOrder(database, 'ada', cart({ 'hemp-rope': 1, compass: 1 }))
    await until(isWaiting, 'the order waits for the compass')
    await second.query("select from products where id = 'hemp-rope' for update nowait")
    await first.query('commit')
    await order
  } finally {
    first.release()
    second.release()
  }
})

async function isWaiting(): Promise<boolean> {
  return (await database.query("select from pg_stat_activity where wait_event_type = 'Lock'")).rowCount === 1
}

testPostgres('a password opens one account, and a wrong name or password none', async () => {
  expect(await authenticate(database, 'ada', 'anchor and rope')).toBe('ada')
  expect(await authenticate(database, 'samuel', 'anchor and rope')).toBeUndefined()
  expect(await authenticate(database, 'nobody', 'anchor and rope')).toBeUndefined()
})
