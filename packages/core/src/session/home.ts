import type { Budget } from '../redis/budget.ts'
import type { LivingRecord, SessionRecord } from './record.ts'

/** A session of a user, as the index knows it. */
export interface IndexedSession {
  readonly handle: string
  readonly createdAt: number
}

export type Replaced =
  | { readonly kind: 'stored' }
  /** Destroyed or expired meanwhile. Nothing was stored: a logout stays. */
  | { readonly kind: 'gone' }
  /** Somebody else replaced it since it was read; what stands there now. Nothing was stored. */
  | { readonly kind: 'conflict'; readonly current: LivingRecord }

/**
 * Where sessions live: Redis alone, or a backing database with Redis as its cache. Every method resolves only when the
 * home has acknowledged, and rejects with SessionsUnavailableError where it cannot tell or was not able to: absence is
 * an answer, trouble never is. `handle` is the hash of a session id: whoever can read the home cannot log in with it.
 * `budget` is what the caller may still wait for Redis, over all that one call asks of the home.
 */
export interface SessionHome {
  load(handle: string, budget: Budget): Promise<LivingRecord | undefined>
  /** False where the handle is taken, or was destroyed a moment ago. Created again with the same revision it is true. */
  create(handle: string, record: SessionRecord, ttl: number, budget: Budget): Promise<boolean>
  /** With `expected` only that revision is replaced; without it whatever stands there. `user` may change. */
  replace(
    handle: string,
    record: SessionRecord,
    ttl: number,
    expected: string | undefined,
    budget: Budget,
  ): Promise<Replaced>
  /** Stores whatever stood there before, unless the handle was destroyed a moment ago: false. */
  put(handle: string, record: SessionRecord, ttl: number, budget: Budget): Promise<boolean>
  /** Moves the end of its life; works where Redis is full. False where it is gone. */
  touch(handle: string, record: SessionRecord, ttl: number, budget: Budget): Promise<boolean>
  /** Ends it and keeps what is under way from bringing it back. False where there was none. */
  destroy(handle: string, user: string | undefined, budget: Budget): Promise<boolean>

  /**
   * When to call `enlist`. `before` the session is stored: it is noted in an index, which no session may escape. `after`:
   * sessions are their own index (rows with a user), and one that is not stored yet would not be counted by others.
   * Either way the last of several logins at once is answered all of them, and can put out what is too many.
   */
  readonly enlists: 'before' | 'after'
  /** Notes a session under its user. Answers the user's sessions of the index, oldest first, this one among them. */
  enlist(
    user: string,
    handle: string,
    createdAt: number,
    ttl: number,
    budget: Budget,
  ): Promise<readonly IndexedSession[]>
  /** Takes back what `enlist` noted, for a session that was not stored or has another user now. Nothing to do where sessions are their own index. */
  delist(user: string, handle: string, budget: Budget): Promise<void>
  /** The living sessions of a user, oldest first; entries whose session is gone are taken out on the way. */
  ofUser(user: string, budget: Budget): Promise<readonly IndexedSession[]>
  /** Ends all sessions of a user but one; answers how many. What was not acknowledged rejects, is remembered and replayed. */
  destroyUser(user: string, except: string | undefined, budget: Budget): Promise<number>

  /** Living sessions in small steps that never block Redis. */
  count(): Promise<number>
  all(): AsyncIterable<readonly { readonly handle: string; readonly record: LivingRecord }[]>
  clear(): Promise<number>
  close(): Promise<void>
}
