import type { Clock } from '../clock.ts'
import { SessionsUnavailableError } from '../errors.ts'
import type { Budget } from '../redis/budget.ts'
import type { ConnectRedisSessions } from './connect-redis.ts'
import type { SessionHome } from './home.ts'
import { type PendingDestroy, PendingDestroys } from './pending-destroys.ts'
import type { SessionRecord } from './record.ts'
import type { Shadows } from './shadows.ts'
import type { SessionCounters } from './statistics.ts'

export interface EndingParts {
  readonly home: SessionHome
  readonly connectRedis: ConnectRedisSessions | undefined
  readonly shadows: Shadows | undefined
  readonly counters: SessionCounters
  readonly clock: Clock
  budget(): Budget
}

/** What is to be ended. The id is known where its user logs out, and only needed for what connect-redis left. */
export interface Ended {
  readonly handle: string
  readonly id: string | undefined
  readonly user: string | undefined
}

/** Ends sessions. What nobody acknowledges is refused here from then on, and tried again until somebody does. */
export class Ending {
  readonly pending: PendingDestroys
  readonly #parts: EndingParts

  constructor(parts: EndingParts) {
    this.#parts = parts
    this.pending = new PendingDestroys(parts.clock, (pending) => this.#replay(pending))
  }

  /** Whether it was to be ended, as far as its handle tells. */
  hasEnded(handle: string): boolean {
    return this.pending.hasSession(handle)
  }

  /** Whether it was to be ended with the others of its user. */
  hasEndedWithUser(handle: string, { user, createdAt }: SessionRecord): boolean {
    return this.pending.endsSession(handle, user, createdAt)
  }

  /** @throws SessionsUnavailableError, and goes on trying */
  async end(ended: Ended): Promise<void> {
    try {
      await this.endNow(ended, this.#parts.budget())
    } catch (error) {
      if (error instanceof SessionsUnavailableError) this.pending.addSession(ended)
      throw error
    }
    this.pending.forgetSession(ended.handle)
  }

  /** For a caller who has waited long enough: it counts as ended at once. */
  endUnawaited(ended: Ended): void {
    this.pending.addSession(ended)
    void this.end(ended).catch(() => {})
  }

  /** Answers whether there was one. @throws SessionsUnavailableError, and leaves it at that */
  async endNow({ handle, id, user }: Ended, budget: Budget): Promise<boolean> {
    const { home, connectRedis, shadows, counters } = this.#parts
    shadows?.forget(handle)
    let wasLeft = false
    let wasThere = false
    try {
      // First: while that is there, it would be taken for a session as soon as ours is gone.
      if (id !== undefined) wasLeft = (await connectRedis?.forget(id, budget)) === true
    } finally {
      // A database is well where Redis is not.
      wasThere = await home.destroy(handle, user, budget)
    }
    counters.destroyed += 1
    return wasLeft || wasThere
  }

  /** @throws SessionsUnavailableError, and goes on trying */
  async endUser(user: string, except: string | undefined): Promise<number> {
    const { home, shadows, counters, clock } = this.#parts
    const before = clock.now()
    // Whose shadows they are shows only when they are read.
    shadows?.clear()
    try {
      const ended = await home.destroyUser(user, except, this.#parts.budget())
      counters.destroyed += ended
      return ended
    } catch (error) {
      if (error instanceof SessionsUnavailableError) this.pending.addUser(user, except, before)
      throw error
    }
  }

  async #replay(pending: PendingDestroy): Promise<void> {
    const { home, connectRedis, budget } = this.#parts
    if (pending.kind === 'session') {
      await this.endNow(pending, budget())
      return
    }
    if (pending.kind === 'takenOver') {
      await connectRedis?.forget(pending.id, budget())
      return
    }
    const { user, except, before } = pending
    for (const { handle, createdAt } of await home.ofUser(user, budget())) {
      if (handle !== except && createdAt <= before) await this.endNow({ handle, id: undefined, user }, budget())
    }
  }
}
