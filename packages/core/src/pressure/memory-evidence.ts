import type { Forecast } from './forecast.ts'
import type { MemoryEvidence } from './ladder.ts'
import { keysOf } from './looks.ts'
import type { MemoryLine } from './memory-line.ts'
import type { Trend } from './trend.ts'
import type { Vitals } from './vitals.ts'

/** What of one node bears on the mode. */
export interface MemoryView {
  readonly vitals: Vitals
  /** Undefined after a single look. */
  readonly trend?: Trend | undefined
  readonly forecast?: Forecast | undefined
  /** The limit in force, and how full Redis is up to it: 0 to 1 and beyond. */
  readonly line?: MemoryLine | undefined
  readonly fill?: number | undefined
  readonly canEvict?: boolean | undefined
}

// Looks in a row that find Redis over maxmemory: one may be an eviction under way.
const exceededLooks = 2
// What a fill is made of.
const fills: ReadonlySet<string> = new Set(['used_memory', 'maxmemory', 'mem_not_counted_for_evict'])

/** Over maxmemory for long, with nothing left to evict: while Redis still evicts it takes writes, however far behind it is. */
export function isRefusing({ trend, vitals, canEvict }: MemoryView): boolean {
  return (trend?.evictionExceededLooks ?? 0) >= exceededLooks && !(canEvict && keysOf(vitals) !== 0)
}

/** The worst of all nodes: a write may go to any of them. */
export function worstEvidence(views: readonly MemoryView[]): MemoryEvidence {
  const untold = views.some(
    ({ vitals, fill }) => fill === undefined && vitals.implausible.some((name) => fills.has(name)),
  )
  let worst: MemoryEvidence = {
    untold,
    fill: undefined,
    kills: false,
    canEvict: false,
    secondsToFull: undefined,
    fillPerSecond: 0,
    evictedShare: 0,
  }
  for (const { trend, forecast, line, fill, canEvict = false } of views) {
    const evictedShare = Math.max(worst.evictedShare, trend?.evictedShare ?? 0)
    const fuller =
      fill !== undefined && (worst.fill === undefined || weight(fill, canEvict) > weight(worst.fill, worst.canEvict))
    worst = fuller
      ? {
          untold,
          fill,
          kills: line?.kills ?? false,
          canEvict,
          secondsToFull: forecast?.secondsToFull,
          fillPerSecond: line === undefined ? 0 : (trend?.usedPerSecond ?? 0) / line.bytes,
          evictedShare,
        }
      : { ...worst, evictedShare }
  }
  return worst
}

/** A node that can evict is never as full as one that cannot. */
function weight(fill: number, canEvict: boolean): number {
  return canEvict ? fill - 1_000 : fill
}
