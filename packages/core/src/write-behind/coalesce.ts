import type { BehindOperation, IncrementOperation } from '../options/behind-options.ts'
import type { StreamEntry } from '../redis/stream-commands.ts'

/** One operation for the source, and the entries that it came from. */
export interface Batched<V> {
  readonly operation: BehindOperation<V>
  readonly entries: readonly StreamEntry[]
  readonly schemaVersion: number
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
    // A key that is of two releases at once is two values in Redis, and what waits is booked for each.
    const place = `${parsed.schemaVersion} ${parsed.key}`
    const others = byKey.get(place)
    if (others === undefined) byKey.set(place, [parsed])
    else others.push(parsed)
  }
  return { batched: [...byKey.values()].map(merge), unreadable }
}

function merge<V>(all: readonly Parsed<V>[]): Batched<V> {
  const [first] = all as readonly [Parsed<V>]
  const { key, schemaVersion } = first
  const ids = all.map(({ id }) => id)
  const entries = all.map(({ entry }) => entry)
  if ('by' in first) {
    const increments = all.map((one) => ('by' in one ? one.by : 0))
    return { operation: increment(key, ids, increments, sequenceOf(entries.at(-1))), entries, schemaVersion }
  }
  let newest = first
  for (const one of all) if ('value' in one && one.sequence >= newest.sequence) newest = one
  const { value, sequence } = newest
  return { operation: { kind: 'set', key, value, ids, sequence }, entries, schemaVersion }
}

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
