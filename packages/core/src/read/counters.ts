/** What a namespace has done since the start of the process. Plain numbers: snapshots read them, nobody is called. */
export interface Counters {
  localHits: number
  redisHits: number
  /** Answers that were past their `ttl`, within `staleWhileRevalidate` or `staleIfError`. */
  staleHits: number
  /** Gets that found nothing usable and had to wait for the source. */
  misses: number
  loads: number
  loadErrors: number
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
  writes: number
  writeErrors: number
  deletes: number
}

export function createCounters(): Counters {
  return {
    localHits: 0,
    redisHits: 0,
    staleHits: 0,
    misses: 0,
    loads: 0,
    loadErrors: 0,
    leaseWaits: 0,
    earlyRefreshes: 0,
    unreadable: 0,
    redisTroubles: 0,
    stores: 0,
    storesSkipped: 0,
    writes: 0,
    writeErrors: 0,
    deletes: 0,
  }
}
