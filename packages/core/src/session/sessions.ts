import type { Cache, CacheEvents } from '../cache.ts'
import { CacheClosedError, InvalidArgumentError, SessionGoneError, SessionsUnavailableError } from '../errors.ts'
import type { Budget } from '../redis/budget.ts'
import type { ConnectRedisSessions } from './connect-redis.ts'
import type { Ending } from './ending.ts'
import { assertHandle, assertSessionId, assertUser, handleOf, isSessionId } from './handle.ts'
import type { Handouts, StoredSession } from './handouts.ts'
import type { IndexedSession, SessionHome } from './home.ts'
import type { Lifetimes } from './lifetimes.ts'
import type { LossGrace } from './loss.ts'
import type { LivingRecord, SessionData } from './record.ts'
import type { Saving, Target } from './saving.ts'
import type { Shadows } from './shadows.ts'
import type { SessionCounters, SessionsHealth, SessionsStatistics } from './statistics.ts'

/** A session of a user, as listings show it. */
export type UserSession = IndexedSession

export interface SaveOptions {
  /** What `load`, `save` or `touch` answered. Without it the session is a new one. */
  from?: StoredSession | undefined
  /** Whose session it is from now on. Default what `userOf` tells, or whose it was. */
  user?: string | undefined
  /** Milliseconds, such as a cookie's maxAge. Default `idleTimeout`. */
  ttl?: number | undefined
}

/** @internal */
export interface SessionsParts {
  readonly cache: Cache
  readonly home: SessionHome
  readonly connectRedis: ConnectRedisSessions | undefined
  readonly saving: Saving
  readonly ending: Ending
  readonly handouts: Handouts
  readonly lifetimes: Lifetimes
  readonly counters: SessionCounters
  readonly loss: LossGrace
  readonly shadows: Shadows | undefined
  /** What one call may wait for Redis. */
  budget(): Budget
  /** Whether shadows may be believed: other processes are heard, or nobody can be. */
  hearsOthers(): boolean
  /** Why sessions cannot be told or kept now, as far as the connection tells. */
  trouble(): 'unreachable' | 'refused' | undefined
}

/** Sessions of a service, for any framework. Made by `createSessions`. */
export class Sessions {
  readonly name: string
  readonly #parts: SessionsParts
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(parts: SessionsParts) {
    this.name = parts.cache.name
    this.#parts = parts
  }

  /**
   * The session of an id. Undefined where there is none, and never because of trouble: a wrong "none" would log its user
   * out. With `shadow: false` no shadow is served, for what must not be shown to somebody who has logged out elsewhere.
   *
   * @throws SessionsUnavailableError, CacheClosedError
   */
  async load(id: string, { shadow = true }: { shadow?: boolean } = {}): Promise<StoredSession | undefined> {
    this.#assertOpen()
    if (!isSessionId(id)) return undefined
    const { counters, shadows } = this.#parts
    const handle = handleOf(id)
    if (this.#parts.ending.hasEnded(handle)) return undefined
    let record: LivingRecord | undefined
    try {
      record = await this.#find({ id, handle }, this.#parts.budget())
    } catch (error) {
      if (!(error instanceof SessionsUnavailableError)) throw error
      counters[error.reason === 'loss' ? 'lost' : 'unreachable'] += 1
      const found = shadow && error.reason === 'unreachable' ? this.#shadowOf(handle) : undefined
      if (found === undefined) throw error
      counters.shadowed += 1
      return found
    }
    const session = record && this.#open(handle, record)
    counters[session === undefined ? 'absent' : 'found'] += 1
    if (record !== undefined && session !== undefined) shadows?.keep(handle, record)
    else shadows?.forget(handle)
    return session
  }

  /**
   * Stores a session; resolves once that is acknowledged. With `from` only where it is still there, and content that has
   * not changed is only a touch. Without it as a new one.
   *
   * @throws SessionsUnavailableError, SessionGoneError, SessionTooLargeError, TooManySessionsError, InvalidArgumentError,
   * CacheClosedError
   */
  async save(id: string, data: SessionData, { from, user, ttl }: SaveOptions = {}): Promise<StoredSession> {
    const target = this.#target(id)
    const { saving, handouts, budget } = this.#parts
    if (from === undefined) return await saving.create(target, { data, user, ttl }, budget())
    const held = { origin: handouts.originOf(from), expiresAt: from.expiresAt }
    if (from.readOnly) throw new SessionsUnavailableError('unreachable', 1)
    const allowed = budget()
    try {
      return await saving.update(target, { data, user, ttl }, held, allowed)
    } catch (error) {
      throw error instanceof SessionGoneError ? await this.#goneOrLost(target, allowed) : error
    }
  }

  /**
   * Stores a session whatever stood there, for those who cannot say what they had loaded.
   *
   * @throws as `save`; SessionGoneError where it was destroyed a moment ago
   */
  async put(id: string, data: SessionData, { user, ttl }: Omit<SaveOptions, 'from'> = {}): Promise<StoredSession> {
    const target = this.#target(id)
    const { saving, handouts } = this.#parts
    const budget = this.#parts.budget()
    const record = await this.#find(target, budget).catch((error: unknown) => {
      // What was lost may be stored anew.
      if (error instanceof SessionsUnavailableError && error.reason === 'loss') return undefined
      throw error
    })
    const current = record && this.#open(target.handle, record)
    if (current === undefined) return await saving.create(target, { data, user, ttl }, budget, 'put')
    const held = { origin: handouts.originOf(current), expiresAt: current.expiresAt }
    return await saving.update(target, { data, user, ttl }, held, budget)
  }

  /**
   * Moves the end of a session's life, at most once in `touchAfter` and never past its cap; most calls send nothing.
   * Undefined where it is gone. Where Redis cannot be asked the session ends when it would have.
   *
   * @throws InvalidArgumentError, CacheClosedError
   */
  async touch(id: string, from: StoredSession, ttl?: number): Promise<StoredSession | undefined> {
    const target = this.#target(id)
    const { saving, handouts, budget } = this.#parts
    const origin = handouts.originOf(from)
    if (from.readOnly) return from
    const expiresAt = await saving.touch(target, { origin, expiresAt: from.expiresAt }, ttl, budget())
    return expiresAt === undefined ? undefined : handouts.give(from.data, origin, expiresAt)
  }

  /**
   * Ends a session. Where nobody acknowledges that it throws, and goes on trying; meanwhile this process answers that
   * there is no such session.
   *
   * @throws SessionsUnavailableError, InvalidArgumentError, CacheClosedError
   */
  async destroy(id: string): Promise<void> {
    await this.#parts.ending.end({ ...this.#target(id), user: undefined })
  }

  /**
   * Gives a session a new id, as a login must. The new one is stored first and then the old one destroyed; where that
   * fails the new one is taken back and it throws. So no old id stays alive unnoticed. With `from` and without `user` it is
   * no login, and like a save it brings nothing back that has ended meanwhile.
   *
   * @throws as `save`
   */
  async regenerate(
    oldId: string,
    newId: string,
    data: SessionData,
    { from, user, ttl }: SaveOptions = {},
  ): Promise<StoredSession> {
    const [before, after] = [this.#target(oldId), this.#target(newId)]
    if (oldId === newId) throw new InvalidArgumentError('newId', 'expected another id than the old one')
    const { saving, ending, handouts } = this.#parts
    const budget = this.#parts.budget()
    const origin = from && handouts.originOf(from)
    const isLogin = origin === undefined || user !== undefined
    if (!isLogin && ending.hasEndedWithUser(before.handle, origin)) throw new SessionGoneError()
    const wanted = { data, user: user ?? origin?.user, ttl }
    const stored = await saving.create(after, wanted, budget, 'create', before.handle)
    try {
      const wasThere = await ending.endNow({ ...before, user: undefined }, budget)
      // Whoever has ended all sessions of the user until now may not have seen the new one.
      if (!isLogin && !wasThere) throw await this.#goneOrLost(before, budget)
    } catch (error) {
      ending.endUnawaited({ ...after, user: stored.user })
      throw error
    }
    return stored
  }

  /** The living sessions of a user, oldest first. @throws SessionsUnavailableError */
  async ofUser(user: string): Promise<readonly UserSession[]> {
    this.#assertOpen()
    assertUser(user)
    return await this.#parts.home.ofUser(user, this.#parts.budget())
  }

  /** Ends a session by what listings call it: "log out that other device". @throws SessionsUnavailableError */
  async destroyHandle(handle: string): Promise<void> {
    this.#assertOpen()
    assertHandle(handle)
    await this.#parts.ending.end({ handle, id: undefined, user: undefined })
  }

  /**
   * Ends all sessions of a user but one, named by its id; answers how many. Not acknowledged, it throws and goes on
   * trying as `destroy` does.
   *
   * @throws SessionsUnavailableError
   */
  async logoutEverywhere(user: string, { except }: { except?: string | undefined } = {}): Promise<number> {
    this.#assertOpen()
    assertUser(user)
    return await this.#parts.ending.endUser(user, except === undefined ? undefined : this.handleOf(except))
  }

  /** How many sessions live, counted in small steps that never block Redis. @throws SessionsUnavailableError */
  async count(): Promise<number> {
    this.#assertOpen()
    return await this.#parts.home.count()
  }

  /** All living sessions, in small steps that never block Redis. @throws SessionsUnavailableError */
  async *all(): AsyncGenerator<StoredSession> {
    this.#assertOpen()
    for await (const page of this.#parts.home.all()) {
      for (const { handle, record } of page) {
        const session = this.#open(handle, record)
        if (session !== undefined) yield session
      }
    }
  }

  /** Ends all sessions of everybody; answers how many. @throws SessionsUnavailableError */
  async clear(): Promise<number> {
    this.#assertOpen()
    this.#parts.shadows?.clear()
    return await this.#parts.home.clear()
  }

  /** What listings call the session of an id; safe to show to its user. @throws InvalidArgumentError */
  handleOf(id: string): string {
    assertSessionId(id)
    return handleOf(id)
  }

  /** What is known of the sessions and of their Redis. Synchronous: nothing is asked. */
  health(): SessionsHealth {
    const { cache, shadows, loss, ending, trouble } = this.#parts
    const reason = trouble() ?? (loss.left > 0 ? 'loss' : undefined)
    return {
      ...cache.health(),
      sessions: {
        trusted: reason === undefined,
        reason,
        pendingDestroys: ending.pending.size,
        shadow: shadows && { entries: shadows.size, bytes: shadows.bytes, maxBytes: shadows.maxBytes },
      },
    }
  }

  /** What has been counted since the start. Synchronous: nothing is asked. */
  statistics(): SessionsStatistics {
    const { cache, counters, loss, ending } = this.#parts
    const { replayed, dropped } = ending.pending
    return {
      ...cache.statistics(),
      sessions: { ...counters, losses: loss.losses, destroysReplayed: replayed, destroysDropped: dropped },
    }
  }

  on<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): this {
    this.#parts.cache.on(event, listener)
    return this
  }

  off<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): this {
    this.#parts.cache.off(event, listener)
    return this
  }

  /** Ends it: logouts that nobody has acknowledged are tried once more, connections are closed, nothing is left behind. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { ending, home, shadows, cache } = this.#parts
    await ending.pending.lastAttempt()
    ending.pending.close()
    await home.close()
    shadows?.clear()
    await cache.close()
  }

  /** @throws CacheClosedError, InvalidArgumentError */
  #target(id: string): Target {
    this.#assertOpen()
    assertSessionId(id)
    return { id, handle: handleOf(id) }
  }

  async #find({ id, handle }: Target, budget: Budget): Promise<LivingRecord | undefined> {
    const { home, connectRedis } = this.#parts
    if (connectRedis === undefined) return await home.load(handle, budget)
    try {
      return (await home.load(handle, budget)) ?? (await connectRedis.load(id, budget))
    } catch (error) {
      // Lost here, it may still be where connect-redis left it.
      const isLoss = error instanceof SessionsUnavailableError && error.reason === 'loss'
      const left = isLoss ? await connectRedis.load(id, budget) : undefined
      if (left === undefined) throw error
      return left
    }
  }

  /** Nobody need have ended what a Redis that came back empty does not have: to look for it tells the two apart. */
  async #goneOrLost(target: Target, budget: Budget): Promise<Error> {
    try {
      if (!this.#parts.ending.hasEnded(target.handle)) await this.#find(target, budget)
    } catch (error) {
      if (error instanceof SessionsUnavailableError) return error
      throw error
    }
    return new SessionGoneError()
  }

  #open(handle: string, record: LivingRecord, readOnly = false): StoredSession | undefined {
    const { lifetimes, ending, handouts, counters } = this.#parts
    if (lifetimes.hasEnded(record.createdAt) || ending.hasEndedWithUser(handle, record)) return undefined
    const session = handouts.open(record, readOnly)
    if (session === undefined) counters.unreadable += 1
    return session
  }

  #shadowOf(handle: string): StoredSession | undefined {
    const record = this.#parts.hearsOthers() ? this.#parts.shadows?.find(handle) : undefined
    return record && this.#open(handle, record, true)
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new CacheClosedError()
  }
}
