import { type RequestHandler, Router } from 'express'

/** A registry of prom-client. */
export interface MetricsRegister {
  readonly contentType: string
  metrics(): Promise<string>
}

export interface MetricsRouteOptions {
  readonly register: MetricsRegister
  /** Lets in who may read the metrics. */
  readonly guard?: RequestHandler
}

/**
 * `/metrics` for Prometheus. For the inside only: give it a guard, or mount it on a port of its own.
 *
 * @example
 * inside.use(metricsRoute({ register }))
 */
export function metricsRoute({ register, guard }: MetricsRouteOptions): RequestHandler {
  const router = Router()
  const guards = guard ? [guard] : []
  router.get('/metrics', ...guards, (_req, res, next) => {
    register
      .metrics()
      .then((text) => {
        // `end` and not `send`, which would put another charset into a content type that Prometheus knows.
        res.setHeader('Content-Type', register.contentType)
        res.end(text)
      })
      .catch(next)
  })
  return router
}
