import { isUnavailable } from '@plimsoll/core/session'
import type { Request, RequestHandler } from 'express'
import session from 'express-session'
import { type Degradation, degrade, degradedSession } from './degraded-session.ts'
import { guardReply } from './guarded-reply.ts'
import { type RequestSession, setRequestSession } from './request-session.ts'
import { RequestStore } from './request-store.ts'
import { sessionGuard } from './session-guard.ts'
import type { SessionsOfCore } from './session-store.ts'

/**
 * The options of express-session that leave room for a choice. `resave` and `saveUninitialized` are off: sessions are
 * saved when they have changed, and visitors who need none get none. The cookie's defaults are `httpOnly`,
 * `sameSite: 'lax'` and `secure: 'auto'` (needs Express's `trust proxy` behind one).
 */
export type PlimsollSessionOptions = Omit<session.SessionOptions, 'store' | 'resave' | 'saveUninitialized'>

const cookieDefaults: session.CookieOptions = { httpOnly: true, sameSite: 'lax', secure: 'auto' }

/**
 * express-session on Plimsoll's sessions, in such a way that a bad night of Redis logs nobody out and makes no page fail.
 *
 * - A session that cannot be loaded: the request goes on with one that is empty, or a copy from the shadow, and read-only.
 *   The client's cookie stays as it is. A reply to a handler that tried to change it is 503 with Retry-After.
 * - A session that was changed is saved before the first byte of the reply, redirects included. If that fails the reply is
 *   503 with Retry-After and no Set-Cookie.
 * - A session that was only read is prolonged beside the reply, which never waits for that.
 *
 * @example
 * const sessions = createSessions({ name: 'shop', redis: process.env.REDIS_URL })
 * app.use(plimsollSession(sessions, { secret: process.env.SESSION_SECRET, cookie: { maxAge: 3_600_000 } }))
 */
export function plimsollSession(sessions: SessionsOfCore, options: PlimsollSessionOptions): RequestHandler {
  const store = new RequestStore(sessions)
  const { cookie: given } = options
  const cookie = typeof given === 'function' ? given : { ...cookieDefaults, ...given }
  const loadSession = session({ ...options, cookie, store, resave: false, saveUninitialized: false })
  const cookieName = options.name ?? 'connect.sid'
  const unsetDestroys = options.unset === 'destroy'

  return (req, res, next) => {
    if (hasSession(req)) {
      next()
      return
    }
    loadSession(req, res, (error?: unknown) => {
      const degradation = isUnavailable(error) ? degrade(error, req.sessionID) : undefined
      // Without a session: a path outside the cookie's.
      if (!degradation && (error || !hasSession(req))) {
        next(error)
        return
      }
      const context: RequestSession = { store, cookieName, degradation, trouble: undefined, loggedOut: false }
      if (degradation) {
        const options = typeof cookie === 'function' ? cookie(req) : cookie
        req.session = degradedSession(degradation, req, store, options)
        hideId(req, degradation)
      }
      setRequestSession(req, context)
      guardReply(res, sessionGuard({ context, unsetDestroys, req, res, next }))
      next()
    })
  }
}

/** Without an id express-session sets no cookie, saves nothing and touches nothing. Who misses it has looked for the session. */
function hideId(req: Request, degradation: Degradation): void {
  const get = (): undefined => {
    degradation.wasRead = true
  }
  Object.defineProperty(req, 'sessionID', { configurable: true, enumerable: true, get })
}

function hasSession(req: Request): boolean {
  return Boolean((req as { readonly session?: unknown }).session)
}
