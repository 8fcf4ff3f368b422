import type express from 'express'
import type { Express, Request } from 'express'
import { FakeSessions } from './fake-sessions.fixture.ts'
import { type PlimsollSessionOptions, plimsollSession } from './plimsoll-session.ts'
import { cookieOf } from './served.fixture.ts'

/** What the core tells where sessions cannot be kept, as a client sees it. */
export const unavailable = { code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' }

export interface WithSessions {
  readonly sessions: FakeSessions
  readonly app: Express
  /** A visitor with a session that holds `{ cart: ['tea'] }`; the calls that made it are forgotten. */
  returning(url: string): Promise<{ readonly headers: { readonly cookie: string } }>
}

/** An app behind `plimsollSession()`, with the core in memory. */
export function withSessions(create: typeof express, options: Partial<PlimsollSessionOptions> = {}): WithSessions {
  const sessions = new FakeSessions()
  const app = create()
  app.use(plimsollSession(sessions, { secret: 'x', cookie: { maxAge: 60_000 }, ...options }))
  app.post('/fill', (req, res) => {
    held(req)['cart'] = ['tea']
    res.json({})
  })
  return {
    sessions,
    app,
    returning: async (url) => {
      const made = await fetch(`${url}/fill`, { method: 'POST' })
      sessions.calls.length = 0
      return { headers: { cookie: cookieOf(made) } }
    },
  }
}

/** The session as these services use it: anything may be in it. */
export function held(req: Request): Record<string, unknown> {
  return req.session as unknown as Record<string, unknown>
}
