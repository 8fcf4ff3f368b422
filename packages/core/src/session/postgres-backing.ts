import type { BackedSession, SessionBacking } from './backing.ts'
import { defaultTable, sessionTable, sessionTableSql } from './postgres-table.ts'

/** What is used of a pool of the package `pg`. */
export interface PostgresPool {
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ readonly rows: readonly Record<string, unknown>[]; readonly rowCount: number | null }>
}

export interface PostgresBackingOptions {
  /** `table` or `schema.table`. Default `plimsoll_session`. */
  table?: string
}

export interface PostgresBacking extends Required<SessionBacking> {
  /** Makes the table and its indexes where they are missing; safe to call from all processes at once. */
  createTable(): Promise<void>
}

// For as long as a request may still be under way that loaded the session before it was deleted, and will put it back.
const keptAfterDeletion = "interval '5 minutes'"
const batch = 1_000
const millisecond = "interval '1 millisecond'"

/**
 * Sessions in PostgreSQL (10 or later), each method one statement. Give the pool a listener for `error`, without which a
 * restart of the database ends the process, and a `query_timeout`.
 *
 * @example
 * const pool = new Pool({ connectionString: process.env.DATABASE_URL, query_timeout: 2_000 })
 * pool.on('error', (error) => logger.warn(error))
 * const backing = postgresBacking(pool)
 * await backing.createTable()
 * @throws InvalidArgumentError for a table that PostgreSQL cannot name
 */
export function postgresBacking(
  pool: PostgresPool,
  { table = defaultTable }: PostgresBackingOptions = {},
): PostgresBacking {
  const { name } = sessionTable(table)
  const living = 'data IS NOT NULL AND expires_at > now()'
  // What is left of a life and not when it ends: no clock of a service is ever compared with the database's.
  const columns = `data, user_id, created_at, revision, extract(epoch from expires_at - now())::float8 * 1000 AS ttl`
  const end = `data = NULL, user_id = NULL, revision = '', expires_at = now() + ${keptAfterDeletion}`

  async function rows(text: string, ...values: unknown[]): Promise<readonly Record<string, unknown>[]> {
    return (await pool.query(text, values)).rows
  }

  async function changes(text: string, ...values: unknown[]): Promise<number> {
    return (await pool.query(text, values)).rowCount ?? 0
  }

  return {
    async createTable() {
      // CREATE … IF NOT EXISTS fails where two run at once. Several statements in one text are one transaction.
      await pool.query(`SELECT pg_advisory_xact_lock(hashtext('plimsoll'));${sessionTableSql(table)}`)
    },

    async load(handle) {
      const [row] = await rows(`SELECT ${columns} FROM ${name} WHERE handle = $1 AND ${living}`, handle)
      return row && sessionOf(row)
    },

    async save(handle, session, expected) {
      const { json, user, createdAt, expiresAt, revision } = session
      const values = [handle, json, user ?? null, createdAt, expiresAt - Date.now(), revision]
      const inserted = `($1, $2, $3, $4, now() + $5::float8 * ${millisecond}, $6)`
      const into = 'data, user_id, created_at, expires_at, revision'
      if (expected === undefined) {
        // Only what has ended, and is about to be cleaned up, may be in the way.
        const statement = `INSERT INTO ${name} AS old (handle, ${into}) VALUES ${inserted}
          ON CONFLICT (handle) DO UPDATE SET (${into}) =
            (excluded.data, excluded.user_id, excluded.created_at, excluded.expires_at, excluded.revision)
          WHERE old.expires_at <= now()`
        return (await changes(statement, ...values)) === 1
      }
      const statement = `UPDATE ${name}
        SET (${into}) = ($2, $3, $4::bigint, now() + $5::float8 * ${millisecond}, $6)
        WHERE handle = $1 AND revision = $7 AND ${living}`
      return (await changes(statement, ...values, expected)) === 1
    },

    async delete(handle) {
      return (await changes(`UPDATE ${name} SET ${end} WHERE handle = $1 AND data IS NOT NULL`, handle)) === 1
    },

    async touch(handle, expiresAt) {
      const statement = `UPDATE ${name} SET expires_at = now() + $2::float8 * ${millisecond} WHERE handle = $1 AND ${living}`
      return (await changes(statement, handle, expiresAt - Date.now())) === 1
    },

    async ofUser(user) {
      const statement = `SELECT handle, created_at FROM ${name} WHERE user_id = $1 AND ${living} ORDER BY created_at, handle`
      const found = await rows(statement, user)
      return found.map((row) => ({ handle: String(row['handle']), createdAt: Number(row['created_at']) }))
    },

    async deleteUser(user, except) {
      // Locked in order, so that two of these at once do not wait for each other.
      const statement = `WITH ended AS (
          SELECT handle FROM ${name} WHERE user_id = $1 AND handle IS DISTINCT FROM $2::text AND ${living}
          ORDER BY handle FOR UPDATE)
        UPDATE ${name} AS session SET ${end} FROM ended WHERE session.handle = ended.handle RETURNING session.handle`
      return (await rows(statement, user, except ?? null)).map((row) => String(row['handle']))
    },

    async count() {
      const [row] = await rows(`SELECT count(*) AS sessions FROM ${name} WHERE ${living}`)
      return Number(row?.['sessions'])
    },

    async deleteExpired() {
      // ANY(ARRAY(…)) is worked out once; with IN the planner may run it again and again and delete more than a batch.
      const statement = `DELETE FROM ${name} WHERE handle = ANY(ARRAY(
        SELECT handle FROM ${name} WHERE expires_at <= now() ORDER BY expires_at LIMIT ${batch} FOR UPDATE SKIP LOCKED))`
      let all = 0
      for (;;) {
        const deleted = await changes(statement)
        all += deleted
        if (deleted < batch) return all
      }
    },

    async page(after, size) {
      const statement = `SELECT handle, ${columns} FROM ${name} WHERE handle > $1 AND ${living} ORDER BY handle LIMIT $2`
      const found = await rows(statement, after ?? '', size)
      return found.map((row) => ({ handle: String(row['handle']), ...sessionOf(row) }))
    },
  }
}

/** bigint arrives as text, or as whatever the service has told `pg` to make of it. */
function sessionOf(row: Record<string, unknown>): BackedSession {
  const user = row['user_id']
  return {
    json: String(row['data']),
    user: typeof user === 'string' ? user : undefined,
    createdAt: Number(row['created_at']),
    expiresAt: Date.now() + Math.round(Number(row['ttl'])),
    revision: String(row['revision']),
  }
}
