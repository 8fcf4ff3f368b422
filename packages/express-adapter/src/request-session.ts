import type { SessionTrouble } from '@plimsoll/core/session'
import type { Request } from 'express'
import type { Degradation } from './degraded-session.ts'
import type { RequestStore } from './request-store.ts'

/** What `plimsollSession()` knows of a request beside its session. */
export interface RequestSession {
  readonly store: RequestStore
  readonly cookieName: string
  readonly degradation: Degradation | undefined
  /** What kept a session of this request from being stored or destroyed. */
  trouble: SessionTrouble | undefined
  loggedOut: boolean
}

const requests = new WeakMap<object, RequestSession>()

/** Undefined where `plimsollSession()` has not seen the request. */
export function requestSessionOf(req: Request): RequestSession | undefined {
  return requests.get(req)
}

export function setRequestSession(req: Request, context: RequestSession): void {
  requests.set(req, context)
}
