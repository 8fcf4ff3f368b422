import { commandSeconds, HistogramCounter, loadSeconds, payloadBytes } from '../histogram.ts'

/** What a namespace has done since the start of the process. Plain numbers: snapshots read them, nobody is called. */
export interface Counters {
  localHits: number
  redisHits: number
  /** Of `redisHits`: those that the source is known to have nothing for. */
  negativeHits: number
  /** Reads that a copy of a hot key answered (`copies`), and copies that were made. */
  copyHits: number
  copyFills: number
  /** Answers that were past their `ttl`, within `staleWhileRevalidate` or `staleIfError`. */
  staleHits: number
  /** Gets that found nothing usable and had to wait for the source. */
  misses: number
  /** Of `misses`: those that the source answered, or nobody, for there is no source. */
  missesAnswered: number
  /** Gets that the source answered while Redis could not be asked. */
  bypasses: number
  /** Gets that ended with an error. Those that joined another's end like that one, and are not counted. */
  getErrors: number
  /** Gets that joined one under way. They are in none of the counts of hits, misses and errors. */
  joined: number
  loads: number
  loadsDone: number
  /** Loads without a value, for whatever reason. */
  loadErrors: number
  /** Of `loadErrors`: not within `loadTimeout`. */
  loadTimeouts: number
  /** Of `loadErrors`: not made, because the bulkhead was full or the breaker open. */
  loadsShed: number
  /** Of `loadsShed`: turned away by the full bulkhead. */
  loadsTurnedAway: number
  /** Waits for a load in another process. */
  leaseWaits: number
  earlyRefreshes: number
  /** Bytes in Redis that were no entry of ours, or not one that this release reads. */
  unreadable: number
  /** Gets that Redis could not answer within its deadline. */
  redisTroubles: number
  stores: number
  /** Loaded values that are kept locally only: no lease, Redis refused, too large, or replaced meanwhile. */
  storesSkipped: number
  /** Of `storesSkipped`: writes are held back, or failed for another reason than those below. */
  skippedDegraded: number
  /** The serialized value was too large. */
  skippedOversize: number
  /** The serializer could not express the value. */
  skippedUnserializable: number
  /** Redis is full and refused it. */
  skippedOom: number
  /** Redis is getting full, and this was not among the writes that pass. */
  skippedAdmission: number
  /** Another process loads or has written the key. */
  skippedContended: number
  /** Redis could not be asked. */
  skippedUnreachable: number
  writes: number
  writeErrors: number
  deletes: number
}

/** Why a loaded value did not go to Redis. */
export type SkipReason = 'degraded' | 'oversize' | 'unserializable' | 'oom' | 'admission' | 'contended' | 'unreachable'

const skips = {
  degraded: 'skippedDegraded',
  oversize: 'skippedOversize',
  unserializable: 'skippedUnserializable',
  oom: 'skippedOom',
  admission: 'skippedAdmission',
  contended: 'skippedContended',
  unreachable: 'skippedUnreachable',
} as const satisfies Record<SkipReason, keyof Counters>

export function countSkip(counters: Counters, reason: SkipReason): void {
  counters.storesSkipped += 1
  counters[skips[reason]] += 1
}

/** Distributions that counts cannot tell. */
export interface Observations {
  /** Of gets that left the local tier, and did not join one under way. */
  readonly getSeconds: HistogramCounter
  /** Of loads that were made, whether they succeeded or not. */
  readonly loadSeconds: HistogramCounter
  /** Of entries that Redis took. */
  readonly payloadBytes: HistogramCounter
}

export function createObservations(): Observations {
  return {
    getSeconds: new HistogramCounter(commandSeconds),
    loadSeconds: new HistogramCounter(loadSeconds),
    payloadBytes: new HistogramCounter(payloadBytes),
  }
}

export function createCounters(): Counters {
  return {
    localHits: 0,
    redisHits: 0,
    negativeHits: 0,
    copyHits: 0,
    copyFills: 0,
    staleHits: 0,
    misses: 0,
    missesAnswered: 0,
    bypasses: 0,
    getErrors: 0,
    joined: 0,
    loads: 0,
    loadsDone: 0,
    loadErrors: 0,
    loadTimeouts: 0,
    loadsShed: 0,
    loadsTurnedAway: 0,
    leaseWaits: 0,
    earlyRefreshes: 0,
    unreadable: 0,
    redisTroubles: 0,
    stores: 0,
    storesSkipped: 0,
    skippedDegraded: 0,
    skippedOversize: 0,
    skippedUnserializable: 0,
    skippedOom: 0,
    skippedAdmission: 0,
    skippedContended: 0,
    skippedUnreachable: 0,
    writes: 0,
    writeErrors: 0,
    deletes: 0,
  }
}
