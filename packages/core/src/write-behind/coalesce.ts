import type { BehindOperation, IncrementOperation } from '../options/behind-options.ts'
import type { StreamEntry } from '../redis/stream-entry.ts'

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

interface Parsed<V> {
  readonly key: string
  readonly id: string
  readonly schemaVersion: number
  /** 0 for a set. */
  readonly by: number
  /** Undefined for an increment. */
  readonly set: { readonly value: V } | undefined
  readonly sequence: number
}

/** All that was found of one key so far. */
interface Gathered<V> {
  readonly key: string
  readonly ids: string[]
  readonly increments: number[]
  readonly shares: { readonly schemaVersion: number; readonly entries: StreamEntry[]; sum: number }[]
  /** The newest. */
  set: { readonly value: V } | undefined
  sequence: number
}

/**
 * Makes one operation of all that one key has in these entries, which are in the order of the stream. Keys keep the
 * order in which they first come. `decode` answers undefined for what is no value of ours.
 */
export function coalesce<V>(
  entries: readonly StreamEntry[],
  decode: (bytes: Buffer) => { readonly value: V } | undefined,
): Coalesced<V> {
  // Of a namespace that was declared otherwise before, a key may have both kinds.
  const increments = new Map<string, Gathered<V>>()
  const sets = new Map<string, Gathered<V>>()
  const all: Gathered<V>[] = []
  const unreadable: Unreadable[] = []
  for (const entry of entries) {
    const parsed = parse(entry, decode)
    if (parsed === undefined) {
      unreadable.push({ entry, key: entry.text('k') ?? '', schemaVersion: Number(entry.text('s') ?? 0) })
      continue
    }
    const { key, set, sequence } = parsed
    const byKey = set === undefined ? increments : sets
    let gathered = byKey.get(key)
    if (gathered === undefined) {
      gathered = { key, ids: [], increments: [], shares: [], set, sequence }
      byKey.set(key, gathered)
      all.push(gathered)
    }
    add(gathered, parsed, entry)
  }
  return { batched: all.map((gathered) => ({ operation: operationOf(gathered), shares: gathered.shares })), unreadable }
}

function add<V>(gathered: Gathered<V>, { id, by, set, sequence, schemaVersion }: Parsed<V>, entry: StreamEntry): void {
  gathered.ids.push(id)
  gathered.increments.push(by)
  if (sequence >= gathered.sequence) {
    gathered.set = set
    gathered.sequence = sequence
  }
  const share = gathered.shares.find((one) => one.schemaVersion === schemaVersion)
  if (share === undefined) gathered.shares.push({ schemaVersion, entries: [entry], sum: by })
  else {
    share.entries.push(entry)
    share.sum += by
  }
}

function operationOf<V>({ key, ids, increments, set, sequence }: Gathered<V>): BehindOperation<V> {
  if (set === undefined) return increment(key, ids, increments, sequence)
  return { kind: 'set', key, value: set.value, ids, sequence }
}

export function increment(
  key: string,
  ids: readonly string[],
  increments: readonly number[],
  sequence: number | undefined,
): IncrementOperation {
  let sum = 0
  for (const by of increments) sum += by
  return { kind: 'increment', key, increment: sum, ids, increments, sequence }
}

function parse<V>(
  entry: StreamEntry,
  decode: (bytes: Buffer) => { readonly value: V } | undefined,
): Parsed<V> | undefined {
  const id = entry.text('o')
  const key = entry.text('k')
  if (id === undefined || key === undefined) return undefined
  const schemaVersion = Number(entry.text('s') ?? 0)
  // Of an ID the part before the "-", which ends the number.
  const place = Number.parseInt(entry.id, 10)
  const text = entry.text('b')
  if (text !== undefined) {
    const by = Number(text)
    return Number.isSafeInteger(by) ? { key, id, schemaVersion, by, set: undefined, sequence: place } : undefined
  }
  const bytes = entry.field('v')
  const set = bytes && decode(bytes)
  if (set === undefined) return undefined
  return { key, id, schemaVersion, by: 0, set, sequence: Number(entry.text('q') || place) }
}
