import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { SessionGoneError, SessionsUnavailableError, SessionTooLargeError } from '../errors.ts'
import type { Budget } from '../redis/budget.ts'
import { type ConnectRedisSessions, isOfConnectRedis } from './connect-redis.ts'
import type { Ending } from './ending.ts'
import { assertUser } from './handle.ts'
import type { Handouts, StoredSession } from './handouts.ts'
import type { Replaced, SessionHome } from './home.ts'
import type { Lifetimes } from './lifetimes.ts'
import type { SessionData, SessionRecord } from './record.ts'
import { changedKeys, mergeData, parseData } from './session-data.ts'
import type { Shadows } from './shadows.ts'
import type { SizeGuard } from './size-guard.ts'
import type { SessionCounters } from './statistics.ts'
import { mayHaveBeenMade } from './unavailable.ts'
import type { UserLimit } from './user-limit.ts'

export interface SavingParts {
  readonly home: SessionHome
  readonly connectRedis: ConnectRedisSessions | undefined
  readonly limit: UserLimit
  readonly ending: Ending
  readonly handouts: Handouts
  readonly lifetimes: Lifetimes
  readonly sizes: SizeGuard
  readonly shadows: Shadows | undefined
  readonly counters: SessionCounters
  readonly clock: Clock
  readonly merge: boolean
  readonly userOf: ((data: SessionData) => string | undefined) | undefined
}

/** Which session is saved. */
export interface Target {
  readonly id: string
  readonly handle: string
}

/** What the caller wants kept. */
export interface Wanted {
  readonly data: SessionData
  readonly user: string | undefined
  readonly ttl: number | undefined
}

/** What the caller had read, and what was left of it. */
export interface Held {
  readonly origin: SessionRecord
  readonly expiresAt: number
}

// A save that keeps meeting others' writes over them in the end: each attempt is a whole round.
const mostMerges = 5

/** Stores sessions: new ones, changed ones, and those that are only to live longer. */
export class Saving {
  readonly #parts: SavingParts

  constructor(parts: SavingParts) {
    this.#parts = parts
  }

  /** A new session. `put` stores whatever stood there; `replacing` is a session of the same login that is about to end. */
  async create(
    { handle }: Target,
    { data, user: given, ttl: requested }: Wanted,
    budget: Budget,
    how: 'create' | 'put' = 'create',
    replacing?: string,
  ): Promise<StoredSession> {
    const { home, lifetimes, counters, limit, ending } = this.#parts
    const ttl = lifetimes.requested(requested)
    const user = this.#userOf(given, data, undefined)
    const record = this.#record(this.#serialize(data), user, this.#parts.clock.now())
    this.#assertNotEnded(handle)
    const store = () => this.#counted(home[how](handle, record, ttl, budget))
    try {
      if (!(await limit.store(handle, record, store, budget, replacing))) throw this.#gone()
    } catch (error) {
      // Nobody has been told of it, so it must not live on, nor count among its user's.
      if (mayHaveBeenMade(error)) ending.pending.addSession({ handle, id: undefined, user })
      throw error
    }
    counters.created += 1
    return this.#stored(handle, record, ttl)
  }

  /** A session that the caller has read. Stored only where it is still there; nothing but touched where it is the same. */
  async update(target: Target, { data, user: given, ttl }: Wanted, held: Held, budget: Budget): Promise<StoredSession> {
    const { lifetimes, counters, handouts } = this.#parts
    const { origin } = held
    const requested = lifetimes.requested(ttl)
    const user = this.#userOf(given, data, origin.user)
    const json = this.#serialize(data)
    this.#assertNotEnded(target.handle)
    const base = parseData(origin.json) ?? {}
    // Text first: only where a framework has put the keys into another order is it to be looked at closely.
    const isSame = json === origin.json || changedKeys(base, parseData(json) ?? {}).length === 0
    // Where connect-redis left it nobody wrote down whose it is, and that alone is no change.
    if (isSame && (user === origin.user || isOfConnectRedis(origin))) {
      const expiresAt = await this.touch(target, held, ttl, budget)
      if (expiresAt === undefined) throw this.#gone()
      counters.unchanged += 1
      return handouts.give(parseData(json) ?? {}, origin, expiresAt)
    }
    const record = this.#record(json, user, origin.createdAt)
    if (isOfConnectRedis(origin)) {
      const takenOver = await this.#takeOver(target, record, requested, budget)
      if (takenOver !== undefined) return takenOver
    }
    return await this.#replace(target.handle, record, origin, base, requested, budget)
  }

  /**
   * The new end of a session's life, in milliseconds since the epoch; the old one where it was moved of late, or where
   * Redis cannot be asked. Undefined where it is gone.
   */
  async touch(target: Target, { origin, expiresAt }: Held, ttl: number | undefined, budget: Budget) {
    const { home, connectRedis, lifetimes, counters, clock, ending } = this.#parts
    const requested = lifetimes.requested(ttl)
    const now = clock.now()
    const left = lifetimes.left(requested, origin.createdAt)
    if (ending.hasEnded(target.handle) || left <= 0 || expiresAt <= now) return undefined
    if (!lifetimes.isTouchDue(requested, expiresAt, now + left)) {
      counters.touchesSpared += 1
      return expiresAt
    }
    try {
      const isLeft = isOfConnectRedis(origin) && (await connectRedis?.touch(target.id, left, budget)) === true
      // What connect-redis left may have been taken over meanwhile.
      if (!isLeft && !(await home.touch(target.handle, origin, left, budget))) return undefined
    } catch (error) {
      if (!(error instanceof SessionsUnavailableError)) throw error
      counters.touchesMissed += 1
      return expiresAt
    }
    counters.touched += 1
    return now + left
  }

  /** Replaces what the caller had read; where another has been there meanwhile, what both changed is merged, or the last one wins. */
  async #replace(
    handle: string,
    record: SessionRecord,
    origin: SessionRecord,
    base: SessionData,
    requested: number,
    budget: Budget,
  ): Promise<StoredSession> {
    const { home, lifetimes, counters, limit, merge } = this.#parts
    const ours = parseData(record.json) ?? {}
    let next = record
    let expected: string | undefined = origin.revision
    const usersBefore = new Set([origin.user])
    for (let round = 1; ; round++) {
      const left = lifetimes.left(requested, origin.createdAt)
      if (left <= 0) throw this.#gone()
      let replaced: Replaced = { kind: 'gone' }
      const replace = async (): Promise<boolean> => {
        replaced = await this.#counted(home.replace(handle, next, left, expected, budget))
        return replaced.kind === 'stored'
      }
      const isNewOfUser = !usersBefore.has(next.user)
      if (isNewOfUser ? await limit.store(handle, next, replace, budget) : await replace()) {
        for (const user of usersBefore) {
          if (user !== undefined && user !== next.user) await home.delist(user, handle, budget).catch(() => {})
        }
        counters.replaced += 1
        return this.#stored(handle, next, left)
      }
      const { current } = replaced as { readonly current?: SessionRecord }
      if (current === undefined) {
        // Whoever ended it could not know of the entry under its new user.
        if (isNewOfUser && next.user !== undefined) await home.delist(next.user, handle, budget).catch(() => {})
        throw this.#gone()
      }
      usersBefore.add(current.user)
      if (merge && round <= mostMerges) {
        counters.merged += 1
        const merged = mergeData(base, ours, parseData(current.json) ?? {})
        const user = record.user === origin.user ? current.user : record.user
        next = this.#record(this.#serialize(merged), user, origin.createdAt)
        expected = current.revision
      } else {
        counters.overwritten += 1
        next = record
        expected = undefined
      }
    }
  }

  /** What connect-redis left becomes a session of ours, and the old key goes. Undefined where it is there no more. */
  async #takeOver({ id, handle }: Target, record: SessionRecord, requested: number, budget: Budget) {
    const { home, connectRedis, lifetimes, counters, limit, ending } = this.#parts
    const left = lifetimes.left(requested, record.createdAt)
    // Another request of the same visitor may just have taken it over, or its user may have logged out.
    if (connectRedis === undefined || !(await connectRedis.touch(id, left, budget))) return undefined
    const create = () => this.#counted(home.create(handle, record, left, budget))
    if (!(await limit.store(handle, record, create, budget))) return undefined
    counters.takenOver += 1
    // Ours is read first from now on, so nobody need wait for this.
    await connectRedis.forget(id, budget).catch(() => ending.pending.addTakenOver(id))
    return this.#stored(handle, record, left)
  }

  #stored(handle: string, record: SessionRecord, ttl: number): StoredSession {
    const { shadows, handouts, clock } = this.#parts
    shadows?.keep(handle, { ...record, ttl })
    return handouts.give(parseData(record.json) ?? {}, record, clock.now() + ttl)
  }

  #record(json: string, user: string | undefined, createdAt: number): SessionRecord {
    return { json, user, createdAt, revision: randomBytes(9).toString('base64url') }
  }

  #serialize(data: SessionData): string {
    try {
      return this.#parts.sizes.serialize(data)
    } catch (error) {
      if (error instanceof SessionTooLargeError) this.#parts.counters.tooLarge += 1
      throw error
    }
  }

  #userOf(given: string | undefined, data: SessionData, before: string | undefined): string | undefined {
    const user = given ?? this.#parts.userOf?.(data) ?? before
    if (user !== undefined) assertUser(user)
    return user
  }

  #assertNotEnded(handle: string): void {
    if (this.#parts.ending.hasEnded(handle)) throw this.#gone()
  }

  async #counted<T>(write: Promise<T>): Promise<T> {
    try {
      return await write
    } catch (error) {
      if (error instanceof SessionsUnavailableError && error.reason === 'refused') this.#parts.counters.refused += 1
      throw error
    }
  }

  #gone(): SessionGoneError {
    this.#parts.counters.gone += 1
    return new SessionGoneError()
  }
}
