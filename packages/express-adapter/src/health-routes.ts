import { type RequestHandler, type Response, Router } from 'express'

/** What has a health: a cache, or the sessions. */
export interface HasHealth {
  health(): {
    readonly mode: string
    readonly reasons: readonly string[]
    readonly sessions?: { readonly trusted: boolean }
  }
}

export interface HealthRoutesOptions {
  readonly cache?: HasHealth
  readonly sessions?: HasHealth
  /** Lets in who may see the details at `/health`; without a guard there is no such route. */
  readonly details?: RequestHandler | false
  /** False while the service has not started yet, or is shutting down: `/readyz` is then 503. Default: always ready. */
  readonly ready?: () => boolean
}

/**
 * Health for an orchestrator: `/healthz` (liveness) says that the process answers, and never depends on Redis: a restart
 * would cure nothing. `/readyz` (readiness) is 200 also in a degraded mode, and tells it in the body: taking every
 * process out of service because Redis is away would be the outage. `/health` tells all, to those whom the guard lets in.
 *
 * For the inside only: mount it on a port of its own, or where the world cannot reach it.
 *
 * @example
 * const inside = express()
 * inside.use(healthRoutes({ cache, sessions, ready: () => !stopping }))
 * inside.listen(9090)
 */
export function healthRoutes({ cache, sessions, details, ready }: HealthRoutesOptions): RequestHandler {
  const parts = Object.entries({ cache, sessions }).flatMap(([name, part]) => (part ? [{ name, part }] : []))
  const router = Router()

  router.get('/healthz', (_req, res) => reply(res, 200, { status: 'ok' }))

  router.get('/readyz', (_req, res) => {
    const modes = Object.fromEntries(parts.map(({ name, part }) => [name, modeOf(part)]))
    if (ready && !ready()) return reply(res, 503, { status: 'not ready', ...modes })
    const degraded = Object.values(modes).some((mode) => mode !== 'normal')
    return reply(res, 200, { status: degraded ? 'degraded' : 'ok', ...modes })
  })

  if (details) {
    router.get('/health', details, (_req, res) => {
      reply(res, 200, Object.fromEntries(parts.map(({ name, part }) => [name, part.health()])))
    })
  }
  return router
}

/** After a loss of data the connection is as ever, and unknown sessions are not to be taken for none. */
function modeOf(part: HasHealth): string {
  const { mode, sessions } = part.health()
  return mode === 'normal' && sessions?.trusted === false ? 'untrusted' : mode
}

function reply(res: Response, status: number, body: object): void {
  res.status(status).set('Cache-Control', 'no-store').json(body)
}
