import pg from 'pg'
import { type Cache, createCache } from '../../packages/core/src/index.ts'
import { createSessions, postgresBacking, type Sessions } from '../../packages/core/src/session/index.ts'
import { answerRequests } from './fleet-worker.ts'
import type { SessionServiceOptions, SessionServiceRequest } from './session-service.ts'

/** What a process of the session service holds, whatever its framework. */
export interface SessionServiceParts {
  readonly express: SessionServiceOptions['express']
  readonly sessions: Sessions
  readonly cache: Cache
  /** Answers the parent from now on, and closes all when it is told to, the server first. */
  serve(host: string, closeServer: () => unknown): void
}

/** By the options that the process was started with. */
export function openSessionServiceParts(): SessionServiceParts {
  const { backing, express, ...options } = JSON.parse(process.argv[2] ?? '') as SessionServiceOptions
  const pool = backing === undefined ? undefined : new pg.Pool({ connectionString: backing, query_timeout: 2_000 })
  pool?.on('error', () => {})
  const sessions = createSessions({
    ...options,
    name: 'service',
    backing: pool && postgresBacking(pool),
    userOf: ({ user }) => (typeof user === 'string' ? user : undefined),
  })
  const cache = createCache({ name: 'pages', redis: options.redis })
  const serve = (host: string, closeServer: () => unknown): void =>
    answerRequests(
      (request: SessionServiceRequest): unknown => {
        if (request === 'url') return `http://${host}`
        return request === 'health' ? sessions.health() : sessions.statistics()
      },
      async () => {
        await closeServer()
        await Promise.all([sessions.close(), cache.close()])
        await pool?.end()
      },
    )
  return { express, sessions, cache, serve }
}
