import type { Cache } from '../cache.ts'
import type { Clock, Random } from '../clock.ts'
import type { Logger } from '../options/logger.ts'
import type { Budget } from '../redis/budget.ts'
import type { BackedSession, SessionBacking } from './backing.ts'
import { CleanUp } from './clean-up.ts'
import { GuardedBacking } from './guarded-backing.ts'
import type { IndexedSession, Replaced, SessionHome } from './home.ts'
import type { LivingRecord, SessionRecord } from './record.ts'
import { SessionCopies } from './session-copies.ts'

export interface BackedHomeParts {
  /** On the Redis that caches; undefined where there is none. Closed after the home, by whoever made it. */
  readonly cache: Cache | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

// Each attempt that fails means that another writer's has succeeded.
const mostAttempts = 10
const pageSize = 500
/** Deletions at once, so that clearing leaves the backing room for requests. */
const atOnce = 8

/**
 * Sessions in a database, with Redis as their cache. The database is asked and told first and decides; Redis may die,
 * fill up, come back empty or with older data, and costs its command timeout at most.
 */
export class BackedHome implements SessionHome {
  readonly enlists = 'after'
  readonly #backing: GuardedBacking
  readonly #copies: SessionCopies | undefined
  readonly #cleanUp: CleanUp | undefined
  readonly #clock: Clock

  constructor(backing: SessionBacking, { cache, clock, random, logger }: BackedHomeParts) {
    this.#clock = clock
    this.#backing = new GuardedBacking(backing, clock, logger)
    this.#copies = cache && new SessionCopies(cache, backing, clock)
    const { deleteExpired } = backing
    this.#cleanUp = deleteExpired && new CleanUp(() => deleteExpired.call(backing), clock, random, logger)
  }

  /** Why sessions cannot be told from none now. That Redis is away is no reason. */
  get trouble(): 'unreachable' | undefined {
    return this.#backing.isLeftAlone ? 'unreachable' : undefined
  }

  async load(handle: string, budget: Budget): Promise<LivingRecord | undefined> {
    const started = performance.now()
    const session = await (budget.left > 0 ? this.#read(handle) : this.#standing(handle))
    budget.spend(performance.now() - started)
    return session && this.#living(session)
  }

  async create(handle: string, record: SessionRecord, ttl: number, budget: Budget): Promise<boolean> {
    if (await this.#save(handle, record, ttl, undefined, budget)) return true
    const standing = await this.#backing.ask((backing) => backing.load(handle))
    return standing?.revision === record.revision
  }

  async replace(
    handle: string,
    record: SessionRecord,
    ttl: number,
    expected: string | undefined,
    budget: Budget,
  ): Promise<Replaced> {
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const replaced = expected ?? (await this.#standing(handle))?.revision
      if (replaced === undefined) return { kind: 'gone' }
      if (await this.#save(handle, record, ttl, replaced, budget)) return { kind: 'stored' }
      if (expected === undefined) continue
      const current = await this.#standing(handle)
      if (current === undefined) return { kind: 'gone' }
      if (current.revision === record.revision) return { kind: 'stored' }
      return { kind: 'conflict', current: this.#living(current) }
    }
    throw this.#backing.trouble(new Error('others kept replacing the session'))
  }

  async put(handle: string, record: SessionRecord, ttl: number, budget: Budget): Promise<boolean> {
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const standing = await this.#standing(handle)
      if (await this.#save(handle, record, ttl, standing?.revision, budget)) return true
      // Neither there nor to be had: the backing keeps the place of a session that was deleted a moment ago.
      if (standing === undefined && (await this.#standing(handle)) === undefined) return false
    }
    throw this.#backing.trouble(new Error('others kept replacing the session'))
  }

  async touch(handle: string, _record: SessionRecord, ttl: number, budget: Budget): Promise<boolean> {
    const expiresAt = this.#clock.now() + ttl
    return await this.#change(handle, budget, async (backing) => {
      if (backing.touch !== undefined) return await backing.touch(handle, expiresAt)
      const standing = await backing.load(handle)
      return standing !== undefined && (await backing.save(handle, { ...standing, expiresAt }, standing.revision))
    })
  }

  async destroy(handle: string, _user: string | undefined, budget: Budget): Promise<boolean> {
    return (await this.#delete(handle, budget)) ?? true
  }

  enlist(user: string): Promise<readonly IndexedSession[]> {
    return this.ofUser(user)
  }

  async delist(): Promise<void> {}

  async ofUser(user: string): Promise<readonly IndexedSession[]> {
    this.#backing.mustHave('ofUser')
    return await this.#backing.ask(async (backing) => (await backing.ofUser?.(user)) ?? [])
  }

  async destroyUser(user: string, except: string | undefined, budget: Budget): Promise<number> {
    this.#backing.mustHave('deleteUser')
    const handles = await this.#backing.ask(async (backing) => (await backing.deleteUser?.(user, except)) ?? [])
    await Promise.all(handles.map((handle) => this.#copies?.forget(handle, budget)))
    return handles.length
  }

  async count(): Promise<number> {
    this.#backing.mustHave('count')
    return await this.#backing.ask(async (backing) => (await backing.count?.()) ?? 0)
  }

  async *all(): AsyncGenerator<readonly { readonly handle: string; readonly record: LivingRecord }[]> {
    let after: string | undefined
    for (;;) {
      const page = await this.#page(after)
      if (page.length > 0) yield page.map((session) => ({ handle: session.handle, record: this.#living(session) }))
      if (page.length < pageSize) return
      after = page.at(-1)?.handle
    }
  }

  async clear(): Promise<number> {
    let all = 0
    for await (const page of this.all()) {
      for (let from = 0; from < page.length; from += atOnce) {
        await Promise.all(page.slice(from, from + atOnce).map(({ handle }) => this.#delete(handle, undefined)))
      }
      all += page.length
    }
    return all
  }

  async close(): Promise<void> {
    this.#cleanUp?.close()
    this.#backing.close()
  }

  async #read(handle: string): Promise<BackedSession | undefined> {
    if (this.#copies === undefined) return await this.#standing(handle)
    let copy: BackedSession | 'doubtful' | undefined
    try {
      copy = await this.#copies.read(handle)
    } catch (error) {
      throw this.#backing.trouble(error)
    }
    return copy === 'doubtful' ? await this.#standing(handle) : copy
  }

  /** What the backing has, whatever Redis says. */
  #standing(handle: string): Promise<BackedSession | undefined> {
    return this.#backing.ask((backing) => backing.load(handle))
  }

  async #save(
    handle: string,
    record: SessionRecord,
    ttl: number,
    expected: string | undefined,
    budget: Budget,
  ): Promise<boolean> {
    const { json, user, createdAt, revision } = record
    const session = { json, user, createdAt, revision, expiresAt: this.#clock.now() + ttl }
    const save = () => this.#askLate(handle, (backing) => backing.save(handle, session, expected))
    return await (this.#copies === undefined ? save() : this.#copies.write(handle, session, save, budget))
  }

  async #delete(handle: string, budget: Budget | undefined): Promise<boolean | undefined> {
    return await this.#change(handle, budget, async (backing) => (await backing.delete(handle)) ?? undefined)
  }

  /** A change after which Redis has nothing of the session, whether it succeeded, failed or nobody knows. */
  async #change<T>(
    handle: string,
    budget: Budget | undefined,
    change: (backing: SessionBacking) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#askLate(handle, change)
    } finally {
      await this.#copies?.forget(handle, budget)
    }
  }

  /** A change that was given up may still be made later, and what was cached meanwhile is then old. */
  async #askLate<T>(handle: string, change: (backing: SessionBacking) => Promise<T>): Promise<T> {
    let givenUp = false
    try {
      return await this.#backing.ask(async (backing) => {
        try {
          return await change(backing)
        } finally {
          if (givenUp) void this.#copies?.forget(handle)
        }
      })
    } finally {
      givenUp = true
    }
  }

  #page(after: string | undefined) {
    this.#backing.mustHave('page')
    return this.#backing.ask(async (backing) => (await backing.page?.(after, pageSize)) ?? [])
  }

  #living({ json, user, createdAt, expiresAt, revision }: BackedSession): LivingRecord {
    return { json, user, createdAt, revision, ttl: expiresAt - this.#clock.now() }
  }
}
