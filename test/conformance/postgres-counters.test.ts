import { Pool } from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  type BehindOperation,
  InvalidOptionsError,
  postgresCounters,
  postgresCountersTables,
} from '../../packages/core/src/index.ts'
import { findPostgres } from '../../scripts/postgres.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'

const programs = await findPostgres()
if ('reason' in programs) console.warn(`no PostgreSQL, so its recipe is not tested: ${programs.reason}`)

const operation = (key: string, ...all: [id: string, by: number][]): BehindOperation<number> => ({
  kind: 'increment',
  key,
  increment: all.reduce((sum, [, by]) => sum + by, 0),
  ids: all.map(([id]) => id),
  increments: all.map(([, by]) => by),
  sequence: undefined,
})

describe.skipIf('reason' in programs)('postgresCounters', () => {
  let server: PostgresServer
  let pool: Pool

  beforeAll(async () => {
    server = await startPostgres()
    pool = new Pool({ connectionString: server.url, max: 8 })
    pool.on('error', () => {})
    await pool.query(postgresCountersTables({ table: 'views' }))
    return async () => {
      await pool.end()
      await server.stop()
    }
  }, 60_000)

  test('adds what it has not seen, in one statement, and what was in no batch is undefined', async () => {
    const { saveMany, load, loadMany } = postgresCounters(pool, { table: 'views' })
    await saveMany([operation('a', ['1', 5], ['2', -2]), operation('b', ['3', 7])])
    expect(await loadMany(['a', 'b', 'c'])).toEqual(
      new Map([
        ['a', 3],
        ['b', 7],
      ]),
    )
    expect(await load('c')).toBeUndefined()
  })

  test('drops single ids out of a batch, and one that is twice in a batch', async () => {
    const { saveMany, load } = postgresCounters(pool, { table: 'views' })
    await saveMany([operation('d', ['d1', 1], ['d2', 10])])
    await saveMany([operation('d', ['d2', 10], ['d3', 100], ['d3', 100])])
    expect(await load('d')).toBe(111)
  })

  test('batches that overlap, at the same time and in any order, add each id once', async () => {
    const { saveMany, load } = postgresCounters(pool, { table: 'views' })
    const keys = ['p', 'q', 'r', 's']
    const batches = Array.from({ length: 24 }, (_, batch) =>
      [...keys]
        .sort(() => (batch % 2 ? 1 : -1))
        .map((key) =>
          operation(
            key,
            ...Array.from({ length: 20 }, (_, index): [string, number] => [`${key}-${(index * 7 + batch) % 60}`, 1]),
          ),
        ),
    )
    await Promise.all(batches.map((batch) => saveMany(batch)))
    const all = new Set(batches.flat().flatMap(({ ids }) => ids))
    const sums = await Promise.all(keys.map((key) => load(key)))
    expect(sums.reduce<number>((sum, one) => sum + (one ?? 0), 0)).toBe(all.size)
  })

  test('the upsert of docs/write-behind.md stores values by their sequence', async () => {
    await pool.query('create table positions (key text primary key, value jsonb not null, sequence bigint not null)')
    const upsert = `
      insert into positions (key, value, sequence)
      select * from unnest($1::text[], $2::jsonb[], $3::bigint[]) as t(key, value, sequence) order by key
      on conflict (key) do update set value = excluded.value, sequence = excluded.sequence
      where positions.sequence < excluded.sequence`
    const save = (value: string, sequence: number) =>
      pool.query(upsert, [['truck'], [JSON.stringify(value)], [sequence]])
    await save('second', 1_763_720_000_000_002)
    await save('first', 1_763_720_000_000_001)
    expect((await pool.query('select value from positions')).rows).toEqual([{ value: 'second' }])
  })

  test('names of tables that are none are refused', () => {
    expect(() => postgresCounters(pool, { table: 'views; drop table views' })).toThrow(InvalidOptionsError)
  })
})
