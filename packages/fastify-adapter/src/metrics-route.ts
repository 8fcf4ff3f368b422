import type { FastifyPluginAsync } from 'fastify'
import { earlyRoute, type Guard } from './early-route.ts'

/** A registry of prom-client. */
export interface MetricsRegister {
  readonly contentType: string
  metrics(): Promise<string>
}

export interface MetricsRouteOptions {
  readonly register: MetricsRegister
  /** Lets in who may read the metrics. */
  readonly guard: Guard
}

/**
 * `/metrics` for Prometheus. For a port of its own register it on another Fastify instance.
 *
 * @example
 * collectMetrics(sessions, { register })
 * await inside.register(metricsRoute, { register, guard: 'own-port' })
 */
export const metricsRoute: FastifyPluginAsync<MetricsRouteOptions> = async (fastify, { register, guard }) => {
  await earlyRoute(fastify, '/metrics', guard, (reply) => {
    reply.header('content-type', register.contentType)
    return register.metrics()
  })
}
