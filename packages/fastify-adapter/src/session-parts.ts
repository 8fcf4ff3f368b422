import type { FastifyRequest } from 'fastify'
import type { RequestSession } from './request-session.ts'
import type { RequestSessionStore } from './request-session-store.ts'
import type { SessionCookie } from './session-cookie.ts'
import type { SessionsOfCore } from './session-store.ts'

/** What the functions for handlers need of the plugin. */
export interface SessionParts {
  readonly sessions: SessionsOfCore
  readonly store: RequestSessionStore
  readonly cookie: SessionCookie
}

/** Where the plugin keeps them on the instance that it was registered on. */
export const sessionParts = Symbol('plimsoll.sessionParts')

/** @throws where the plugin has not been registered with sessions */
export function partsOf(request: FastifyRequest): SessionParts & { readonly state: RequestSession } {
  const { [sessionParts]: parts } = request.server as { readonly [sessionParts]?: SessionParts }
  if (!parts) throw new Error('register @plimsoll/fastify-adapter with `sessions` before the routes that use them')
  return { ...parts, state: request.plimsoll as RequestSession }
}
