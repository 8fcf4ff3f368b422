import type { BreakerState } from './breaker/breaker.ts'
import type { TrackingState } from './coherence/listener.ts'
import type { Finding } from './findings/finding.ts'
import type { LearnedLine } from './pressure/memory-line.ts'
import { type Mode, modes, type Verdict } from './pressure/mode.ts'
import type { NodeView } from './pressure/watch.ts'
import type { Counters } from './read/counters.ts'
import type { BehindHealth } from './write-behind/tallies.ts'

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
    /** Whether writers that do not use the SDK are heard of. While they are not the local tier is not believed. */
    readonly tracking: TrackingState
    /** Writes that Redis has not heard of yet; this process does not believe it for those keys. */
    readonly pendingInvalidations: number
  }
  readonly local: { readonly bytes: number; readonly maxBytes: number; readonly entries: number } | undefined
  readonly breakers: { readonly read: BreakerState; readonly write: BreakerState; readonly source: BreakerState }
  readonly source: SourceHealth
  readonly namespaces: Readonly<Record<string, NamespaceHealth>>
  /** Each Redis: `main` is the cache's, others are named by the namespace that they belong to. */
  readonly targets: Readonly<Record<string, TargetHealth>>
  /** What is wrong with Redis, or will be on a bad night, the worst first. */
  readonly findings: readonly Finding[]
}

/** The bulkhead round a source. */
export interface SourceHealth {
  readonly running: number
  readonly waiting: number
  readonly concurrency: number
}

export interface NamespaceHealth extends Counters {
  /**
   * What this process has begun and not ended. `reads`: keys that are being read, loaded or stored, however many wait for
   * each. `updates`: with those that wait for their turn.
   */
  readonly inProgress: { readonly reads: number; readonly writes: number; readonly updates: number }
  /** Undefined where it shares the cache's. */
  readonly source?: SourceHealth | undefined
  /** What this process wrote to Redis and is still there, estimated without scanning. */
  readonly redisBytes: number
  /** Its share of all that this process wrote there: 0 to 1. */
  readonly redisShare: number
  /** `maxRedisBytes`, and what the whole fleet held of it at the latest look. */
  readonly budget: { readonly bytes: number; readonly fleetBytes: number } | undefined
  /** What waits to be saved; undefined where it writes through. */
  readonly behind?: BehindHealth | undefined
}

/** How one Redis fares, and what follows from it. */
export interface TargetHealth {
  readonly mode: Mode
  readonly reasons: readonly string[]
  /** When the mode was entered, in milliseconds of the clock. */
  readonly since: number
  readonly breakers: { readonly read: BreakerState; readonly write: BreakerState }
  readonly status: CacheHealth['redis']['status']
  readonly writes: {
    /** Share of `normal` writes that are let through: 0 to 1. */
    readonly admitted: number
    readonly refusal: string | undefined
    readonly refused: number
    readonly withheld: number
  }
  /** Writes that this Redis has not heard of yet; this process does not believe it for those keys. */
  readonly pendingInvalidations: number
  /** Namespaces for which it is not believed at all, because of more such writes than are remembered. */
  readonly disbelievedNamespaces: number
  /** Every node that was looked at: one, or each primary of a cluster, by a number that stays with the node. */
  readonly nodes: Readonly<Record<string, NodeHealth>>
  readonly learned: LearnedLine | undefined
}

/** A node as it was last seen, with what follows from it. */
export type NodeHealth = NodeView

/** The mode of a cache with several Redis is that of the one that fares worst. */
export function worstOf(verdicts: readonly Verdict[]): Verdict {
  let worst: Verdict = { mode: 'normal', reasons: [] }
  for (const verdict of verdicts) {
    if (modes.indexOf(verdict.mode) > modes.indexOf(worst.mode)) worst = verdict
  }
  return worst
}
