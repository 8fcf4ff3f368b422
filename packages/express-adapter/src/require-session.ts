import { LoginRequiredError } from '@plimsoll/core/session'
import type { Request, RequestHandler } from 'express'
import { isDegraded, sessionUser } from './login.ts'
import { requestSessionOf } from './request-session.ts'
import { replyTrouble } from './trouble-reply.ts'

export interface RequireSessionOptions {
  /** Who may pass: any logged-in user (`true`, the default), anybody (`false`), or whom the function lets in. */
  readonly user?: boolean | ((req: Request) => boolean)
  /** Not with a copy that this process read a moment ago: the user may have logged out elsewhere since. Default false. */
  readonly sensitive?: boolean
}

/**
 * Guards routes that need a session. While sessions cannot be trusted the reply is 503 with Retry-After, and never
 * "you are not logged in"; without a logged-in user it is 401. Both carry `{ code }`.
 *
 * @example
 * app.get('/account', requireSession(), showAccount)
 * app.post('/password', requireSession({ sensitive: true }), changePassword)
 */
export function requireSession({ user = true, sensitive = false }: RequireSessionOptions = {}): RequestHandler {
  const passes = typeof user === 'function' ? user : (req: Request) => !user || sessionUser(req) !== undefined
  return (req, res, next) => {
    const degradation = requestSessionOf(req)?.degradation
    if (degradation && isDegraded(req) && (sensitive || !degradation.shadow)) {
      replyTrouble(req, res, degradation.cause)
    } else if (passes(req)) next()
    else replyTrouble(req, res, new LoginRequiredError())
  }
}
