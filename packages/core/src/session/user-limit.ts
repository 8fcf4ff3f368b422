import { type Clock, sleep } from '../clock.ts'
import { SessionGoneError, SessionsUnavailableError, TooManySessionsError } from '../errors.ts'
import type { Budget } from '../redis/budget.ts'
import type { IndexedSession, SessionHome } from './home.ts'
import type { PendingDestroys } from './pending-destroys.ts'
import type { SessionRecord } from './record.ts'
import type { SessionCounters } from './statistics.ts'
import { mayHaveBeenMade } from './unavailable.ts'

// In milliseconds: those who leave need a moment, and 200 ms in all is no longer than Redis may take.
const mostLooks = 10
const betweenLooks = 20

export interface UserLimitParts {
  readonly home: SessionHome
  readonly pending: PendingDestroys
  readonly counters: SessionCounters
  readonly clock: Clock
  readonly absoluteTimeout: number
  readonly limit: number | undefined
  readonly whenTooMany: 'oldest-out' | 'refuse'
}

/**
 * Stores sessions of a user so that none escapes the user's index, and no more live than are allowed. Index and session
 * stand in different slots, so it goes by order: the entry, the session, and then a look at all entries. Of logins at
 * once, whoever looks last sees all that have been stored, and ends those too many; whoever was ended before its session
 * was stored finds its entry gone, and ends itself.
 */
export class UserLimit {
  readonly #parts: UserLimitParts

  constructor(parts: UserLimitParts) {
    this.#parts = parts
  }

  /**
   * `store` answers whether the session was stored. `replacing` is a session of the same login that is about to end.
   *
   * @throws TooManySessionsError, SessionGoneError where a newer login has pushed this one out, SessionsUnavailableError
   */
  async store(
    handle: string,
    record: SessionRecord,
    store: () => Promise<boolean>,
    budget: Budget,
    replacing?: string,
  ): Promise<boolean> {
    const { home, absoluteTimeout, limit, whenTooMany } = this.#parts
    const { user, createdAt } = record
    if (user === undefined) return await store()
    if (home.enlists === 'before') {
      const listed = await home.enlist(user, handle, createdAt, absoluteTimeout, budget)
      let begun = false
      try {
        if (whenTooMany === 'refuse') await this.#claimPlace(user, handle, replacing, listed, budget)
        begun = true
        if (!(await store())) return false
      } catch (error) {
        // What may have been stored keeps its entry.
        if (!begun || !mayHaveBeenMade(error)) await home.delist(user, handle, budget).catch(() => {})
        throw error
      }
    } else {
      // One that its visitor has already, with a cart in it, must not be stored for this user and then leave again.
      if (limit !== undefined && whenTooMany === 'refuse') {
        await this.#claimPlace(user, handle, replacing, await home.ofUser(user, budget), budget)
      }
      if (!(await store())) return false
    }
    if (limit === undefined) return true
    if (whenTooMany === 'oldest-out') await this.#pushOut(limit, user, handle, replacing, budget)
    else if (home.enlists === 'after') await this.#leaveAgain(limit, user, handle, replacing, budget)
    return true
  }

  /** Before the session is stored: whether it is among those that may live. */
  async #claimPlace(
    user: string,
    handle: string,
    replacing: string | undefined,
    listed: readonly IndexedSession[],
    budget: Budget,
  ): Promise<void> {
    // Some of those before it may have ended by themselves; that is looked at only where it matters.
    if (!this.#isTooLate(listed, handle, replacing)) return
    if (!this.#isTooLate(await this.#parts.home.ofUser(user, budget), handle, replacing)) return
    throw this.#tooMany()
  }

  /**
   * After the session was stored, where that is what lists it: the last of those too many leave again. One of the first
   * stays when it has seen that they have left, for others may have been let in before a slow clock's login was stored.
   */
  async #leaveAgain(
    limit: number,
    user: string,
    handle: string,
    replacing: string | undefined,
    budget: Budget,
  ): Promise<void> {
    const { home, pending, clock } = this.#parts
    try {
      for (let look = 1; look <= mostLooks; look++) {
        const living = (await home.ofUser(user, budget)).filter((one) => one.handle !== replacing)
        if (living.length <= limit) return
        if (this.#isTooLate(living, handle, replacing)) break
        await sleep(clock, betweenLooks)
      }
      await home.destroy(handle, user, budget)
    } catch (error) {
      if (error instanceof SessionsUnavailableError) pending.addSession({ handle, id: undefined, user })
      throw error
    }
    throw this.#tooMany()
  }

  #isTooLate(list: readonly IndexedSession[], handle: string, replacing: string | undefined): boolean {
    const { limit } = this.#parts
    const others = list.filter((one) => one.handle !== replacing)
    const place = others.findIndex((one) => one.handle === handle)
    return limit !== undefined && (place < 0 ? others.length : place) >= limit
  }

  #tooMany(): TooManySessionsError {
    this.#parts.counters.tooMany += 1
    return new TooManySessionsError(this.#parts.limit ?? 0)
  }

  async #pushOut(
    limit: number,
    user: string,
    handle: string,
    replacing: string | undefined,
    budget: Budget,
  ): Promise<void> {
    const { home, pending, counters } = this.#parts
    try {
      const living = (await home.ofUser(user, budget)).filter((one) => one.handle !== replacing)
      const ending = living.slice(0, Math.max(0, living.length - limit)).map((one) => one.handle)
      if (!living.some((one) => one.handle === handle)) ending.push(handle)
      await Promise.all(ending.map((one) => home.destroy(one, user, budget)))
      counters.pushedOut += ending.length
      if (ending.includes(handle)) throw new SessionGoneError()
    } catch (error) {
      // How many live is not known now. The one that its user was not told of must not be one too many.
      if (error instanceof SessionsUnavailableError) pending.addSession({ handle, id: undefined, user })
      throw error
    }
  }
}
