import type { FastifyPluginAsync } from 'fastify'
import { earlyRoute, type Guard } from './early-route.ts'

/** What has a health: a cache, or the sessions. */
export interface HasHealth {
  health(): { readonly mode: string; readonly sessions?: { readonly trusted: boolean } }
}

export interface HealthRoutesOptions {
  readonly cache?: HasHealth | undefined
  readonly sessions?: HasHealth | undefined
  /** Lets in who may see the details at `/health`; without it there is no such route. */
  readonly details?: Guard | undefined
  /** False while the service has not started yet, or is shutting down: `/readyz` is then 503. Default: always ready. */
  readonly ready?: (() => boolean) | undefined
}

/**
 * Health for an orchestrator: `/healthz` (liveness) says that the process answers, and never depends on Redis: a restart
 * would cure nothing. `/readyz` (readiness) is 200 also in a degraded mode, and tells it in the body: taking every
 * process out of service because Redis is away would be the outage. `/health` tells all, to those whom the guard lets in.
 *
 * @example
 * const inside = Fastify()
 * await inside.register(healthRoutes, { cache, sessions, details: 'own-port' })
 * await inside.listen({ port: 9090 })
 */
export const healthRoutes: FastifyPluginAsync<HealthRoutesOptions> = async (fastify, options) => {
  const { details, ready } = options
  const parts = Object.entries({ cache: options.cache, sessions: options.sessions }).flatMap(([name, part]) =>
    part ? [{ name, part }] : [],
  )

  await earlyRoute(fastify, '/healthz', 'own-port', () => ({ status: 'ok' }))

  await earlyRoute(fastify, '/readyz', 'own-port', (reply) => {
    const healths = parts.map(({ name, part }) => ({ name, ...part.health() }))
    const modes = Object.fromEntries(healths.map(({ name, mode }) => [name, mode]))
    if (ready && !ready()) {
      reply.code(503)
      return { status: 'not ready', ...modes }
    }
    const degraded = healths.some(({ mode, sessions }) => mode !== 'normal' || sessions?.trusted === false)
    return { status: degraded ? 'degraded' : 'ok', ...modes }
  })

  if (details) {
    const tellAll = () => Object.fromEntries(parts.map(({ name, part }) => [name, part.health()]))
    await earlyRoute(fastify, '/health', details, tellAll)
  }
}
