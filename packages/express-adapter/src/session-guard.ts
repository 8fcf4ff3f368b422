import { isGone, isSessionTrouble, isUnavailable, retryAfterOf, type SessionTrouble } from '@plimsoll/core/session'
import type { NextFunction, Request, Response } from 'express'
import type { ReplyGuard, TakeOver, Verdict } from './guarded-reply.ts'
import { removePageHeaders } from './reply-headers.ts'
import type { RequestSession } from './request-session.ts'
import { originOf } from './session-origin.ts'
import { replyTrouble } from './trouble-reply.ts'

interface Guarded {
  readonly context: RequestSession
  /** express-session's `unset: 'destroy'`. */
  readonly unsetDestroys: boolean
  readonly req: Request
  readonly res: Response
  readonly next: NextFunction
}

/**
 * Saves a changed session before the first byte of its reply. A reply that tells of a session which is not kept never
 * goes out: it becomes what the core says (503 with Retry-After while sessions cannot be kept), without Set-Cookie.
 */
export function sessionGuard({ context, unsetDestroys, req, res, next }: Guarded): ReplyGuard {
  const { store, degradation } = context

  function beforeHeaders(): Verdict | Promise<Verdict> {
    if (degradation?.refused) return replyWith(degradation.refused)
    // An error page of a handler that missed what could not be loaded.
    if (degradation?.wasRead && res.statusCode === 500) return replyWith(degradation.cause)
    // Or of one that does not tell by its status what it was told.
    if (isUnavailable(context.trouble) && res.statusCode === 500) return replyWith(context.trouble)
    const trouble = degradation?.cause ?? context.trouble
    if (trouble && res.statusCode === 503 && !res.hasHeader('Retry-After')) {
      res.setHeader('Retry-After', String(retryAfterOf(trouble)))
    }
    return settle()
  }

  function settle(): Verdict | Promise<Verdict> {
    if (degradation) return store.destroying(degradation.id)?.then(sent, failed) ?? 'send'
    // There is nothing to be kept, or it could not be.
    if (typeof req.sessionID !== 'string') return 'send'
    const held: Request['session'] | null | undefined = req.session
    if (!held) return destroyed()
    try {
      if (store.isChanged(held)) {
        const refusal = store.refusalOf(held)
        return refusal ? failed(refusal) : store.set(req.sessionID, held).then(sent, failed)
      }
    } catch (error) {
      return failed(error)
    }
    // Nobody waits for it: the reply owes nothing to a session that stays as it was.
    if (originOf(held)?.stored && !res.headersSent) void store.touch(req.sessionID, held)
    return 'send'
  }

  /** The handler has taken the session away; what it has not waited for is waited for here. */
  function destroyed(): Verdict | Promise<Verdict> {
    if (context.loggedOut) return 'send'
    const { sessionID } = req
    const destroying = store.destroying(sessionID) ?? (unsetDestroys ? store.destroy(sessionID) : undefined)
    return destroying ? destroying.then(sent, failed) : 'send'
  }

  function failed(error: unknown): Verdict {
    keepCookieAway(req)
    // Somebody has logged out meanwhile, and that stays. The reply is right, there is only no session any more.
    if (isGone(error)) return 'send'
    if (isSessionTrouble(error) && error.statusCode !== 500) return replyWith(error)
    return broken(error)
  }

  /** A fault of the service: its own error handlers answer, and log it. */
  function broken(error: unknown): TakeOver {
    return {
      again: true,
      takeOver: () => {
        if (!res.headersSent) removePageHeaders(res)
        next(error)
      },
    }
  }

  function replyWith(trouble: SessionTrouble): TakeOver {
    keepCookieAway(req)
    return { takeOver: (end) => replyTrouble(req, res, trouble, end) }
  }

  return { beforeHeaders, beforeEnd: settle, broken, ending: (end) => store.quietly(end) }
}

/** Without an id express-session sets no cookie, saves nothing and touches nothing. */
function keepCookieAway(req: Request): void {
  Reflect.set(req, 'sessionID', undefined)
}

function sent(): Verdict {
  return 'send'
}
