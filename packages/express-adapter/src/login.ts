import { isSessionTrouble } from '@plimsoll/core/session'
import type { Request } from 'express'
import { acknowledged, refuse } from './degraded-session.ts'
import { type RequestSession, requestSessionOf } from './request-session.ts'
import { dataOf, timeToLive } from './session-data.ts'
import { originOf, setOrigin } from './session-origin.ts'

/**
 * Logs a user in: the request gets a new session with a new id, which holds `data` and nothing of the old one.
 * Resolves once the new session is stored and the old one destroyed; its cookie goes out with the reply.
 *
 * @throws SessionsUnavailableError (`statusCode` 503, `retryAfter`) where that was not acknowledged: the request keeps
 * the session and the cookie that it had
 * @throws TooManySessionsError (`statusCode` 409) where the user has as many as `maxSessionsPerUser` allows
 *
 * @example
 * app.post('/login', async (req, res) => {
 *   const user = await checkPassword(req.body)
 *   await loginSession(req, user.id, { name: user.name })
 *   res.redirect(303, '/account')
 * })
 */
export async function loginSession(
  req: Request,
  user: string,
  data: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const { store, degradation } = mounted(req)
  if (degradation) throw refuse(degradation)
  const { session: old, sessionID: oldId } = req
  store.generate(req)
  const { cookie: _, ...wanted } = data
  Object.assign(req.session, wanted)
  const id = req.sessionID
  const ttl = timeToLive(req.session)
  const options = ttl === undefined ? { user } : { user, ttl }
  try {
    const stored = await (originOf(old)?.stored
      ? store.sessions.regenerate(oldId, id, dataOf(req.session), options)
      : store.sessions.save(id, dataOf(req.session), options))
    setOrigin(req.session, id, stored)
    store.wasStored(req.session)
  } catch (error) {
    req.session = old
    req.sessionID = oldId
    throw noted(req, error)
  }
}

/**
 * Logs out: destroys the session of the request and clears its cookie.
 *
 * @throws SessionsUnavailableError (`statusCode` 503, `retryAfter`) where Redis did not acknowledge that. The cookie stays,
 * and the session is destroyed as soon as Redis can be reached again.
 */
export async function logoutSession(req: Request): Promise<void> {
  const { store, degradation } = mounted(req)
  const held: Request['session'] | undefined = req.session
  const id = degradation?.id ?? req.sessionID
  const known = degradation !== undefined || !held || originOf(held)?.stored !== undefined
  try {
    if (known) await acknowledged(degradation, store.destroy(id))
  } catch (error) {
    throw noted(req, error)
  }
  leave(req)
}

/**
 * Ends all sessions of the request's user, in every browser. Answers how many.
 *
 * @param options.keepThis all but the one of this request
 * @throws SessionsUnavailableError where Redis did not acknowledge that; they are destroyed once it can be reached again
 */
export async function logoutEverywhere(req: Request, options: { readonly keepThis?: boolean } = {}): Promise<number> {
  const { store, degradation } = mounted(req)
  if (degradation && !degradation.shadow) throw refuse(degradation)
  const user = sessionUser(req)
  if (user === undefined) return 0
  try {
    const except = options.keepThis ? { except: degradation?.id ?? req.sessionID } : {}
    const ended = await acknowledged(degradation, store.sessions.logoutEverywhere(user, except))
    if (!options.keepThis) leave(req)
    return ended
  } catch (error) {
    throw noted(req, error)
  }
}

/** Who is logged in: the user that `loginSession` was told, or that `userOf` found in the session. */
export function sessionUser(req: Request): string | undefined {
  const held: Request['session'] | undefined = req.session
  if (!held) return undefined
  return requestSessionOf(req)?.degradation?.user ?? originOf(held)?.stored?.user
}

/**
 * The session of this request could not be loaded: it is empty, or a copy, and read-only. What is told to the client
 * should say so ("we cannot show your cart at the moment"), and not that nobody is logged in.
 */
export function isDegraded(req: Request): boolean {
  // A look at the session, so that no page of a bad moment is kept by a response cache.
  void req.session
  return requestSessionOf(req)?.degradation !== undefined
}

function mounted(req: Request): RequestSession {
  const context = requestSessionOf(req)
  if (!context) throw new Error('plimsollSession() has not seen this request: mount it before this route')
  return context
}

/** The error page that follows will say when to come back. */
function noted(req: Request, error: unknown): unknown {
  const context = requestSessionOf(req)
  if (context && isSessionTrouble(error)) context.trouble = error
  return error
}

/** The session is no more: neither its data nor its cookie outlive it. */
function leave(req: Request): void {
  const context = mounted(req)
  const held: Request['session'] | undefined = req.session
  const { path, domain, secure, httpOnly, sameSite } = held?.cookie ?? {}
  // @types/express-session does not know it yet.
  const { partitioned } = (held?.cookie ?? {}) as { readonly partitioned?: boolean }
  const attributes = { path, domain, secure: secure === true, httpOnly, sameSite, partitioned }
  const given = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
  context.loggedOut = true
  req.res?.clearCookie(context.cookieName, given)
  Reflect.deleteProperty(req, 'session')
}
