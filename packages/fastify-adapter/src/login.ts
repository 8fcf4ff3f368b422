import { isUnreachable, type SessionData, SessionReadOnlyError } from '@plimsoll/core/session'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RequestSession } from './request-session.ts'
import { partsOf } from './session-parts.ts'

/**
 * Logs a user in: the request gets a new session with a new id, which holds `data` and nothing of the old one. Resolves
 * once the new session is stored and the old one destroyed: a reply sent afterwards, a redirect included, never overtakes
 * that.
 *
 * @throws SessionsUnavailableError (`statusCode` 503, `retryAfter`) where that was not acknowledged: the request keeps
 * the session and the cookie that it had
 * @throws TooManySessionsError (`statusCode` 409) where the user has as many as `maxSessionsPerUser` allows
 *
 * @example
 * app.post('/login', async (request, reply) => {
 *   const user = await checkPassword(request.body)
 *   await loginSession(request, user.id, { name: user.name })
 *   return reply.redirect('/account', 303)
 * })
 */
export async function loginSession(request: FastifyRequest, user: string, data: SessionData = {}): Promise<void> {
  const { store, state } = partsOf(request)
  if (state.trouble) throw state.failed(new SessionReadOnlyError(state.trouble), true)
  // Logged out within this request: the framework makes a new session for a cookie that nobody has signed.
  if (!request.session) request.server.decryptSession('', request, () => store.adopt(request, state))
  const before = request.session
  const { cookie: _, ...wanted } = data
  try {
    await store.replace(request, before, state, { user, data: wanted }, () => before.regenerate())
  } catch (error) {
    request.session = before
    throw error
  }
  // @fastify/session sets the cookie of what it finds modified or knows to be saved.
  if (!request.session.isModified()) await request.session.save()
}

/**
 * Logs out: destroys the session of the request and clears its cookie.
 *
 * @throws SessionsUnavailableError (`statusCode` 503, `retryAfter`) where Redis did not acknowledge that. The cookie stays,
 * and the session is destroyed as soon as Redis can be reached again.
 */
export async function logoutSession(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  await endSession(request)
  const { cookie } = partsOf(request)
  if (cookie.isPresentedBy(request)) cookie.clear(reply)
}

/** Ends the session of the request; the cookie is left to the caller. */
export async function endSession(request: FastifyRequest): Promise<void> {
  const { sessions, state } = partsOf(request)
  if (state.id !== undefined && (state.stored || state.trouble)) await acknowledged(state, sessions.destroy(state.id))
  leaveWithoutSession(request)
}

/**
 * Ends all sessions of the request's user, on every device. Answers how many.
 *
 * @param options.keepThis all but the one of this request
 * @throws SessionsUnavailableError where Redis did not acknowledge that; they are destroyed once it can be reached again
 */
export async function logoutEverywhere(
  request: FastifyRequest,
  reply: FastifyReply,
  { keepThis = false }: { readonly keepThis?: boolean } = {},
): Promise<number> {
  const { sessions, cookie, state } = partsOf(request)
  if (state.trouble && !state.stored) throw state.failed(new SessionReadOnlyError(state.trouble), true)
  const user = sessionUser(request)
  if (user === undefined || state.id === undefined) return 0
  const ended = await acknowledged(state, sessions.logoutEverywhere(user, keepThis ? { except: state.id } : {}))
  if (!keepThis) {
    leaveWithoutSession(request)
    cookie.clear(reply)
  }
  return ended
}

/** Who is logged in: the user that `loginSession` was told, or that `userOf` found in the session. */
export function sessionUser(request: FastifyRequest): string | undefined {
  const { state } = partsOf(request)
  return request.session ? state.user : undefined
}

/**
 * The session of this request could not be loaded: it is empty, or a copy, and read-only. What is told to the client
 * should say so ("we cannot show your cart at the moment"), and not that nobody is logged in.
 */
export function isDegraded(request: FastifyRequest): boolean {
  return partsOf(request).state.degraded
}

/** As @fastify/session leaves a request whose session has been destroyed. */
function leaveWithoutSession(request: FastifyRequest): void {
  partsOf(request).state.ended()
  request.session = null as unknown as FastifyRequest['session']
}

/** A request that has waited for Redis in vain does not wait again: the core goes on trying without it. */
async function acknowledged<Result>(state: RequestSession, telling: Promise<Result>): Promise<Result> {
  if (isUnreachable(state.trouble)) {
    telling.catch(() => {})
    throw state.failed(new SessionReadOnlyError(state.trouble), true)
  }
  try {
    return await telling
  } catch (error) {
    throw state.failed(error as Error, true)
  }
}
