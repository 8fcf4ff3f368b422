import { z } from 'zod'
import type { Cache } from '../cache.ts'
import type { Clock } from '../clock.ts'
import type { Namespace } from '../namespace.ts'
import type { Budget } from '../redis/budget.ts'
import type { BackedSession, SessionBacking } from './backing.ts'
import { backingDeadline, backingLimits } from './guarded-backing.ts'

/** The longest that Redis keeps a copy: what bounds every staleness that nobody could notice. */
export const cacheFor = 300_000
// Another process that loads or writes the same session and then dies or hangs must not hold up requests.
const longestWait = 100

const copySchema = z.object({
  json: z.string(),
  user: z.string().nullable(),
  createdAt: z.number(),
  expiresAt: z.number(),
  revision: z.string(),
  /** When this was known to be so, in milliseconds since the epoch: before the backing was asked, or told. */
  asOf: z.number(),
})

type SessionCopy = z.infer<typeof copySchema>

const notSaved = new Error('the backing did not save')

/**
 * The copies of backed sessions in Redis. Intents and leases keep a slow reader from putting back what was replaced or
 * deleted meanwhile, and a session whose change did not reach Redis is read from the backing until it has. What is left
 * is bounded by `cacheFor`: a process killed between the backing and Redis leaves the older copy there, and the failover
 * of one shard of a cluster to a replica that lagged behind is not noticed.
 */
export class SessionCopies {
  readonly #namespace: Namespace<SessionCopy>
  readonly #clock: Clock
  readonly #saves = new WeakMap<SessionCopy, () => Promise<boolean>>()
  #reconnects = 0
  #believedFrom = 0

  constructor(cache: Cache, backing: SessionBacking, clock: Clock) {
    this.#clock = clock
    this.#namespace = cache.namespace({
      name: 'session',
      schema: copySchema,
      ttl: cacheFor,
      // A session made a moment later by another process must be seen.
      negativeTtl: 0,
      staleIfError: 0,
      staleWhileRevalidate: 0,
      local: false,
      lease: { wait: longestWait },
      // Spares the escaping of JSON inside JSON.
      serializer: 'msgpack',
      compression: { threshold: 1_024 },
      loadTimeout: backingDeadline,
      source: backingLimits,
      load: async (handle, context) => {
        const asOf = clock.now()
        const session = await backing.load(handle)
        if (session === undefined) return undefined
        context.ttl(Math.max(1, Math.min(cacheFor, session.expiresAt - clock.now())))
        return copyOf(session, asOf)
      },
      save: async (_handle, copy) => {
        if (!(await this.#saves.get(copy)?.())) throw notSaved
      },
    })
  }

  /**
   * The session from Redis or the backing. `doubtful`: only the backing can tell.
   *
   * @throws what the backing rejects with, and what its guard does
   */
  async read(handle: string): Promise<BackedSession | 'doubtful' | undefined> {
    // Another process may have ended the session since a read that is still under way saw it.
    const copy = await this.#namespace.getAnew(handle)
    if (copy === undefined) return undefined
    // One that has ended may have been touched since, by a process that could not reach Redis.
    if (copy.asOf >= this.#believableFrom() && copy.expiresAt > this.#clock.now()) return sessionOf(copy)
    void this.forget(handle)
    return 'doubtful'
  }

  /** `save` tells the backing; false where that stored nothing, and then Redis has nothing either. */
  async write(handle: string, session: BackedSession, save: () => Promise<boolean>, budget: Budget): Promise<boolean> {
    const copy = copyOf(session, this.#clock.now())
    this.#saves.set(copy, save)
    try {
      await this.#namespace.setWithin(budget, handle, copy)
      return true
    } catch (error) {
      if (error === notSaved) return false
      throw error
    } finally {
      this.#catchUp(budget)
    }
  }

  /** Resolves when Redis has nothing of the session, or is not believed until it has not. */
  async forget(handle: string, budget?: Budget): Promise<void> {
    const forgotten =
      budget === undefined ? this.#namespace.delete(handle) : this.#namespace.deleteWithin(budget, handle)
    // Only a closed cache rejects.
    await forgotten.catch(() => {})
    if (budget !== undefined) this.#catchUp(budget)
  }

  /** What a call had no time left to tell Redis others must learn nevertheless, and now rather than by and by. */
  #catchUp({ left }: Budget): void {
    if (left <= 0) this.#namespace.link?.pending.replayNow()
  }

  /**
   * A Redis that was away may come back with older data: a snapshot, or a replica that lagged behind. What was copied
   * before this process saw it again is not believed.
   */
  #believableFrom(): number {
    const reconnects = this.#namespace.link?.commands.reconnects ?? 0
    if (reconnects !== this.#reconnects) {
      this.#reconnects = reconnects
      this.#believedFrom = this.#clock.now()
    }
    return this.#believedFrom
  }
}

function copyOf({ json, user, createdAt, expiresAt, revision }: BackedSession, asOf: number): SessionCopy {
  return { json, user: user ?? null, createdAt, expiresAt, revision, asOf }
}

function sessionOf({ json, user, createdAt, expiresAt, revision }: SessionCopy): BackedSession {
  return { json, user: user ?? undefined, createdAt, expiresAt, revision }
}
