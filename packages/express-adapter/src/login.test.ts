import type { Express } from 'express'
import { beforeEach, describe, expect, test } from 'vitest'
import type { FakeSessions } from './fake-sessions.fixture.ts'
import { loginSession, logoutEverywhere, logoutSession, sessionUser } from './login.ts'
import { cookieOf, expressVersions, serve } from './served.fixture.ts'
import { held, unavailable, type WithSessions, withSessions } from './served-sessions.fixture.ts'
import { sessionErrors } from './session-errors.ts'

describe.each(expressVersions)('logging in and out on Express %i', (_version, create) => {
  let sessions: FakeSessions
  let app: Express
  let returning: WithSessions['returning']

  beforeEach(() => {
    ;({ sessions, app, returning } = withSessions(create))
  })

  beforeEach(() => {
    app.post('/login', (req, res, next) => {
      loginSession(req, 'ann', { name: 'Ann' }).then(() => res.json({ user: sessionUser(req) }), next)
    })
    app.post('/logout', (req, res, next) => {
      logoutSession(req).then(() => res.json({}), next)
    })
    app.post('/everywhere', (req, res, next) => {
      const keepThis = req.query['keep'] !== undefined
      logoutEverywhere(req, { keepThis }).then((ended) => res.json({ ended }), next)
    })
    app.get('/who', (req, res) => void res.json({ user: sessionUser(req) ?? null, held: held(req)['name'] ?? null }))
    app.use(sessionErrors())
  })

  test('a login has another id, holds its data and nothing of the old session, and is one call', async () => {
    const url = await serve(app)
    const before = await returning(url)
    const response = await fetch(`${url}/login`, { method: 'POST', ...before })
    const headers = { cookie: cookieOf(response) }

    expect(await response.json()).toEqual({ user: 'ann' })
    expect(headers.cookie).not.toBe(before.headers.cookie)
    expect(sessions.calls.filter((call) => call !== 'touch')).toEqual(['load', 'regenerate'])
    expect(sessions.kept.size).toBe(1)
    expect(await (await fetch(`${url}/who`, { headers })).json()).toEqual({ user: 'ann', held: 'Ann' })
    expect([...sessions.kept.values()][0]?.json).not.toContain('tea')
  })

  test('a login that was not acknowledged leaves session and cookie as they were', async () => {
    const url = await serve(app)
    const visitor = await returning(url)
    sessions.isFull = true
    const response = await fetch(`${url}/login`, { method: 'POST', ...visitor })

    expect(response.status).toBe(503)
    expect(await response.json()).toEqual(unavailable)
    expect(response.headers.get('retry-after')).toBe('7')
    expect(response.headers.getSetCookie()).toEqual([])
    expect([...sessions.kept.values()].map(({ json }) => json)).toEqual([expect.stringContaining('tea')])
  })

  test('a handler that catches a failed login goes on with the session that it had', async () => {
    app.post('/try', (req, res, next) => {
      loginSession(req, 'ann')
        .catch(() => res.json({ cart: held(req)['cart'], id: req.sessionID === req.session.id }))
        .catch(next)
    })
    const url = await serve(app)
    const visitor = await returning(url)
    sessions.isFull = true
    const response = await fetch(`${url}/try`, { method: 'POST', ...visitor })

    expect(await response.json()).toEqual({ cart: ['tea'], id: true })
    expect(response.headers.getSetCookie()).toEqual([])
  })

  test('a logout destroys the session and clears the cookie', async () => {
    const url = await serve(app)
    const headers = { cookie: cookieOf(await fetch(`${url}/login`, { method: 'POST' })) }
    const response = await fetch(`${url}/logout`, { method: 'POST', headers })

    expect(response.headers.getSetCookie()[0]).toMatch(/^connect\.sid=; Path=\/; Expires=Thu, 01 Jan 1970/)
    expect(sessions.kept.size).toBe(0)
  })

  test('a logout that was not acknowledged leaves the cookie', async () => {
    const url = await serve(app)
    const headers = { cookie: cookieOf(await fetch(`${url}/login`, { method: 'POST' })) }
    sessions.isDown = true
    const response = await fetch(`${url}/logout`, { method: 'POST', headers })

    expect(response.status).toBe(503)
    expect(response.headers.getSetCookie()).toEqual([])
    expect(sessions.calls.at(-1)).toBe('destroy')
  })

  test('a logout of nobody is no error', async () => {
    sessions.isDown = true

    expect((await fetch(`${await serve(app)}/logout`, { method: 'POST' })).status).toBe(200)
  })

  test('logout everywhere ends all sessions of the user, or all others', async () => {
    const url = await serve(app)
    const login = async () => ({ cookie: cookieOf(await fetch(`${url}/login`, { method: 'POST' })) })
    const [phone, laptop] = [await login(), await login()]

    const others = await fetch(`${url}/everywhere?keep`, { method: 'POST', headers: phone })
    expect(await others.json()).toEqual({ ended: 1 })
    expect(others.headers.getSetCookie()).toEqual([])
    expect(await (await fetch(`${url}/who`, { headers: laptop })).json()).toMatchObject({ user: null })

    const all = await fetch(`${url}/everywhere`, { method: 'POST', headers: phone })
    expect(await all.json()).toEqual({ ended: 1 })
    expect(all.headers.getSetCookie()[0]).toMatch(/Expires=Thu, 01 Jan 1970/)
  })

  test('an error page of Express itself tells when to come back', async () => {
    ;({ sessions, app } = withSessions(create))
    app.post('/login', (req, _res, next) => {
      loginSession(req, 'ann').catch(next)
    })
    sessions.isFull = true
    const response = await fetch(`${await serve(app)}/login`, { method: 'POST' })

    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('7')
  })
})
