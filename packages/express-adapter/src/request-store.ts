import { isUnavailable, SessionReadOnlyError, type SessionTrouble, type StoredSession } from '@plimsoll/core/session'
import type { Request } from 'express'
import type session from 'express-session'
import { textOf } from './session-data.ts'
import { PlimsollSessionStore } from './session-store.ts'

/** The session was read from the shadow: it may be looked at, and must not go through express-session's hands. */
export class ShadowRead extends SessionReadOnlyError {
  readonly stored: StoredSession
  constructor(stored: StoredSession) {
    super()
    this.stored = stored
  }
}

/**
 * The store under `plimsollSession()`, which saves before the headers: it knows what of a session is stored already, and
 * at the very end, where express-session would save, touch or destroy, it has nothing left to do.
 */
export class RequestStore extends PlimsollSessionStore {
  /** Each session's text as it is stored; undefined for one that is to be stored whatever it holds. */
  readonly #texts = new WeakMap<object, string>()
  /** What kept a session from being stored when somebody last tried. */
  readonly #refusals = new WeakMap<object, SessionTrouble>()
  readonly #hadSession = new WeakSet<Request>()
  readonly #destroying = new Map<string, Promise<void>>()
  #quiet = false

  /** Runs the end of a reply: all that express-session asks for in it, it asks for synchronously. */
  quietly<Result>(act: () => Result): Result {
    this.#quiet = true
    try {
      return act()
    } finally {
      this.#quiet = false
    }
  }

  /** @throws what JSON.stringify throws where a session holds what is no JSON */
  isChanged(held: object): boolean {
    return this.#texts.get(held) !== textOf(held)
  }

  /** Somebody else has stored it. */
  wasStored(held: object): void {
    this.#texts.set(held, textOf(held))
  }

  /** Why the handler's own attempt to save it failed: another one would only keep the client waiting. */
  refusalOf(held: object): SessionTrouble | undefined {
    return this.#refusals.get(held)
  }

  /** A destroy under way: whoever replies meanwhile has not waited for it. */
  destroying(id: string): Promise<void> | undefined {
    return this.#destroying.get(id)
  }

  override createSession(req: Request, held: session.SessionData): session.Session & session.SessionData {
    const created = super.createSession(req, held)
    this.#hadSession.add(req)
    this.wasStored(created)
    return created
  }

  protected override made(held: session.Session, req: Request): void {
    super.made(held, req)
    // The first is for a visitor who may never need it; one that replaces another was asked for.
    if (!this.#hadSession.has(req)) this.wasStored(held)
    this.#hadSession.add(req)
  }

  protected override async read(id: string): Promise<StoredSession | undefined> {
    const stored = await this.sessions.load(id)
    if (stored?.readOnly) throw new ShadowRead(stored)
    return stored
  }

  protected override keep(id: string, held: object): Promise<void> | undefined {
    if (this.#quiet) return undefined
    const text = textOf(held)
    return super.keep(id, held)?.then(
      () => {
        this.#texts.set(held, text)
        this.#refusals.delete(held)
      },
      (error: unknown) => {
        if (isUnavailable(error)) this.#refusals.set(held, error)
        throw error
      },
    )
  }

  protected override prolong(id: string, held: object): Promise<void> | undefined {
    return this.#quiet ? undefined : super.prolong(id, held)
  }

  protected override discard(id: string): Promise<void> | undefined {
    if (this.#quiet) return undefined
    const destroying = this.sessions.destroy(id)
    this.#destroying.set(id, destroying)
    const settled = (): void => {
      if (this.#destroying.get(id) === destroying) this.#destroying.delete(id)
    }
    destroying.then(settled, settled)
    return destroying
  }
}
