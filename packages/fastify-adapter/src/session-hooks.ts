import type { FastifySessionOptions } from '@fastify/session'
import { isUnavailable, retryAfterOf } from '@plimsoll/core/session'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { degradedSession } from './degraded-session.ts'
import { endSession } from './login.ts'
import { RequestSession } from './request-session.ts'
import { RequestSessionStore } from './request-session-store.ts'
import { SessionCookie } from './session-cookie.ts'
import { type SessionParts, sessionParts } from './session-parts.ts'
import type { SessionsOfCore } from './session-store.ts'
import { replyTrouble } from './trouble-reply.ts'

/** What @fastify/session is to be told. */
export type SessionOptions = Omit<FastifySessionOptions, 'store'>

/**
 * Puts @fastify/session between two pairs of hooks. Before it loads, its store is told which request this is; after it, a
 * request whose session could not be loaded gets one that can only be read. While the reply is on its way out the store
 * never fails, for the framework would answer by another reply with another save: what could not be kept is noted, and
 * the last hook makes a 503 of the reply and takes the cookie off. All of that is before the headers leave, whatever the
 * payload is.
 */
export async function addSessions(
  fastify: FastifyInstance,
  sessions: SessionsOfCore,
  options: SessionOptions,
): Promise<void> {
  const { default: fastifySession } = await import('@fastify/session')
  const store = new RequestSessionStore(sessions)
  const cookie = new SessionCookie(options)
  fastify.decorate(sessionParts, { sessions, store, cookie } satisfies SessionParts)
  fastify.decorateRequest('plimsoll', null as unknown as RequestSession)

  fastify.addHook('onRequest', (request, _reply, done) => {
    const state = new RequestSession()
    request.plimsoll = state
    store.loadFor(state, done)
  })
  fastify.addHook('onSend', (request, _reply, _payload, done) => {
    const state = stateOf(request.plimsoll)
    if (state) {
      state.sending = true
      store.adopt(request, state)
    }
    done()
  })
  await fastify.register(fastifySession, { saveUninitialized: false, ...options, store })
  fastify.addHook('onRequest', (request, _reply, done) => {
    const state = request.plimsoll as RequestSession
    store.loaded(request, state)
    if (state.trouble) {
      if (!isUnavailable(state.trouble)) request.log.error({ err: state.trouble }, 'the session could not be loaded')
      request.session = degradedSession(state, () => endSession(request))
    }
    done()
  })
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const state = stateOf(request.plimsoll)
    done(null, state ? leave(state, reply, payload, cookie) : payload)
  })
  fastify.addHook('onError', (_request, reply, error, done) => {
    if (isUnavailable(error) && !reply.hasHeader('retry-after')) reply.header('retry-after', retryAfterOf(error))
    done()
  })
}

/** Answers the payload that goes out. */
function leave(state: RequestSession, reply: FastifyReply, payload: unknown, cookie: SessionCookie): unknown {
  const { failure, trouble } = state
  state.sending = false
  if (state.keepsCookie || trouble) cookie.keep(reply)
  else cookie.lastOnly(reply)
  if (failure && isHidden(failure, state.told, reply.statusCode)) return replyTrouble(reply, payload, failure)
  // An error page of a handler that missed what could not be loaded.
  if (trouble && state.readInVain && reply.statusCode === 500) return replyTrouble(reply, payload, trouble)
  return payload
}

/** Whether the reply says nothing of a failure, or blames the service for it. */
function isHidden(failure: Error, told: boolean, statusCode: number): boolean {
  if (!told) return statusCode < 500
  return statusCode < 400 || (statusCode === 500 && isUnavailable(failure))
}

/** Null where another plugin answered before the first hook of this one. */
function stateOf(plimsoll: unknown): RequestSession | null {
  return plimsoll as RequestSession | null
}
