import {
  type SessionData as CoreData,
  isGone,
  isUnavailable,
  type Sessions,
  type StoredSession,
} from '@plimsoll/core/session'
import type { Request } from 'express'
import session from 'express-session'
import { dataOf, sessionOf, timeToLive } from './session-data.ts'
import { originOf, type SessionOrigin, setOrigin } from './session-origin.ts'

/** What the adapter needs of the core's `Sessions`. */
export type SessionsOfCore = Pick<
  Sessions,
  'load' | 'save' | 'put' | 'touch' | 'destroy' | 'regenerate' | 'logoutEverywhere' | 'count' | 'all' | 'clear'
>

type Callback<Value = void> = (error?: unknown, value?: Value) => void
type Generate = (req: Request) => void

/**
 * A store for express-session on Plimsoll's sessions. Every method takes a callback, or answers a promise without one.
 *
 * A store can only be as good as its framework lets it: express-session saves after the headers are sent, and turns a
 * failed load into an error page. `plimsollSession()` has neither fault; use this one where the middleware has to stay
 * express-session's own. One store serves one middleware.
 *
 * @example
 * app.use(session({ store: new PlimsollSessionStore(sessions), secret, resave: false, saveUninitialized: false }))
 */
export class PlimsollSessionStore extends session.Store {
  readonly sessions: SessionsOfCore
  /** express-session puts its own here: it makes a new session with a new id for a request. */
  declare generate: Generate
  /** Saves and touches of one session object go one after the other, or the second would take the first for a stranger's. */
  readonly #last = new WeakMap<object, Promise<unknown>>()

  constructor(sessions: SessionsOfCore) {
    super()
    this.sessions = sessions
    let generate: Generate = () => {
      throw new Error('this store has not been given to express-session yet')
    }
    Object.defineProperty(this, 'generate', {
      get: () => (req: Request) => {
        generate(req)
        this.made(req.session, req)
      },
      set: (given: Generate) => {
        generate = given
      },
    })
  }

  override get(id: string): Promise<session.SessionData | undefined>
  override get(id: string, callback: Callback<session.SessionData | undefined>): void
  override get(id: string, callback?: Callback<session.SessionData | undefined>): unknown {
    return answer(this.#get(id), callback)
  }

  override set(id: string, held: object): Promise<void>
  override set(id: string, held: object, callback: Callback | undefined): void
  override set(id: string, held: object, callback?: Callback): unknown {
    return answer(this.keep(id, held), callback && unlessTooLate(held, isGone, callback))
  }

  override touch(id: string, held: object): Promise<void>
  override touch(id: string, held: object, callback: Callback | undefined): void
  override touch(id: string, held: object, callback?: Callback): unknown {
    return answer(this.prolong(id, held), callback && unlessTooLate(held, isUnavailable, callback))
  }

  override destroy(id: string): Promise<void>
  override destroy(id: string, callback: Callback | undefined): void
  override destroy(id: string, callback?: Callback): unknown {
    return answer(this.discard(id), callback)
  }

  /** Living sessions, in no order. Ids are not among them: Redis knows only their hashes. */
  override all(): Promise<session.SessionData[]>
  override all(callback: Callback<session.SessionData[]>): void
  override all(callback?: Callback<session.SessionData[]>): unknown {
    return answer(this.#all(), callback)
  }

  override length(): Promise<number>
  override length(callback: Callback<number>): void
  override length(callback?: Callback<number>): unknown {
    return answer(this.sessions.count(), callback)
  }

  override clear(): Promise<void>
  override clear(callback: Callback | undefined): void
  override clear(callback?: Callback): unknown {
    return answer(
      this.sessions.clear().then(() => {}),
      callback,
    )
  }

  /**
   * Destroys the session of the request and gives it a new one. Where the old one could not be destroyed it stays the
   * request's, and the error is told: express-session's own would go on and leave the old id alive.
   */
  override regenerate(req: Request): Promise<void>
  override regenerate(req: Request, callback: Callback | undefined): void
  override regenerate(req: Request, callback?: Callback): unknown {
    return answer(
      this.sessions.destroy(req.sessionID).then(() => this.generate(req)),
      callback,
    )
  }

  override createSession(req: Request, held: session.SessionData): session.Session & session.SessionData {
    const origin = originOf(held)
    const created = super.createSession(req, held)
    if (origin) setOrigin(created, origin.id, origin.stored)
    return created
  }

  /** A new session has been made for a request. */
  protected made(held: session.Session, req: Request): void {
    setOrigin(held, req.sessionID, undefined)
  }

  protected read(id: string): Promise<StoredSession | undefined> {
    // No copy from a shadow: changes to it would be lost under a reply that says 200.
    return this.sessions.load(id, { shadow: false })
  }

  // The three that express-session calls at the end of a reply. Undefined: there is nothing to do.

  /** Stores a session by its origin: what was loaded or saved before is replaced, what is new must not stand there yet. */
  protected keep(id: string, held: object): Promise<void> | undefined {
    const ttl = timeToLive(held)
    if (ttl !== undefined && ttl <= 0) return this.sessions.destroy(id)
    // At once, and not when its turn has come: the service may change the object meanwhile.
    const data = snapshot(dataOf(held))
    return this.#inTurn(held, async () => {
      setOrigin(held, id, await this.#store(id, data, originOf(held), ttl))
    })
  }

  protected prolong(id: string, held: object): Promise<void> | undefined {
    const ttl = timeToLive(held)
    return this.#inTurn(held, async () => {
      const origin = originOf(held)
      const stored = origin?.id === id ? origin.stored : await this.sessions.load(id)
      // Like express-session's own store: a touch of what is gone is no error.
      const touched = stored && (await this.sessions.touch(id, stored, ttl))
      if (touched) setOrigin(held, id, touched)
    })
  }

  protected discard(id: string): Promise<void> | undefined {
    return this.sessions.destroy(id)
  }

  async #get(id: string): Promise<session.SessionData | undefined> {
    const stored = await this.read(id)
    if (!stored) return undefined
    const held = sessionOf(stored)
    setOrigin(held, id, stored)
    return held
  }

  async #all(): Promise<session.SessionData[]> {
    const living: session.SessionData[] = []
    for await (const stored of this.sessions.all()) living.push(sessionOf(stored))
    return living
  }

  #store(
    id: string,
    data: CoreData,
    origin: SessionOrigin | undefined,
    ttl: number | undefined,
  ): Promise<StoredSession> {
    const life = ttl === undefined ? {} : { ttl }
    if (origin?.id !== id) return this.sessions.put(id, data, life)
    return this.sessions.save(id, data, origin.stored ? { from: origin.stored, ...life } : life)
  }

  async #inTurn(held: object, act: () => Promise<void>): Promise<void> {
    const turn = (this.#last.get(held) ?? Promise.resolve()).then(act)
    // The next one comes also where this one fails.
    this.#last.set(
      held,
      turn.catch(() => {}),
    )
    await turn
  }
}

// A callback that throws is not called twice, nor does its error end in a promise that nobody looks at.
export function answer<Value>(result: Promise<Value> | undefined, callback: Callback<Value> | undefined): unknown {
  if (!result) return callback ? callback() : Promise.resolve()
  if (callback) {
    result.then(
      (value) => process.nextTick(callback, null, value),
      (error: unknown) => process.nextTick(callback, error),
    )
    return undefined
  }
  // `req.session.destroy()` ends here too, without a callback and without anybody who awaits it.
  result.catch(() => {})
  return result
}

/**
 * express-session saves and touches once the headers are sent. An error would then make Express cut the connection, under
 * a reply that is right: a logout that stays, or a session that merely was not prolonged.
 */
function unlessTooLate(held: object, harmless: (error: unknown) => boolean, callback: Callback): Callback {
  return (error) => {
    const { req } = held as { readonly req?: Request }
    callback(req?.res?.headersSent && harmless(error) ? null : error)
  }
}

function snapshot(data: CoreData): CoreData {
  return JSON.parse(JSON.stringify(data)) as CoreData
}
