/**
 * An error of the session layer, known by its code and never by its class: the core may be loaded twice, once by
 * `import` and once by `require`.
 */
export interface SessionTrouble extends Error {
  readonly code: string
  readonly statusCode: number
  /** When to come back, in seconds. */
  readonly retryAfter?: number
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

/** The session was destroyed or ran out while somebody held it. */
export function isGone(error: unknown): error is SessionTrouble {
  return isSessionTrouble(error) && error.code === gone
}

export function retryAfterOf(trouble: SessionTrouble): number {
  return Math.max(1, Math.ceil(trouble.retryAfter ?? retryAfterByDefault))
}

/** The session of this request can be read at most: what a handler writes to it, or asks of it, cannot be kept. */
export class SessionReadOnlyError extends Error implements SessionTrouble {
  override readonly name = 'SessionReadOnlyError'
  /** The same as when the core cannot reach Redis: to a client it is the same. */
  readonly code = unavailable
  readonly statusCode = 503
  readonly retryAfter: number

  constructor(cause?: SessionTrouble) {
    super('the session of this request is read-only, for sessions cannot be kept at the moment', { cause })
    this.retryAfter = cause ? retryAfterOf(cause) : retryAfterByDefault
  }
}
