import type { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import { leastOf, lookedAt, type RetentionDuel } from './retention.ts'

/** What must be known of an entry to choose one that gives way. */
export interface Evictable {
  readonly expiresAt: number
  readonly hash: number
  /** How often it was asked for since it was put, or last spared; `counted` of them are in the sketch. */
  hits: number
  counted: number
}

type Entries<E extends Evictable> = LRUCache<string, E>

/** Makes one entry give way: the one that the best of the retentions would. */
export function evict<E extends Evictable>(entries: Entries<E>, duel: RetentionDuel, clock: Clock): void {
  if (duel.best === 'recency') evictOldest(entries, duel)
  else if (duel.best === 'hits') evictUnhit(entries, duel, clock.now())
  else evictLeastFrequent(entries, duel, clock.now())
}

function evictOldest<E extends Evictable>(entries: Entries<E>, duel: RetentionDuel): void {
  const entry = entries.pop()
  if (entry !== undefined) count(entry, duel)
}

function evictUnhit<E extends Evictable>(entries: Entries<E>, duel: RetentionDuel, now: number): void {
  for (const [key, entry] of oldestOf(entries)) {
    if (entry.hits === 0 || now >= entry.expiresAt) {
      entries.delete(key)
      return
    }
    count(entry, duel)
    entry.hits >>= 1
    entry.counted = entry.hits
    // To the front of the line.
    entries.get(key)
  }
  evictOldest(entries, duel)
}

function evictLeastFrequent<E extends Evictable>(entries: Entries<E>, duel: RetentionDuel, now: number): void {
  const oldest = oldestOf(entries).map(([key, entry]) => {
    count(entry, duel)
    return { key, frequency: now >= entry.expiresAt ? -1 : duel.sketch.estimate(entry.hash) }
  })
  const least = leastOf(oldest)
  if (least === undefined) return
  for (const { key, frequency } of oldest) if (frequency > least.frequency) entries.get(key)
  entries.delete(least.key)
}

function oldestOf<E extends Evictable>(entries: Entries<E>): [string, E][] {
  const oldest: [string, E][] = []
  for (const [key, entry] of entries.rentries()) {
    if (oldest.push([key as string, entry as E]) === lookedAt) break
  }
  return oldest
}

/** Hits are counted where they happen, and come into the sketch when somebody asks it. */
function count(entry: Evictable, duel: RetentionDuel): void {
  if (entry.hits > entry.counted) duel.sketch.add(entry.hash, entry.hits - entry.counted)
  entry.counted = entry.hits
}

/** A hit of an entry that is in the sample. */
export function noteHit(entry: Evictable, duel: RetentionDuel): void {
  count(entry, duel)
  duel.note(entry.hash)
}

export function noteMiss(hash: number, duel: RetentionDuel): void {
  duel.sketch.add(hash)
  if ((hash & duel.sampleMask) === 0) duel.note(hash)
}
