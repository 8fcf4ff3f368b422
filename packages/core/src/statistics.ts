import type { Histogram } from './histogram.ts'
import type { ServerTotals } from './pressure/trend.ts'
import type { AheadCounts, RefreshCounts, RefreshTimes } from './read/ahead-counts.ts'
import type { Counters } from './read/counters.ts'
import type { CommandStatistics } from './redis/command-counts.ts'
import type { DropCounts, UpdateCounts } from './write/change-counts.ts'
import type { BehindStatistics } from './write-behind/tallies.ts'

/** All that a cache has counted since it was created; see `cache.statistics()`. Rates and shares are the reader's to make. */
export interface CacheStatistics {
  readonly namespaces: Readonly<Record<string, NamespaceStatistics>>
  /** Each Redis: `main` is the cache's, others are named by the namespace that they belong to. */
  readonly targets: Readonly<Record<string, TargetStatistics>>
}

export interface NamespaceStatistics {
  readonly target: string | undefined
  readonly counters: Counters
  /** Seconds of gets that were not answered by the local tier, and did not join one under way. */
  readonly getSeconds: Histogram
  /** Seconds of loads that were made, whether they succeeded or not. */
  readonly loadSeconds: Histogram
  /** Bytes of entries stored in Redis. */
  readonly payloadBytes: Histogram
  /** Undefined where it has no local tier. */
  readonly local:
    | {
        readonly entries: number
        readonly bytes: number
        /** Entries that gave way because the tier was full. */
        readonly evictions: number
        /**
         * Entries that were not believed any more: another process wrote the key, its word may have been missed, or Redis
         * told that something happened to the key there (`invalidation: 'tracking'`), which the next read asks about.
         */
        readonly invalidations: Readonly<Record<'written-elsewhere' | 'doubt' | 'touched-in-redis', number>>
      }
    | undefined
  /** Undefined where it writes through. */
  readonly behind?: BehindStatistics | undefined
  /** Keys that `warm` has seen to. */
  readonly warming?: Readonly<AheadCounts> | undefined
  /**
   * What `refreshEvery` has done in this process. `leads`: whether it does so now; undefined where nobody asked for it.
   * `latest`: of what is asked for now, that which is the most overdue.
   */
  readonly refreshing?:
    | (Readonly<RefreshCounts> & { readonly leads: boolean | undefined; readonly latest: RefreshTimes | undefined })
    | undefined
  readonly updates?: Readonly<UpdateCounts> | undefined
  readonly drops?: Readonly<DropCounts> | undefined
  /** Keys that this process wrote and that were gone from Redis before their time, by the likely cause. */
  readonly earlyExpirations?: Readonly<Record<'eviction' | 'restart' | 'flush' | 'unknown', number>> | undefined
}

export interface TargetStatistics extends CommandStatistics {
  readonly refusedWrites: number
  readonly withheldWrites: number
  /** Values of which Redis told that they were written, evicted or expired, by whomever; 0 without `invalidation: 'tracking'`. */
  readonly notifications: number
  /** Looks of the probe, by what came of them. */
  readonly looks: Readonly<Record<'ok' | 'denied' | 'failed', number>>
  readonly lookSeconds: Histogram
  readonly restarts: Readonly<Record<'kept' | 'lost', number>>
  readonly secondsInMode: Readonly<Record<string, number>>
  /** Counters of the servers, added up over their restarts; undefined where they were never told. */
  readonly nodes: Readonly<Record<string, ServerTotals>>
}

export type { ServerTotals } from './pressure/trend.ts'
