import { InvalidOptionsError, type OptionIssue } from '../errors.ts'
import type { BehindOperation } from '../options/behind-options.ts'
import { type Duration, parseDuration } from '../options/duration.ts'

/** What of a `Pool` of the package pg is used. */
export interface PostgresPool {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>
}

export interface PostgresCountersOptions {
  /** Holds the counters; a schema may stand before it. */
  table: string
  /** Holds the ids of operations that are in the counters. Default the table's name with `_applied`. */
  appliedTable?: string
  /**
   * How long an id is remembered. Longer than an operation can wait in Redis, or what reached the source on two ways counts twice: longer than the
   * longest outage of the database that you expect. Default 7 days.
   */
  retention?: Duration
}

/** Ready to be spread into the options of a namespace. */
export interface PostgresCounters {
  load(key: string): Promise<number | undefined>
  loadMany(keys: readonly string[]): Promise<Map<string, number>>
  saveMany(operations: readonly BehindOperation<number>[]): Promise<void>
}

const identifier = /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/
const forgetEvery = 60_000
// Of one sweep, so that it holds no lock for long.
const mostForgotten = 50_000

/**
 * Counters in PostgreSQL (9.5 or newer). One statement records the ids and adds the increments of those that were new, so
 * that an operation counts once however often and on whichever way it comes. `signal` is not heard: give the pool a `statement_timeout`.
 *
 * @example
 * await pool.query(postgresCountersTables({ table: 'views' })) // in a migration
 * const views = cache.namespace({
 *   name: 'views',
 *   write: 'behind',
 *   behind: { counters: true },
 *   ...postgresCounters(pool, { table: 'views' }),
 * })
 * @throws InvalidOptionsError
 */
export function postgresCounters(pool: PostgresPool, options: PostgresCountersOptions): PostgresCounters {
  const { table, applied, retention } = parse(options)
  // Distinct, for one batch may hold an id twice. In one order everywhere, or two of these could wait for each other.
  const save = `
    with incoming as (
      select distinct on (id) id, key, by from unnest($1::text[], $2::text[], $3::bigint[]) as t(id, key, by) order by id
    ), fresh as (
      insert into ${applied} (id) select id from incoming order by id on conflict do nothing returning id
    ), sums as (
      select key, sum(by) as by from incoming join fresh using (id) group by key
    )
    insert into ${table} as counter (key, value) select key, by from sums order by key
    on conflict (key) do update set value = counter.value + excluded.value`
  const forget = `
    delete from ${applied} where ctid = any(array(
      select ctid from ${applied} where applied_at < now() - $1 * interval '1 millisecond' limit ${mostForgotten}
    ))`
  let forgottenAt = Date.now()

  async function loadMany(keys: readonly string[]): Promise<Map<string, number>> {
    const { rows } = await pool.query(`select key, value from ${table} where key = any($1)`, [keys])
    return new Map(rows.map(({ key, value }) => [String(key), Number(value)]))
  }

  return {
    load: async (key) => (await loadMany([key])).get(key),
    loadMany,
    async saveMany(operations) {
      const ids: string[] = []
      const keys: string[] = []
      const increments: number[] = []
      for (const operation of operations) {
        if (operation.kind !== 'increment') throw new Error('postgresCounters saves increments only')
        ids.push(...operation.ids)
        increments.push(...operation.increments)
        for (let index = 0; index < operation.ids.length; index++) keys.push(operation.key)
      }
      await pool.query(save, [ids, keys, increments])
      if (Date.now() - forgottenAt < forgetEvery) return
      forgottenAt = Date.now()
      // What is saved is saved: whether old ids could be forgotten is not its business.
      void pool.query(forget, [retention]).catch(() => {})
    },
  }
}

/** The two tables, for a migration. */
export function postgresCountersTables(options: PostgresCountersOptions): string {
  const { table, applied } = parse(options)
  return `
    create table if not exists ${table} (key text primary key, value bigint not null);
    create table if not exists ${applied} (id text primary key, applied_at timestamptz not null default now());
    create index if not exists ${applied.replace('.', '_')}_at on ${applied} using brin (applied_at);`
}

function parse({ table, appliedTable, retention = '7d' }: PostgresCountersOptions) {
  const applied = appliedTable ?? `${table}_applied`
  const milliseconds = parseDuration(retention)
  const issues: OptionIssue[] = []
  const expected = 'expected lower-case letters, digits and "_", with a schema before a "." or without'
  if (!identifier.test(table)) issues.push({ path: 'table', expected })
  if (!identifier.test(applied)) issues.push({ path: 'appliedTable', expected })
  if (milliseconds === undefined || milliseconds < 60_000) {
    issues.push({ path: 'retention', expected: 'expected a duration from 1m on, such as "7d"' })
  }
  if (issues.length > 0) throw new InvalidOptionsError('postgresCounters', issues)
  return { table, applied, retention: milliseconds }
}
