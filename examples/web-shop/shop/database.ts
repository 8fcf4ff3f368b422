import pg from 'pg'
import { products, users } from './seed.ts'
import { hashPassword } from './users.ts'

const schema = `
  create table if not exists products (
    id text primary key,
    name text not null,
    description text not null,
    price_cents integer not null check (price_cents > 0),
    -- What makes overselling impossible, whoever takes from the stock.
    stock integer not null check (stock >= 0)
  );
  create table if not exists users (
    name text primary key,
    password_hash text not null
  );
  create table if not exists orders (
    cart_token uuid primary key,
    user_name text not null references users,
    placed_at timestamptz not null default now()
  );
  create index if not exists orders_of_user on orders (user_name, placed_at desc);
  create table if not exists order_lines (
    cart_token uuid not null references orders,
    product_id text not null references products,
    quantity integer not null check (quantity > 0),
    price_cents integer not null,
    primary key (cart_token, product_id)
  )`

/** Any number; the same in every process of the shop. */
const setupLock = 5_210_376

/**
 * The shop's connections. All processes together must stay below PostgreSQL's max_connections, in a rollout too, when
 * old and new ones run side by side.
 */
export function openDatabase(url: string, connections: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    // A database that hangs must not hold requests for ever.
    connectionTimeoutMillis: 2_000,
    query_timeout: 5_000,
  })
  // An idle connection that breaks is replaced at the next query; without a listener it would end the process.
  pool.on('error', () => {})
  return pool
}

/** Creates tables and goods where they are missing. Processes that start together do it one after the other. */
export async function prepareDatabase(pool: pg.Pool): Promise<void> {
  const connection = await pool.connect()
  try {
    await connection.query('begin')
    await connection.query('select pg_advisory_xact_lock($1)', [setupLock])
    await connection.query(schema)
    await seed(connection)
    await connection.query('commit')
  } catch (error) {
    await connection.query('rollback')
    throw error
  } finally {
    connection.release()
  }
}

async function seed(connection: pg.PoolClient): Promise<void> {
  const { rowCount } = await connection.query('select from users limit 1')
  if (rowCount !== 0) return
  for (const { id, name, description, cents, stock } of products) {
    await connection.query('insert into products values ($1, $2, $3, $4, $5)', [id, name, description, cents, stock])
  }
  for (const { name, password } of users) {
    await connection.query('insert into users values ($1, $2)', [name, await hashPassword(password)])
  }
}
