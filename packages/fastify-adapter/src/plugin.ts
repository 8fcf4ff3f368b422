import type { Cache } from '@plimsoll/core'
import type { RouteRules } from '@plimsoll/core/http'
import type { Sessions } from '@plimsoll/core/session'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { type HealthRoutesOptions, healthRoutes } from './health-routes.ts'
import { type MetricsRouteOptions, metricsRoute } from './metrics-route.ts'
import type { RequestSession } from './request-session.ts'
import { cacheReplies, type ResponsesOfCore, watchRequests } from './response-cache.ts'
import { addSessions, type SessionOptions } from './session-hooks.ts'

export interface PlimsollOptions {
  /** Becomes `fastify.cache`. */
  readonly cache?: Cache
  /** Becomes `fastify.sessions`, and the store of @fastify/session. Register @fastify/cookie first. */
  readonly sessions?: Sessions
  /** What @fastify/session is to be told; `saveUninitialized` is false unless set. Needed with `sessions`. */
  readonly session?: SessionOptions
  /** Caches the replies of routes that say `config: { cache: { … } }`. */
  readonly responses?: ResponsesOfCore
  /** `/healthz` and `/readyz`, and `/health` for those whom `details` lets in. Default none. */
  readonly health?: boolean | Omit<HealthRoutesOptions, 'cache' | 'sessions'>
  /** `/metrics`, for those whom the guard lets in. Default none. */
  readonly metrics?: MetricsRouteOptions
  /** Closes `cache` and `sessions` when Fastify closes. Default false: who opened them closes them. */
  readonly close?: boolean
}

declare module 'fastify' {
  interface FastifyInstance {
    cache: Cache
    sessions: Sessions
  }
  interface FastifyRequest {
    /** What is known of the session of this request; null before it was looked for. */
    plimsoll: Pick<RequestSession, 'degraded' | 'user'>
  }
  interface FastifyContextConfig {
    /** How the replies of this route are cached; nothing is without it. */
    cache?: RouteRules
  }
}

const registerPlimsoll: FastifyPluginAsync<PlimsollOptions> = async (fastify, options) => {
  // Without its secret @fastify/session says that there has to be one.
  const { cache, sessions, session = {} as SessionOptions, responses, health, metrics } = options
  if (cache) fastify.decorate('cache', cache)
  if (sessions) fastify.decorate('sessions', sessions)
  // In a scope of their own, and before the hooks below are there: a probe asks for no session.
  if (health) await fastify.register(healthRoutes, { cache, sessions, ...(health === true ? {} : health) })
  if (metrics) await fastify.register(metricsRoute, metrics)
  // The order counts: replies are gathered before sessions add a cookie, and sessions watched after they are loaded.
  if (responses) cacheReplies(fastify, responses)
  if (sessions) await addSessions(fastify, sessions, session)
  if (responses) watchRequests(fastify)
  if (options.close) {
    fastify.addHook('onClose', async () => {
      await Promise.all([cache?.close(), sessions?.close()])
    })
  }
}

/**
 * Sessions, cached replies, health and metrics for Fastify. Registering never waits for Redis.
 *
 * @example
 * await app.register(fastifyCookie)
 * await app.register(plimsoll, { sessions, session: { secret, cookie: { maxAge: 3_600_000 } } })
 */
export const plimsoll = fp(registerPlimsoll, {
  fastify: '5.x',
  name: '@plimsoll/fastify-adapter',
  // Sessions need @fastify/cookie, which @fastify/session asks for by itself; a cache alone does not.
  dependencies: [],
})
