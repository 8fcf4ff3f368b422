import type { Express, RequestHandler } from 'express'
import { beforeEach, describe, expect, test } from 'vitest'
import type { FakeSessions } from './fake-sessions.fixture.ts'
import { isDegraded, loginSession, sessionUser } from './login.ts'
import { expressVersions, serve } from './served.fixture.ts'
import { held, unavailable, type WithSessions, withSessions } from './served-sessions.fixture.ts'

describe.each(expressVersions)('a session that cannot be loaded on Express %i', (_version, create) => {
  let sessions: FakeSessions
  let app: Express
  let returning: WithSessions['returning']

  beforeEach(() => {
    ;({ sessions, app, returning } = withSessions(create))
  })

  async function degraded(handler: RequestHandler): Promise<Response> {
    app.get('/', handler)
    const url = await serve(app)
    const visitor = await returning(url)
    sessions.isDown = true
    return fetch(url, visitor)
  }

  test('the request goes on, with an untouched cookie and without another call', async () => {
    const response = await degraded((req, res) => {
      res.json({ degraded: isDegraded(req), user: sessionUser(req) ?? null, cart: held(req)['cart'] ?? null })
    })

    expect(await response.json()).toEqual({ degraded: true, user: null, cart: null })
    expect(response.headers.getSetCookie()).toEqual([])
    expect(sessions.calls).toEqual(['load'])
  })

  test.each<[string, (session: Record<string, unknown>) => void]>([
    ['sets', (session) => (session['user'] = 'ann')],
    ['deletes', (session) => delete session['user']],
    ['defines', (session) => Object.defineProperty(session, 'user', { value: 'ann' })],
    ['changes the cookie', (session) => Object.assign(session['cookie'] as object, { maxAge: 1 })],
  ])('a handler that %s gets a typed error, and the client 503', async (_name, change) => {
    let caught: unknown
    const response = await degraded((req, res) => {
      try {
        change(held(req))
      } catch (error) {
        caught = error
      }
      res.json({ text: 'all is well' })
    })

    expect(caught).toMatchObject({ code: 'PLIMSOLL_SESSIONS_UNAVAILABLE', statusCode: 503, retryAfter: 7 })
    expect(response.status).toBe(503)
    expect(await response.json()).toEqual(unavailable)
    expect(response.headers.get('retry-after')).toBe('7')
  })

  test('a handler that fails for what is not there answers 503, not 500', async () => {
    const response = await degraded((req, res) => {
      res.json({ first: (held(req)['cart'] as string[])[0] })
    })

    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('7')
  })

  test('a handler that fails for another reason answers what it always does', async () => {
    const response = await degraded(() => {
      throw new Error('boom')
    })

    expect(response.status).toBe(500)
  })

  test.each(['save', 'regenerate', 'reload', 'destroy'] as const)('%s tells its callback', async (method) => {
    const response = await degraded((req, res) => {
      req.session[method]((error: unknown) => void res.json({ code: (error as { code?: string }).code }))
    })

    expect(await response.json()).toEqual(unavailable)
    expect(response.headers.getSetCookie()).toEqual([])
  })

  test('what a shadow holds can be read, at any depth, and not be changed', async () => {
    sessions.hasShadow = true
    app.get('/read', (req, res) => void res.json({ cart: held(req)['cart'], degraded: isDegraded(req) }))
    app.get('/change', (req, res) => {
      ;(held(req)['cart'] as string[]).push('coffee')
      res.json({})
    })
    const url = await serve(app)
    const visitor = await returning(url)
    await fetch(`${url}/read`, visitor)
    sessions.isDown = true

    expect(await (await fetch(`${url}/read`, visitor)).json()).toEqual({ cart: ['tea'], degraded: true })
    expect((await fetch(`${url}/change`, visitor)).status).toBe(503)
  })

  test('what a shadow holds replaces no method and no prototype', async () => {
    sessions.hasShadow = true
    app.get('/read', (req, res) => {
      req.session.touch()
      res.json({ polluted: 'polluted' in req.session, plain: held(req)['plain'] })
    })
    const url = await serve(app)
    const visitor = await returning(url)
    for (const kept of sessions.kept.values()) {
      kept.json = '{"__proto__":{"polluted":1},"touch":1,"id":2,"plain":3,"cookie":{"originalMaxAge":60000}}'
    }
    await fetch(`${url}/read`, visitor)
    sessions.isDown = true

    expect(await (await fetch(`${url}/read`, visitor)).json()).toEqual({ polluted: false, plain: 3 })
  })

  test.each<[string, RequestHandler]>([
    [
      'does not wait for it',
      (req, res) => {
        req.session.destroy(() => {})
        res.redirect('/')
      },
    ],
    ['does not mind its error', (req, res) => void req.session.destroy(() => res.redirect('/'))],
  ])('a destroy that Redis has not heard of is 503, at once, where the handler %s', async (_name, handler) => {
    app.post('/logout', handler)
    const url = await serve(app)
    const visitor = await returning(url)
    sessions.isDown = true
    // Redis is frozen: nobody answers.
    sessions.gate = new Promise(() => {})
    const response = await fetch(`${url}/logout`, { ...visitor, method: 'POST', redirect: 'manual' })

    expect(response.status).toBe(503)
    expect(sessions.calls).toEqual(['load', 'destroy'])
  })

  test('a login whose error the handler swallows is 503', async () => {
    const response = await degraded((req, res, next) => {
      loginSession(req, 'ann')
        .catch(() => {})
        .then(() => res.json({}), next)
    })

    expect(response.status).toBe(503)
  })

  test('a handler that misses the id of the session is told of as 503', async () => {
    const response = await degraded((req, res) => {
      res.json({ length: req.sessionID.length })
    })

    expect(response.status).toBe(503)
  })
})
