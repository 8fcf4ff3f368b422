import type { Clock } from '../clock.ts'
import type { BackedSession, SessionBacking } from '../session/backing.ts'

/** A backing in this process. Tests make it fail, or hold it, at will. */
export class MemoryBacking implements Required<SessionBacking> {
  readonly sessions = new Map<string, BackedSession>()
  readonly deleted = new Set<string>()
  /** What was called, in order. */
  readonly calls: string[] = []
  failure: Error | undefined
  /** Awaited before each answer. */
  held: Promise<void> | undefined
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async load(handle: string): Promise<BackedSession | undefined> {
    await this.#enter('load')
    return this.#living(handle)
  }

  async save(handle: string, session: BackedSession, expected: string | undefined): Promise<boolean> {
    await this.#enter('save')
    if (this.deleted.has(handle) || this.#living(handle)?.revision !== expected) return false
    this.sessions.set(handle, session)
    return true
  }

  async delete(handle: string): Promise<boolean> {
    await this.#enter('delete')
    const wasThere = this.sessions.delete(handle)
    if (wasThere) this.deleted.add(handle)
    return wasThere
  }

  async touch(handle: string, expiresAt: number): Promise<boolean> {
    await this.#enter('touch')
    const session = this.#living(handle)
    if (session === undefined) return false
    this.sessions.set(handle, { ...session, expiresAt })
    return true
  }

  async ofUser(user: string): Promise<{ handle: string; createdAt: number }[]> {
    await this.#enter('ofUser')
    return this.#all()
      .filter((session) => session.user === user)
      .sort((left, right) => left.createdAt - right.createdAt)
      .map(({ handle, createdAt }) => ({ handle, createdAt }))
  }

  async deleteUser(user: string, except: string | undefined): Promise<string[]> {
    await this.#enter('deleteUser')
    const handles = this.#all().flatMap(({ handle, user: owner }) =>
      owner === user && handle !== except ? [handle] : [],
    )
    for (const handle of handles) {
      this.sessions.delete(handle)
      this.deleted.add(handle)
    }
    return handles
  }

  async count(): Promise<number> {
    await this.#enter('count')
    return this.#all().length
  }

  async deleteExpired(): Promise<number> {
    await this.#enter('deleteExpired')
    const ended = [...this.sessions.keys()].filter((handle) => this.#living(handle) === undefined)
    for (const handle of ended) this.sessions.delete(handle)
    return ended.length
  }

  async page(after: string | undefined, size: number): Promise<(BackedSession & { handle: string })[]> {
    await this.#enter('page')
    return this.#all()
      .filter(({ handle }) => handle > (after ?? ''))
      .sort((left, right) => (left.handle < right.handle ? -1 : 1))
      .slice(0, size)
  }

  async #enter(call: string): Promise<void> {
    this.calls.push(call)
    await this.held
    if (this.failure !== undefined) throw this.failure
  }

  #living(handle: string): BackedSession | undefined {
    const session = this.sessions.get(handle)
    return session !== undefined && session.expiresAt > this.#clock.now() ? session : undefined
  }

  #all(): (BackedSession & { handle: string })[] {
    return [...this.sessions.keys()].flatMap((handle) => {
      const session = this.#living(handle)
      return session === undefined ? [] : [{ handle, ...session }]
    })
  }
}
