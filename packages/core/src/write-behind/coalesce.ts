import type { BehindOperation, IncrementOperation } from '../options/behind-options.ts'
import type { StreamEntry } from '../redis/stream-commands.ts'

/** One operation for the source, and where it came from. */
export interface Batched<V> {
  readonly operation: BehindOperation<V>
  readonly shares: readonly Share[]
}

/** What of an operation was written by releases of one schema version: a value of its own in Redis, with books of its own. */
export interface Share {
  readonly schemaVersion: number
  readonly entries: readonly StreamEntry[]
  /** Of increments. */
  readonly sum: number
}

export interface Unreadable {
  readonly entry: StreamEntry
  readonly key: string
  readonly schemaVersion: number
}

export interface Coalesced<V> {
  readonly batched: readonly Batched<V>[]
  readonly unreadable: readonly Unreadable[]
}

type Parsed<V> = {
  readonly entry: StreamEntry
  readonly key: string
  readonly id: string
  readonly schemaVersion: number
} & ({ readonly by: number } | { readonly value: V; readonly sequence: number })

/**
 * Makes one operation of all that one key has in these entries, which are in the order of the stream. Keys keep the
 * order in which they first come. `decode` answers undefined for what is no value of ours.
 */
export function coalesce<V>(
  entries: readonly StreamEntry[],
  decode: (bytes: Buffer) => { readonly value: V } | undefined,
): Coalesced<V> {
  const byKey = new Map<string, Parsed<V>[]>()
  const unreadable: Unreadable[] = []
  for (const entry of entries) {
    const parsed = parse(entry, decode)
    if (parsed === undefined) {
      unreadable.push({ entry, key: text(entry, 'k') ?? '', schemaVersion: Number(text(entry, 's') ?? 0) })
      continue
    }
    // Of a namespace that was declared otherwise before, a key may have both kinds.
    const place = `${'by' in parsed ? 'increment' : 'set'} ${parsed.key}`
    const others = byKey.get(place)
    if (others === undefined) byKey.set(place, [parsed])
    else others.push(parsed)
  }
  return { batched: [...byKey.values()].map(merge), unreadable }
}

function merge<V>(all: readonly Parsed<V>[]): Batched<V> {
  const [first] = all as readonly [Parsed<V>]
  const { key } = first
  const ids = all.map(({ id }) => id)
  const versions = [...new Set(all.map(({ schemaVersion }) => schemaVersion))]
  const shares = versions.map((version) =>
    shareOf(
      version,
      all.filter(({ schemaVersion }) => schemaVersion === version),
    ),
  )
  if ('by' in first) {
    return { operation: increment(key, ids, all.map(amountOf), sequenceOf(all.at(-1)?.entry)), shares }
  }
  let newest = first
  for (const one of all) if ('value' in one && one.sequence >= newest.sequence) newest = one
  const { value, sequence } = newest
  return { operation: { kind: 'set', key, value, ids, sequence }, shares }
}

function shareOf<V>(schemaVersion: number, all: readonly Parsed<V>[]): Share {
  const sum = all.reduce((total, one) => total + amountOf(one), 0)
  return { schemaVersion, entries: all.map(({ entry }) => entry), sum }
}

const amountOf = <V>(one: Parsed<V>): number => ('by' in one ? one.by : 0)

export function increment(
  key: string,
  ids: readonly string[],
  increments: readonly number[],
  sequence: number | undefined,
): IncrementOperation {
  const sum = increments.reduce((total, by) => total + by, 0)
  return { kind: 'increment', key, increment: sum, ids, increments, sequence }
}

function parse<V>(
  entry: StreamEntry,
  decode: (bytes: Buffer) => { readonly value: V } | undefined,
): Parsed<V> | undefined {
  const id = text(entry, 'o')
  const key = text(entry, 'k')
  if (id === undefined || key === undefined) return undefined
  const common = { entry, key, id, schemaVersion: Number(text(entry, 's') ?? 0) }
  const by = text(entry, 'b')
  if (by !== undefined) return Number.isSafeInteger(Number(by)) ? { ...common, by: Number(by) } : undefined
  const bytes = entry.fields.get('v')
  const decoded = bytes && decode(bytes)
  if (decoded === undefined) return undefined
  const own = text(entry, 'q')
  return { ...common, value: decoded.value, sequence: own ? Number(own) : (sequenceOf(entry) ?? 0) }
}

function text(entry: StreamEntry, field: string): string | undefined {
  return entry.fields.get(field)?.toString()
}

function sequenceOf(entry: StreamEntry | undefined): number | undefined {
  return entry === undefined ? undefined : Number(entry.id.split('-', 1)[0])
}
