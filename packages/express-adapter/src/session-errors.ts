import { isSessionTrouble } from '@plimsoll/core/session'
import type { ErrorRequestHandler } from 'express'
import { replyTrouble } from './trouble-reply.ts'

/**
 * Answers the errors of the session layer, without a stack: 503 with Retry-After while sessions cannot be kept, 401 for a
 * session that is gone, 409 where a user has too many. All others go on to the next error handler. Mounted last, in front
 * of the service's own error handlers.
 *
 * @example
 * app.use(sessionErrors())
 */
export function sessionErrors(): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    if (!isSessionTrouble(error) || error.statusCode === 500 || res.headersSent) next(error)
    else replyTrouble(req, res, error)
  }
}
