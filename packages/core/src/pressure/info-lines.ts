import type { DatabaseVitals } from './vitals.ts'

/** What an INFO reply told, section names included. */
export interface Told {
  readonly fields: ReadonlyMap<string, string>
  readonly sections: ReadonlySet<string>
  readonly errors: readonly (readonly [string, number])[]
  readonly databases: readonly DatabaseVitals[]
  /** Databases whose numbers cannot be true, as `db0`. */
  readonly garbled: readonly string[]
}

const errorPrefix = 'errorstat_'

/** One pass over a reply to INFO. */
export function readLines(text: string): Told {
  const fields = new Map<string, string>()
  const sections = new Set<string>()
  const errors: (readonly [string, number])[] = []
  const databases: DatabaseVitals[] = []
  const garbled: string[] = []
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const next = newline === -1 ? text.length : newline
    const line = text.slice(start, text.charCodeAt(next - 1) === 13 && next > start ? next - 1 : next)
    start = next + 1
    if (line.startsWith('#')) {
      sections.add(line.trim())
      continue
    }
    const colon = line.indexOf(':')
    if (colon === -1) continue
    const name = line.slice(0, colon)
    const value = line.slice(colon + 1)
    if (name.startsWith(errorPrefix)) readError(name.slice(errorPrefix.length), value, errors)
    else if (/^db\d{1,6}$/.test(name)) {
      const database = readDatabase(Number(name.slice(2)), value)
      if (database === undefined) garbled.push(name)
      else databases.push(database)
    } else fields.set(name, value)
  }
  return { fields, sections, errors, databases, garbled }
}

/** A script may answer with an error word of its own making, which then stands here: such words are no names of ours. */
function readError(name: string, value: string, into: (readonly [string, number])[]): void {
  const count = numberIn(value, 'count')
  if (count !== undefined && into.length < 128 && /^[A-Z][A-Z_]{0,39}$/.test(name)) into.push([name, count])
}

function readDatabase(database: number, value: string): DatabaseVitals | undefined {
  const keys = numberIn(value, 'keys')
  const expiring = numberIn(value, 'expires')
  if (keys === undefined || expiring === undefined) return undefined
  const averageTtlMilliseconds = expiring > 0 ? numberIn(value, 'avg_ttl') : undefined
  return { database, keys, expiring: Math.min(expiring, keys), averageTtlMilliseconds }
}

/** `a` of `keys=a,expires=b`. */
function numberIn(pairs: string, name: string): number | undefined {
  for (const pair of pairs.split(',')) {
    if (!pair.startsWith(name) || pair[name.length] !== '=') continue
    const value = Number(pair.slice(name.length + 1) || Number.NaN)
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined
  }
  return undefined
}
