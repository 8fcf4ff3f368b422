import { LoginRequiredError, SessionReadOnlyError } from '@plimsoll/core/session'
import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import { sessionUser } from './login.ts'
import { partsOf } from './session-parts.ts'

export interface RequireSessionOptions {
  /** Who may pass: any logged-in user (`true`, the default), anybody (`false`), or whom the function lets in. */
  readonly user?: boolean | ((request: FastifyRequest) => boolean)
  /** Not with a copy that this process read a moment ago: the user may have logged out elsewhere since. Default false. */
  readonly sensitive?: boolean
}

/**
 * Guards routes that need a session, as `onRequest` or `preHandler`. While sessions cannot be trusted the reply is 503
 * with Retry-After, and never "you are not logged in"; without a logged-in user it is 401. Both carry `{ code }`.
 *
 * @example
 * app.get('/account', { onRequest: requireSession() }, showAccount)
 * app.post('/password', { onRequest: requireSession({ sensitive: true }) }, changePassword)
 */
export function requireSession({ user = true, sensitive = false }: RequireSessionOptions = {}): onRequestHookHandler {
  const passes =
    typeof user === 'function' ? user : (request: FastifyRequest) => !user || sessionUser(request) !== undefined
  return (request, _reply, done) => {
    const { state } = partsOf(request)
    const isCopy = state.stored !== undefined
    if (state.degraded && (sensitive || !isCopy)) done(new SessionReadOnlyError(state.trouble))
    else if (passes(request)) done()
    else done(new LoginRequiredError())
  }
}
