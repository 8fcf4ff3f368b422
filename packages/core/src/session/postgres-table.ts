import { InvalidArgumentError } from '../errors.ts'

// PostgreSQL cuts a name at 63 bytes without a word, and the names of two indexes are made of this one.
const longestPart = 48

/** The table of sessions under its quoted name, and the names of its indexes. */
export interface SessionTable {
  readonly name: string
  readonly userIndex: string
  readonly endIndex: string
}

/** @throws InvalidArgumentError for anything but `table` or `schema.table`. */
export function sessionTable(table: string): SessionTable {
  const parts = typeof table === 'string' ? table.split('.') : []
  const last = parts.at(-1)
  if (last === undefined || parts.length > 2 || !parts.every(isName)) {
    const expected = `expected "table" or "schema.table", each of 1 to ${longestPart} bytes and without "\\0"`
    throw new InvalidArgumentError('table', expected)
  }
  return {
    name: parts.map(quote).join('.'),
    userIndex: quote(`${last}_user`),
    endIndex: quote(`${last}_end`),
  }
}

/**
 * The SQL that makes the table and its indexes, for migrations of your own. It does nothing where they exist.
 *
 * `data` is text and not jsonb, which would put keys in another order: whether a save changes anything is told by
 * comparing text. `expires_at` is a time of the database's own clock, which alone decides what has ended; `created_at`
 * is the service's number of milliseconds and comes back as it was. A row without data is a session that was deleted.
 */
export function sessionTableSql(table = defaultTable): string {
  const { name, userIndex, endIndex } = sessionTable(table)
  return `
CREATE TABLE IF NOT EXISTS ${name} (
  handle text COLLATE "C" PRIMARY KEY,
  data text,
  user_id text,
  created_at bigint NOT NULL,
  expires_at timestamptz NOT NULL,
  revision text NOT NULL
);
CREATE INDEX IF NOT EXISTS ${userIndex} ON ${name} (user_id, created_at, handle) WHERE user_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS ${endIndex} ON ${name} (expires_at);
`
}

export const defaultTable = 'plimsoll_session'

function isName(part: string): boolean {
  return part.length > 0 && Buffer.byteLength(part) <= longestPart && !part.includes('\0')
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
