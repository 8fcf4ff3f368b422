import { PlimsollError } from '../errors.ts'

/**
 * An error of the session layer, known by its code and never by its class: the core may be loaded twice, once by
 * `import` and once by `require`.
 */
export interface SessionTrouble extends Error {
  readonly code: string
  readonly statusCode: number
  /** When to come back, in seconds. */
  readonly retryAfter?: number
  /** Why sessions are not available: `unreachable` where Redis did not answer. */
  readonly reason?: string
}

const unavailable = 'PLIMSOLL_SESSIONS_UNAVAILABLE'
const gone = 'PLIMSOLL_SESSION_GONE'
const retryAfterByDefault = 5

export function isSessionTrouble(error: unknown): error is SessionTrouble {
  if (!(error instanceof Error)) return false
  const { code, statusCode } = error as Partial<SessionTrouble>
  return typeof code === 'string' && code.startsWith('PLIMSOLL_') && typeof statusCode === 'number'
}

/** Sessions cannot be read or kept now: nothing is known, and nothing was changed. */
export function isUnavailable(error: unknown): error is SessionTrouble {
  return isSessionTrouble(error) && error.code === unavailable
}

/** Redis did not answer in time, or not at all. */
export function isUnreachable(error: unknown): boolean {
  return isUnavailable(error) && error.reason === 'unreachable'
}

/** The session was destroyed or ran out while somebody held it. */
export function isGone(error: unknown): error is SessionTrouble {
  return isSessionTrouble(error) && error.code === gone
}

/** What Retry-After is to say: whole seconds, at least one; 5 where the error does not tell. */
export function retryAfterOf(error: Error): number {
  const { retryAfter = retryAfterByDefault } = error as Partial<SessionTrouble>
  return Math.max(1, Math.ceil(retryAfter))
}

/** The session of this request can be read at most: what a handler writes to it, or asks of it, cannot be kept. */
export class SessionReadOnlyError extends PlimsollError implements SessionTrouble {
  /** The same as when the core cannot reach Redis: to a client it is the same. */
  readonly code = unavailable
  readonly statusCode = 503
  /** When to come back, in seconds. */
  readonly retryAfter: number
  readonly reason: string

  /** Without a cause it is a copy, which is read only where Redis is out of reach. */
  constructor(cause?: Error) {
    super('the session of this request is read-only, for sessions cannot be kept at the moment', { cause })
    this.retryAfter = cause ? retryAfterOf(cause) : retryAfterByDefault
    this.reason = (cause as Partial<SessionTrouble> | undefined)?.reason ?? 'unreachable'
  }

  // Of an adapter's subclass too.
  override get name(): string {
    return 'SessionReadOnlyError'
  }
}

/** The route is for logged-in users, and nobody is logged in. */
export class LoginRequiredError extends PlimsollError implements SessionTrouble {
  readonly code = 'PLIMSOLL_LOGIN_REQUIRED'
  readonly statusCode = 401
  constructor() {
    super('nobody is logged in')
  }
}
