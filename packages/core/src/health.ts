import type { BreakerState } from './breaker/breaker.ts'
import type { Mode, Verdict } from './pressure/mode.ts'
import type { Counters } from './read/counters.ts'

export interface ModeChange {
  readonly from: Mode
  readonly to: Mode
  readonly reasons: readonly string[]
}

/** A snapshot of a cache; see `cache.health()`. */
export interface CacheHealth {
  readonly mode: Mode
  /** Why the mode is not `normal`. */
  readonly reasons: readonly string[]
  readonly redis: {
    readonly status: 'off' | 'connecting' | 'ready' | 'unavailable'
    readonly connections: number
    readonly maxConnections: number
    readonly channel: 'off' | 'connected' | 'lost'
    /** Writes that Redis has not heard of yet; this process does not believe it for those keys. */
    readonly pendingInvalidations: number
  }
  readonly local: { readonly bytes: number; readonly maxBytes: number; readonly entries: number } | undefined
  readonly breakers: { readonly read: BreakerState; readonly write: BreakerState; readonly source: BreakerState }
  readonly source: { readonly running: number; readonly waiting: number; readonly concurrency: number }
  readonly namespaces: Readonly<Record<string, Counters>>
  /** Always empty for now. */
  readonly findings: readonly never[]
}

const order: readonly Mode[] = ['normal', 'conserving', 'shedding', 'read-only', 'local-only']

/** The mode of a cache with several Redis is that of the one that fares worst. */
export function worstOf(verdicts: readonly Verdict[]): Verdict {
  let worst: Verdict = { mode: 'normal', reasons: [] }
  for (const verdict of verdicts) {
    if (order.indexOf(verdict.mode) > order.indexOf(worst.mode)) worst = verdict
  }
  return worst
}
