import type { Totals, Vitals } from './vitals.ts'

/** What is kept of one look. */
export interface Look {
  readonly at: number
  readonly used: number | undefined
  readonly rss: number | undefined
  readonly buffers: number
  readonly keys: number | undefined
  readonly totals: Totals
  readonly errors: Vitals['errors']
  /** Evictions per second since the look before; of those that were left out in between, the most. */
  readonly evictedPerSecond: number
}

const minute = 60_000
// Slots are multiples of each other and of absolute time, so that growing old never leaves out a look twice.
const slots: readonly (readonly [age: number, slot: number])[] = [
  [30 * minute, Number.POSITIVE_INFINITY],
  [5 * minute, 15_000],
  [45_000, 5_000],
  [0, 1_000],
]

/** The looks of half an hour in about 200 places: each of the last 45 seconds, then one of five, then one of 15 seconds. */
export class Looks {
  #kept: Look[] = []

  get all(): readonly Look[] {
    return this.#kept
  }

  get latest(): Look | undefined {
    return this.#kept.at(-1)
  }

  clear(): void {
    this.#kept = []
  }

  push(look: Look): void {
    const kept: Look[] = []
    let previous: Look | undefined
    for (const one of this.#kept) {
      const slot = slotFor(look.at - one.at)
      if (slot === Number.POSITIVE_INFINITY) continue
      if (previous !== undefined && Math.floor(previous.at / slot) === Math.floor(one.at / slot)) {
        // The newer stays out: its rate is remembered by the one that stays.
        previous = { ...previous, evictedPerSecond: Math.max(previous.evictedPerSecond, one.evictedPerSecond) }
        kept[kept.length - 1] = previous
      } else {
        kept.push(one)
        previous = one
      }
    }
    kept.push(look)
    this.#kept = kept
  }

  /** Those of the last so many milliseconds. */
  within(milliseconds: number): readonly Look[] {
    const from = (this.latest?.at ?? 0) - milliseconds
    return this.#kept.filter(({ at }) => at >= from)
  }
}

function slotFor(age: number): number {
  return slots.find(([from]) => age >= from)?.[1] ?? 1_000
}

export function lookAt(vitals: Vitals, previous: Look | undefined): Look {
  const { at, memory, totals, errors } = vitals
  return {
    at,
    used: memory.used,
    rss: memory.rss,
    buffers: (memory.clientsNormal ?? 0) + (memory.notCountedForEvict ?? 0),
    keys: keysOf(vitals),
    totals,
    errors,
    evictedPerSecond: perSecond(previous, at, totals.evictedKeys),
  }
}

export function keysOf({ keyspace, keys }: Vitals): number | undefined {
  return keyspace === undefined ? keys : keyspace.reduce((sum, database) => sum + database.keys, 0)
}

function perSecond(previous: Look | undefined, at: number, evicted: number | undefined): number {
  const before = previous?.totals.evictedKeys
  if (previous === undefined || before === undefined || evicted === undefined || at <= previous.at) return 0
  return (Math.max(0, evicted - before) / (at - previous.at)) * 1_000
}
