import type { SaveOptions, SessionData, StoredSession } from '@plimsoll/core/session'
import type { SessionsOfCore } from './session-store.ts'

interface Kept {
  readonly json: string
  readonly user: string | undefined
  readonly expiresAt: number
}

/** Fails as the core does, which other bundles of it may have thrown. */
export function coreError(code: string, statusCode: number, retryAfter?: number): Error {
  return Object.assign(new Error(code), { code, statusCode, ...(retryAfter === undefined ? {} : { retryAfter }) })
}

export const unavailable = (): Error => coreError('PLIMSOLL_SESSIONS_UNAVAILABLE', 503, 7)
export const gone = (): Error => coreError('PLIMSOLL_SESSION_GONE', 401)

/** What the core promises, in memory, with each kind of trouble at hand. */
export class InMemorySessions implements SessionsOfCore {
  readonly kept = new Map<string, Kept>()
  readonly calls: string[] = []
  readonly saves: { readonly id: string; readonly data: SessionData; readonly options: SaveOptions }[] = []
  /** Saves that changed what is stored. */
  writes = 0
  failing: { load?: Error; save?: Error; destroy?: Error } = {}
  shadowed = false

  async load(id: string): Promise<StoredSession | undefined> {
    this.calls.push('load')
    if (this.failing.load) throw this.failing.load
    const found = this.kept.get(id)
    return found && this.#answer(found)
  }

  async save(id: string, data: SessionData, options: SaveOptions = {}): Promise<StoredSession> {
    this.calls.push('save')
    this.saves.push({ id, data, options })
    const json = JSON.stringify(data)
    const found = this.kept.get(id)
    if (found && options.from && found.json === json) return this.#keep(id, json, options, found.user)
    if (this.failing.save) throw this.failing.save
    if ((options.from === undefined) !== (found === undefined)) throw gone()
    this.writes += 1
    return this.#keep(id, json, options, found?.user)
  }

  async put(id: string, data: SessionData, options: SaveOptions = {}): Promise<StoredSession> {
    this.calls.push('put')
    if (this.failing.save) throw this.failing.save
    this.writes += 1
    return this.#keep(id, JSON.stringify(data), options, undefined)
  }

  async destroy(id: string): Promise<void> {
    this.calls.push('destroy')
    if (this.failing.destroy) throw this.failing.destroy
    this.kept.delete(id)
  }

  async regenerate(oldId: string, newId: string, data: SessionData, options: SaveOptions = {}): Promise<StoredSession> {
    this.calls.push('regenerate')
    if (this.failing.save) throw this.failing.save
    this.kept.delete(oldId)
    return this.#keep(newId, JSON.stringify(data), options, undefined)
  }

  async logoutEverywhere(user: string, { except }: { except?: string } = {}): Promise<number> {
    if (this.failing.destroy) throw this.failing.destroy
    const ids = [...this.kept].filter(([id, { user: whose }]) => whose === user && id !== except).map(([id]) => id)
    for (const id of ids) this.kept.delete(id)
    return ids.length
  }

  health(): never {
    throw new Error('not asked here')
  }

  async close(): Promise<void> {
    this.calls.push('close')
  }

  #keep(id: string, json: string, { user, ttl = 60_000 }: SaveOptions, before: string | undefined): StoredSession {
    const kept = { json, user: user ?? before, expiresAt: Date.now() + ttl }
    this.kept.set(id, kept)
    return this.#answer(kept)
  }

  #answer({ json, user, expiresAt }: Kept): StoredSession {
    const data = JSON.parse(json) as SessionData
    return { data, user, createdAt: 0, expiresAt, readOnly: this.shadowed }
  }
}
