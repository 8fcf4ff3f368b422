import {
  isGone,
  isUnavailable,
  type SaveOptions,
  type SessionData,
  SessionReadOnlyError,
  type StoredSession,
} from '@plimsoll/core/session'
import type { FastifyRequest, Session } from 'fastify'
import type { RequestSession } from './request-session.ts'
import { dataOf, sessionOf, timeToLive } from './session-data.ts'
import { answer, type Callback, PlimsollSessionStore, type SessionsOfCore } from './session-store.ts'

type LiveSession = FastifyRequest['session']

/** What the new session of a login has on top of the old one. */
export interface Login {
  readonly user: string
  readonly data: SessionData
}

/** A session that is being replaced by one with a new id. */
interface Replacement {
  readonly request: FastifyRequest
  readonly state: RequestSession
  readonly oldId: string
  readonly login: Login | undefined
  stored: boolean
}

/**
 * The store that the plugin gives to @fastify/session. It knows which request it is asked for, and so never fails a
 * request by itself: a failed load is noted on the request, and so is a failed save once the reply is on its way.
 *
 * @fastify/session does not say for which request it asks, but it asks at once, within the call of its hook, its
 * `regenerate` or its `save`. Whose call that is is therefore known without following promises about.
 */
export class RequestSessionStore {
  readonly #sessions: SessionsOfCore
  /** For sessions that belong to no request, such as those of `fastify.decryptSession`. */
  readonly #bare: PlimsollSessionStore
  readonly #states = new WeakMap<object, RequestSession>()
  #loading: RequestSession | undefined
  #replacing: Replacement | undefined

  constructor(sessions: SessionsOfCore) {
    this.#sessions = sessions
    this.#bare = new PlimsollSessionStore(sessions)
  }

  /** Runs the framework's own hook for a request. */
  loadFor(state: RequestSession, frameworkHook: () => void): void {
    this.#loading = state
    try {
      frameworkHook()
    } finally {
      this.#loading = undefined
    }
  }

  /** The framework's hook is through: what asks from now on is the handler. */
  loaded(request: FastifyRequest, state: RequestSession): void {
    this.#loading = undefined
    this.adopt(request, state)
  }

  /** The session that a request has now. */
  adopt(request: FastifyRequest, state: RequestSession, session: LiveSession | null = request.session): void {
    // What cannot be loaded is not to be stored either.
    if (!session || state.trouble || this.#states.has(session)) return
    this.#states.set(session, state)
    const { regenerate, reload } = session
    // Outside the cookie's path there is an empty object.
    if (typeof regenerate !== 'function') return
    const methods = {
      regenerate: (...args: Parameters<typeof regenerate>) => {
        const run = (): Promise<void> => regenerate.apply(session, args)
        return this.#replacing ? run() : this.replace(request, session, state, undefined, run)
      },
      reload: (callback?: Callback) => {
        const reloading = reload.call(session).then(
          () => this.adopt(request, state),
          (error: Error) => {
            // The framework has put an empty one in its place, which would be saved over what could not be read.
            request.session = session
            throw state.failed(error, true)
          },
        )
        return answer(reloading, callback)
      },
    }
    // Not enumerable: what can be enumerated is stored.
    for (const [name, value] of Object.entries(methods)) {
      Object.defineProperty(session, name, { configurable: true, value })
    }
  }

  /**
   * Runs `regenerate` of the framework, which destroys the old session and then stores the new one. Redis is asked
   * the other way round: where it refuses the new one, as it does when it is full, the old one must still be there.
   */
  replace<Result>(
    request: FastifyRequest,
    session: LiveSession,
    state: RequestSession,
    login: Login | undefined,
    regenerate: () => Result,
  ): Result {
    this.#replacing = { request, state, oldId: session.sessionId, login, stored: false }
    try {
      return regenerate()
    } finally {
      this.#replacing = undefined
    }
  }

  get(id: string, callback: (error: unknown, session?: Session | null) => void): void {
    const state = this.#loading
    if (!state) {
      this.#bare.get(id, callback)
      return
    }
    state.id = id
    void answer(this.#load(id, state), callback)
  }

  set(id: string, session: Session, callback: Callback): void {
    const replacing = this.#replacing
    const state = replacing?.state ?? this.#states.get(session)
    if (!state) {
      this.#bare.set(id, session, callback)
      return
    }
    // One failure is enough: a second attempt would only keep the client waiting.
    if (state.sending && state.failure) {
      callback()
      return
    }
    const saving = replacing ? this.#storeInstead(replacing, id, session) : this.#save(id, session, state)
    const saved = saving.then(
      (stored) => {
        if (replacing) this.adopt(replacing.request, state, session as LiveSession)
        state.saved(id, stored)
      },
      (error: Error) => {
        if (!state.sending) throw state.failed(error, true)
        // A logout stays, and a page view that only failed to move the end of the session has lost nothing.
        if (isGone(error) || (isUnavailable(error) && isUnchanged(session as LiveSession, state))) {
          state.keepsCookie = true
        } else state.failed(error, false)
      },
    )
    void answer(saved, callback)
  }

  destroy(id: string, callback: Callback): void {
    const replacing = this.#replacing
    if (replacing?.oldId !== id) {
      this.#bare.destroy(id, callback)
      return
    }
    callback()
    // The framework stores the new one within the call. Should that ever change, the old id still must not stay.
    if (!replacing.stored) this.#bare.destroy(id, () => {})
  }

  async #load(id: string, state: RequestSession): Promise<Session | null> {
    try {
      const stored = await this.#sessions.load(id, { shadow: true })
      state.stored = stored
      if (stored?.readOnly) state.trouble = new SessionReadOnlyError()
      return stored && !stored.readOnly ? sessionOf(stored) : null
    } catch (error) {
      state.trouble = error as Error
      return null
    }
  }

  async #save(id: string, session: Session, state: RequestSession): Promise<StoredSession | undefined> {
    const options = optionsOf(session)
    if (options.ttl !== undefined && options.ttl <= 0) {
      await this.#sessions.destroy(id)
      return undefined
    }
    const from = state.id === id ? state.stored : undefined
    return this.#sessions.save(id, dataOf(session), from ? { ...options, from } : options)
  }

  async #storeInstead(replacing: Replacement, id: string, session: Session): Promise<StoredSession> {
    replacing.stored = true
    const { oldId, login, state } = replacing
    Object.assign(session, login?.data)
    const options: SaveOptions = login ? { ...optionsOf(session), user: login.user } : optionsOf(session)
    return state.stored
      ? this.#sessions.regenerate(oldId, id, dataOf(session), { ...options, from: state.stored })
      : this.#sessions.save(id, dataOf(session), options)
  }
}

function optionsOf(session: Session): SaveOptions {
  const ttl = timeToLive(session)
  return ttl === undefined ? {} : { ttl }
}

/** The framework's own comparison leaves the cookie out. */
function isUnchanged(session: LiveSession, { stored }: RequestSession): boolean {
  if (session.isModified()) return false
  // With `saveUninitialized` there is one for each visitor, and nothing in it.
  if (!stored) return true
  return JSON.stringify(dataOf({ cookie: session.cookie })['cookie']) === JSON.stringify(stored.data['cookie'])
}
