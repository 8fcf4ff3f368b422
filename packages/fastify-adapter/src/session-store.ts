import type { Sessions, StoredSession } from '@plimsoll/core/session'
import type { Session } from 'fastify'
import { dataOf, sessionOf, timeToLive } from './session-data.ts'

/** What the adapter needs of the core's `Sessions`. */
export type SessionsOfCore = Pick<
  Sessions,
  'load' | 'save' | 'put' | 'destroy' | 'regenerate' | 'logoutEverywhere' | 'health' | 'close'
>

export type Callback = (error?: unknown) => void
type SessionCallback = (error: unknown, session?: Session | null) => void

interface Origin {
  readonly id: string
  stored: StoredSession
}

const origin = Symbol('plimsoll.origin')

/**
 * A store for @fastify/session on Plimsoll's sessions. Every method takes a callback, or answers a promise without one.
 *
 * A store can only be as good as its framework lets it: @fastify/session makes an error page of a failed load, and saves
 * twice where the first save fails. The plugin has neither fault; use this one where @fastify/session has to be
 * registered by itself.
 *
 * @example
 * await app.register(fastifySession, { store: new PlimsollSessionStore(sessions), secret, saveUninitialized: false })
 */
export class PlimsollSessionStore {
  readonly #sessions: SessionsOfCore

  constructor(sessions: SessionsOfCore) {
    this.#sessions = sessions
  }

  get(id: string): Promise<Session | undefined>
  get(id: string, callback: SessionCallback): void
  get(id: string, callback?: SessionCallback): unknown {
    return answer(this.#get(id), callback)
  }

  set(id: string, session: Session): Promise<void>
  set(id: string, session: Session, callback: Callback): void
  set(id: string, session: Session, callback?: Callback): unknown {
    return answer(this.#set(id, session), callback)
  }

  destroy(id: string): Promise<void>
  destroy(id: string, callback: Callback): void
  destroy(id: string, callback?: Callback): unknown {
    return answer(this.#sessions.destroy(id), callback)
  }

  async #get(id: string): Promise<Session | undefined> {
    const stored = await this.#sessions.load(id)
    if (!stored) return undefined
    const session = sessionOf(stored)
    Object.assign(session.cookie, { [origin]: { id, stored } satisfies Origin })
    return session
  }

  async #set(id: string, session: Session): Promise<void> {
    const ttl = timeToLive(session)
    if (ttl !== undefined && ttl <= 0) return this.#sessions.destroy(id)
    const known = originOf(session, id)
    const options = ttl === undefined ? {} : { ttl }
    if (known) known.stored = await this.#sessions.save(id, dataOf(session), { ...options, from: known.stored })
    else await this.#sessions.put(id, dataOf(session), options)
  }
}

/**
 * Answers by the callback where there is one. What the callback throws, which is code of the framework, is told to it as
 * an error: thrown from here it would leave the request without a reply, and end the process.
 */
export function answer<Value>(
  promise: Promise<Value>,
  callback: ((error: unknown, value?: NoInfer<Value>) => void) | undefined,
): Promise<Value> | undefined {
  if (!callback) return promise
  promise.then((value) => callback(null, value)).catch(callback)
  return undefined
}

/**
 * Where a session was loaded from, so that it is saved only if it is still there. @fastify/session (11.1) makes an object
 * of its own from the answer of `get`, and of all that was hung on the answer only what is on its cookie lives on: under
 * a symbol, among the options of the new session's cookie. The new session that `regenerate` makes inherits those,
 * hence the id. Where nothing is found the session is stored whatever stands there.
 */
function originOf(session: object, id: string): Origin | undefined {
  for (const symbol of Object.getOwnPropertySymbols(session)) {
    const found = ((session as Record<symbol, unknown>)[symbol] as { readonly [origin]?: Origin } | undefined)?.[origin]
    if (found?.id === id) return found
  }
  return undefined
}
