import type { ErrandOutcome } from './errand.ts'

/** Keys that were loaded before anybody asked, by what came of them. */
export interface AheadCounts {
  /** They had a fresh value, or another process has loaded them. */
  found: number
  loaded: number
  /** Of `loaded`: those that Redis is not known to have taken. */
  unstored: number
  failed: number
}

/** What `refreshEvery` has done in this process. */
export interface RefreshCounts {
  /** That have ended. */
  rounds: number
  /** Of `rounds`: those that did not come to all keys. */
  endedEarly: number
  readonly keys: AheadCounts
}

/** How a call of `refreshEvery` keeps up. */
export interface RefreshTimes {
  /** When a round of this process last came to all keys, or it was asked to refresh, in milliseconds of the clock. */
  readonly doneAt: number
  /** Milliseconds. */
  readonly interval: number
}

export const createAheadCounts = (): AheadCounts => ({ found: 0, loaded: 0, unstored: 0, failed: 0 })

export const createRefreshCounts = (): RefreshCounts => ({ rounds: 0, endedEarly: 0, keys: createAheadCounts() })

/** Counts a key that is through. */
export function countThrough(counts: AheadCounts, outcome: Exclude<ErrandOutcome, 'held' | 'late' | 'refused'>): void {
  if (outcome === 'found') counts.found += 1
  else if (outcome === 'failed') counts.failed += 1
  else counts.loaded += 1
  if (outcome === 'unstored') counts.unstored += 1
}

export function mostOverdue(all: Iterable<RefreshTimes>, now: number): RefreshTimes | undefined {
  let worst: RefreshTimes | undefined
  let most = Number.NEGATIVE_INFINITY
  for (const { doneAt, interval } of all) {
    const overdue = (now - doneAt) / interval
    if (overdue <= most) continue
    worst = { doneAt, interval }
    most = overdue
  }
  return worst
}
