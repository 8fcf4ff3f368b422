import type { SaveOptions, SessionData, StoredSession } from '@plimsoll/core/session'
import type { SessionsOfCore } from './session-store.ts'

interface Kept {
  json: string
  user: string | undefined
  expiresAt: number
}

export class Unavailable extends Error {
  readonly code = 'PLIMSOLL_SESSIONS_UNAVAILABLE'
  readonly statusCode = 503
  readonly retryAfter = 7
  readonly reason = 'unreachable'
}

export class Gone extends Error {
  readonly code = 'PLIMSOLL_SESSION_GONE'
  readonly statusCode = 401
}

/** The core's sessions as the adapter sees them, in memory. */
export class FakeSessions implements SessionsOfCore {
  readonly kept = new Map<string, Kept>()
  /** The names of the calls that reached it. */
  readonly calls: string[] = []
  /** Nothing can be read or written. */
  isDown = false
  /** Nothing can be written, as when Redis is full; what frees memory still works. */
  isFull = false
  /** What was read before can be read while it is down. */
  hasShadow = false
  /** Holds writes back. */
  gate: Promise<void> | undefined
  readonly #seen = new Map<string, StoredSession>()

  async load(id: string, { shadow = true }: { shadow?: boolean } = {}): Promise<StoredSession | undefined> {
    this.calls.push('load')
    const seen = this.#seen.get(id)
    if (this.isDown && this.hasShadow && shadow && seen) return { ...seen, readOnly: true }
    if (this.isDown) throw new Unavailable('down')
    const found = this.#read(id)
    if (found) this.#seen.set(id, found)
    return found
  }

  async save(id: string, data: SessionData, { from, user, ttl }: SaveOptions = {}): Promise<StoredSession> {
    await this.#write('save')
    const current = this.#read(id)
    if ((from === undefined) !== (current === undefined)) throw new Gone('gone')
    return this.#keep(id, data, user ?? from?.user, ttl)
  }

  async put(id: string, data: SessionData, { user, ttl }: Omit<SaveOptions, 'from'> = {}): Promise<StoredSession> {
    await this.#write('put')
    return this.#keep(id, data, user, ttl)
  }

  async touch(id: string, from: StoredSession, ttl = 86_400_000): Promise<StoredSession | undefined> {
    this.calls.push('touch')
    const found = this.kept.get(id)
    if (this.isDown || !found) return this.isDown ? from : undefined
    found.expiresAt = Date.now() + ttl
    return { ...from, expiresAt: found.expiresAt }
  }

  async destroy(id: string): Promise<void> {
    this.calls.push('destroy')
    await this.gate
    if (this.isDown) throw new Unavailable('down')
    this.kept.delete(id)
  }

  async regenerate(oldId: string, newId: string, data: SessionData, options?: SaveOptions): Promise<StoredSession> {
    await this.#write('regenerate')
    this.kept.delete(oldId)
    return this.#keep(newId, data, options?.user, options?.ttl)
  }

  async logoutEverywhere(user: string, { except }: { except?: string } = {}): Promise<number> {
    await this.#write('logoutEverywhere')
    const ended = [...this.kept].filter(([id, kept]) => kept.user === user && id !== except)
    for (const [id] of ended) this.kept.delete(id)
    return ended.length
  }

  async count(): Promise<number> {
    return this.#living().length
  }

  async *all(): AsyncGenerator<StoredSession> {
    yield* this.#living()
  }

  async clear(): Promise<number> {
    const { size } = this.kept
    this.kept.clear()
    return size
  }

  #living(): StoredSession[] {
    return [...this.kept.keys()].flatMap((id) => this.#read(id) ?? [])
  }

  async #write(name: string): Promise<void> {
    this.calls.push(name)
    await this.gate
    if (this.isDown || this.isFull) throw new Unavailable('no writes')
  }

  #read(id: string): StoredSession | undefined {
    const found = this.kept.get(id)
    if (!found || found.expiresAt <= Date.now()) return undefined
    const data = JSON.parse(found.json) as SessionData
    return { data, user: found.user, createdAt: 0, expiresAt: found.expiresAt, readOnly: false }
  }

  #keep(id: string, data: SessionData, user: string | undefined, ttl = 86_400_000): StoredSession {
    this.kept.set(id, { json: JSON.stringify(data), user, expiresAt: Date.now() + ttl })
    return this.#read(id) as StoredSession
  }
}
