import type { Express, RequestHandler } from 'express'
import { beforeEach, describe, expect, test } from 'vitest'
import type { FakeSessions } from './fake-sessions.fixture.ts'
import { loginSession, sessionUser } from './login.ts'
import { requireSession } from './require-session.ts'
import { cookieOf, expressVersions, serve } from './served.fixture.ts'
import { unavailable, withSessions } from './served-sessions.fixture.ts'

describe.each(expressVersions)('requireSession on Express %i', (_version, create) => {
  let sessions: FakeSessions
  let app: Express

  beforeEach(() => {
    ;({ sessions, app } = withSessions(create))
  })

  async function guarded(guard: RequestHandler): Promise<{ url: string; headers: { cookie: string } }> {
    app.post('/login', (req, res, next) => {
      loginSession(req, 'ann').then(() => res.json({}), next)
    })
    app.get('/', guard, (_req, res) => void res.json({ text: 'for members' }))
    const url = await serve(app)
    return { url, headers: { cookie: cookieOf(await fetch(`${url}/login`, { method: 'POST' })) } }
  }

  test('lets in who is logged in, and answers 401 to others', async () => {
    const { url, headers } = await guarded(requireSession())

    expect((await fetch(url, { headers })).status).toBe(200)
    const refused = await fetch(url)
    expect(refused.status).toBe(401)
    expect(await refused.json()).toEqual({ code: 'PLIMSOLL_LOGIN_REQUIRED' })
  })

  test('answers 503 and not 401 while sessions cannot be read', async () => {
    const { url, headers } = await guarded(requireSession())
    sessions.isDown = true
    const response = await fetch(url, { headers })

    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('7')
    expect(await response.json()).toEqual(unavailable)
    expect(response.headers.getSetCookie()).toEqual([])
    expect((await fetch(url)).status).toBe(401)
  })

  test.each([
    [false, 200],
    [true, 503],
  ])('with a copy from the shadow, sensitive: %s answers %i', async (sensitive, status) => {
    sessions.hasShadow = true
    const { url, headers } = await guarded(requireSession({ sensitive }))
    expect((await fetch(url, { headers })).status).toBe(200)
    sessions.isDown = true

    expect((await fetch(url, { headers })).status).toBe(status)
  })

  test('who may pass can be told otherwise', async () => {
    const { url, headers } = await guarded(requireSession({ user: (req) => sessionUser(req) === 'bob' }))

    expect((await fetch(url, { headers })).status).toBe(401)
  })

  test('without a user it only asks that sessions can be trusted', async () => {
    const { url, headers } = await guarded(requireSession({ user: false }))

    expect((await fetch(url)).status).toBe(200)
    sessions.isDown = true
    expect((await fetch(url, { headers })).status).toBe(503)
  })
})
