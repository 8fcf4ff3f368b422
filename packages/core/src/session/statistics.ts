import type { CacheHealth } from '../health.ts'
import type { Counters } from '../read/counters.ts'
import type { CacheStatistics } from '../statistics.ts'

/** What sessions have come to since the start of the process. */
export interface SessionCounters {
  /** Loads that found a session, and those that found none. */
  found: number
  absent: number
  /** Loads that could not tell, by why. */
  unreachable: number
  lost: number
  /** Of `unreachable`: answered from a shadow. */
  shadowed: number
  /** Bytes under a session's key that were no session of ours. Each is a miss. */
  unreadable: number
  created: number
  replaced: number
  /** Saves that changed nothing. */
  unchanged: number
  touched: number
  /** Touches that were not worth a write yet. */
  touchesSpared: number
  /** Touches that Redis did not take: the session ends when it would have. */
  touchesMissed: number
  destroyed: number
  /** Saves of sessions that had been destroyed, or had ended. */
  gone: number
  /** Saves that met another's: merged key by key, or written over it. */
  merged: number
  overwritten: number
  /** Saves that Redis refused, or that were not sent because it would have. */
  refused: number
  tooLarge: number
  tooMany: number
  /** Sessions that gave way to a newer one of their user. */
  pushedOut: number
  /** Sessions that connect-redis had left and that were taken over. */
  takenOver: number
}

export function createSessionCounters(): SessionCounters {
  return {
    ...{ found: 0, absent: 0, unreachable: 0, lost: 0, shadowed: 0, unreadable: 0 },
    ...{ created: 0, replaced: 0, unchanged: 0, touched: 0, touchesSpared: 0, touchesMissed: 0 },
    ...{ destroyed: 0, gone: 0, merged: 0, overwritten: 0, refused: 0, tooLarge: 0, tooMany: 0, pushedOut: 0 },
    takenOver: 0,
  }
}

/** Sessions in the words of a namespace, so that metrics, findings and health need not know of them. */
export function asNamespaceCounters(counters: SessionCounters): Partial<Counters> {
  const { found, absent, unreachable, lost, shadowed, created, replaced, takenOver } = counters
  const stored = created + replaced + takenOver
  return {
    redisHits: found,
    staleHits: shadowed,
    misses: absent,
    missesAnswered: absent,
    getErrors: unreachable - shadowed + lost,
    redisTroubles: unreachable,
    unreadable: counters.unreadable,
    stores: stored,
    writes: stored,
    writeErrors: counters.refused,
    deletes: counters.destroyed,
  }
}

/** See `sessions.health()`. */
export interface SessionsHealth extends CacheHealth {
  readonly sessions: {
    /** Whether sessions can be told from none, and kept. While they cannot, answer 503 where one is needed. */
    readonly trusted: boolean
    readonly reason: 'unreachable' | 'refused' | 'loss' | undefined
    /** Logouts that nobody has acknowledged yet. */
    readonly pendingDestroys: number
    readonly shadow: { readonly entries: number; readonly bytes: number; readonly maxBytes: number } | undefined
  }
}

/** See `sessions.statistics()`. */
export interface SessionsStatistics extends CacheStatistics {
  readonly sessions: Readonly<SessionCounters> & {
    /** Times that Redis was found to have lost data. */
    readonly losses: number
    /** Logouts that were acknowledged later, and those that were given up because there were too many. */
    readonly destroysReplayed: number
    readonly destroysDropped: number
  }
}
