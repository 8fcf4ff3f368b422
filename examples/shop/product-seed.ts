import pg from 'pg'

const schema = `
  create schema plimsoll_demo;
  create table plimsoll_demo.product (
    id text primary key,
    name text not null,
    description text not null,
    category text not null,
    image text not null,
    tags text[] not null,
    price_cents integer not null,
    currency text not null,
    available integer not null,
    warehouse text not null,
    rating real not null,
    votes integer not null,
    width_mm integer not null,
    height_mm integer not null,
    weight_grams integer not null,
    updated_at timestamptz not null
  )`

const fill = `
  insert into plimsoll_demo.product
  select n::text, concat_ws(' ', make, material, thing),
    concat_ws(' ', 'A', lower(make), thing, 'of', lower(material) || ',', repeat(
      'made by hand in small numbers, tested at sea, and repaired free of charge for as long as you own it; ', 4)),
    category, '/images/' || n || '.webp', array[lower(material), category, 'ship''s chandler'],
    990 + (n * 37) % 50000, 'EUR', n % 90, 'Hall ' || 1 + n % 7, 3 + (n % 21) / 10.0, (n * 13) % 800,
    40 + n % 900, 30 + n % 500, 80 + (n * 7) % 9000, timestamptz '2025-01-01' + n * interval '7 minutes'
  from (
    select n,
      (array['Harbour', 'Coastal', 'Deepwater', 'Regatta', 'Pilot', 'Tideway'])[1 + n % 6] as make,
      (array['Brass', 'Oak', 'Canvas', 'Steel', 'Hemp', 'Linen', 'Bronze'])[1 + n % 7] as material,
      (array['compass', 'lantern', 'duffel bag', 'cleat', 'hammock', 'sextant', 'barometer', 'ship''s bell'])[1 + n % 8] as thing,
      (array['navigation', 'light', 'luggage', 'deck', 'cabin'])[1 + n % 5] as category
    from generate_series(1, $1::integer) as n
  ) as number`

const drop = 'drop schema if exists plimsoll_demo cascade'

/** Creates the demo's own schema in the database with so many products, numbered from 1. */
export async function seedProducts(url: string, products: number): Promise<void> {
  await withConnection(url, async (connection) => {
    await connection.query(drop)
    await connection.query(schema)
    await connection.query(fill, [products])
  })
}

export async function dropProducts(url: string): Promise<void> {
  await withConnection(url, (connection) => connection.query(drop))
}

async function withConnection(url: string, use: (connection: pg.Client) => Promise<unknown>): Promise<void> {
  const connection = new pg.Client({ connectionString: url })
  await connection.connect()
  try {
    await use(connection)
  } finally {
    await connection.end()
  }
}
