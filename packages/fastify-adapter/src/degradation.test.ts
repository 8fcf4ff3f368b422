import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { unavailable } from './in-memory-sessions.fixture.ts'
import { isDegraded, sessionUser } from './login.ts'
import { requireSession } from './require-session.ts'
import { openService } from './service.fixture.ts'

function routes(app: FastifyInstance): void {
  app.get('/public', async (request) => ({ visits: request.session.visits ?? 0, degraded: isDegraded(request) }))
  app.post('/visit', async ({ session }) => {
    session.visits = (session.visits ?? 0) + 1
    return { visits: session.visits }
  })
  app.post('/swallow', async ({ session }) => {
    try {
      session.visits = 1
    } catch {}
    return { fine: true }
  })
  app.post('/push', async ({ session }) => {
    session.cart?.push('one more')
    return { cart: session.cart }
  })
  app.get('/account', { onRequest: requireSession() }, async (request) => ({ user: sessionUser(request) }))
  app.get('/password', { onRequest: requireSession({ sensitive: true }) }, async () => ({}))
  app.get('/anybody', { preHandler: requireSession({ user: false }) }, async () => ({}))
  app.get('/careless', async ({ session }) => ({ first: (session.cart as string[]).length }))
  app.post('/seed', async ({ session }) => {
    Object.assign(session, { visits: 5, cart: ['a'] })
    return {}
  })
}

describe('while sessions cannot be loaded', () => {
  async function outage() {
    const service = await openService(routes)
    await service.browser.post('/seed')
    const { cookie } = service.browser
    service.sessions.failing.load = unavailable()
    return { ...service, cookie }
  }

  it('serves public pages to those who come back, and leaves their cookie alone', async () => {
    const { browser } = await outage()
    const reply = await browser.get('/public')
    expect(reply).toMatchObject({ status: 200, json: { visits: 0, degraded: true }, setCookie: [] })
  })

  it('serves those who bring no cookie without asking', async () => {
    const { app, sessions } = await outage()
    sessions.calls.length = 0
    const reply = await app.inject('/public')
    expect(reply.json()).toEqual({ visits: 0, degraded: false })
    expect(sessions.calls).toEqual([])
  })

  it('answers a change by 503 with Retry-After, and saves nothing', async () => {
    const { browser, sessions, cookie } = await outage()
    sessions.calls.length = 0
    const reply = await browser.post('/visit')
    expect(reply).toMatchObject({ status: 503, json: { code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' }, setCookie: [] })
    expect(reply.headers['retry-after']).toBe('7')
    expect(sessions.calls).toEqual(['load'])
    expect(browser.cookie).toBe(cookie)
  })

  it('does not let a handler that swallows the error say that all went well', async () => {
    const { browser } = await outage()
    expect(await browser.post('/swallow')).toMatchObject({ status: 503, setCookie: [] })
  })

  it('answers the error page of a handler that missed the session by 503', async () => {
    const { browser } = await outage()
    expect(await browser.get('/careless')).toMatchObject({ status: 503, setCookie: [] })
  })

  it('guards routes that need a session by 503, never by "not logged in"', async () => {
    const { browser } = await outage()
    for (const url of ['/account', '/password', '/anybody']) {
      const reply = await browser.get(url)
      expect(reply).toMatchObject({ status: 503, json: { code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' }, setCookie: [] })
      expect(reply.headers['retry-after']).toBe('7')
    }
  })

  it('is over as soon as sessions can be loaded again', async () => {
    const { browser, sessions } = await outage()
    await browser.get('/public')
    sessions.failing = {}
    expect(await browser.get('/public')).toMatchObject({ status: 200, json: { visits: 5, degraded: false } })
  })
})

describe('a session from the shadow', () => {
  async function shadow() {
    const service = await openService(routes)
    await service.browser.post('/seed')
    service.sessions.shadowed = true
    return service
  }

  it('can be read', async () => {
    const { browser } = await shadow()
    expect(await browser.get('/public')).toMatchObject({
      ...{ status: 200, setCookie: [] },
      json: { visits: 5, degraded: true },
    })
  })

  it('refuses changes at any depth', async () => {
    const { browser, sessions } = await shadow()
    const { writes } = sessions
    expect(await browser.post('/push')).toMatchObject({ status: 503, setCookie: [] })
    expect(await browser.post('/visit')).toMatchObject({ status: 503, setCookie: [] })
    expect(sessions.writes).toBe(writes)
  })

  it('passes a guard, but not one of a sensitive route', async () => {
    const { browser } = await shadow()
    expect(await browser.get('/anybody')).toMatchObject({ status: 200 })
    expect(await browser.get('/password')).toMatchObject({ status: 503 })
  })
})

describe('while sessions cannot be saved', () => {
  async function refused(more: (app: FastifyInstance) => void = () => {}) {
    const service = await openService((app) => {
      routes(app)
      more(app)
    })
    await service.browser.post('/seed')
    service.sessions.failing.save = unavailable()
    service.sessions.saves.length = 0
    return service
  }

  it('answers an implicit save by 503 with Retry-After and without Set-Cookie, after one attempt', async () => {
    const { app, browser, sessions } = await refused()
    for (const one of [browser, browser.again()]) {
      sessions.saves.length = 0
      const reply = await one.post('/visit')
      expect(reply).toMatchObject({ status: 503, json: { code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' }, setCookie: [] })
      expect(reply.headers['retry-after']).toBe('7')
      expect(sessions.saves).toHaveLength(1)
    }
    const fresh = await app.inject({ method: 'POST', url: '/visit' })
    expect(fresh.statusCode).toBe(503)
    expect(fresh.headers['set-cookie']).toBeUndefined()
  })

  it('takes a redirect back', async () => {
    const { browser } = await refused((app) => {
      app.post('/go', async ({ session }, reply) => {
        session.visits = 9
        return reply.redirect('/there', 303)
      })
    })
    const reply = await browser.post('/go')
    expect(reply.status).toBe(503)
    expect(reply.headers['location']).toBeUndefined()
  })

  it('takes a stream back before its first byte, and closes it', async () => {
    const stream = Readable.from(['much ', 'text'])
    const { browser } = await refused((app) => {
      app.post('/stream', async ({ session }, reply) => {
        session.visits = 9
        return reply.header('content-length', '9').type('text/plain').send(stream)
      })
    })
    const reply = await browser.post('/stream')
    expect(reply).toMatchObject({ status: 503, json: { code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' } })
    expect(stream.destroyed).toBe(true)
  })

  it('serves pages that change nothing, with or without a touch', async () => {
    const { browser, sessions } = await refused()
    expect(await browser.get('/public')).toMatchObject({ status: 200, json: { visits: 5 } })
    sessions.save = async () => {
      throw unavailable()
    }
    expect(await browser.get('/public')).toMatchObject({ status: 200, json: { visits: 5 }, setCookie: [] })
  })

  it("lets a handler's own answer to a failed save stand, unless it says that all went well", async () => {
    const { browser, sessions } = await refused((app) => {
      app.post<{ Querystring: { status: string } }>('/own', async ({ session, query }, reply) => {
        session.visits = 9
        await session.save().catch(() => {})
        return reply.code(Number(query.status)).send({ own: true })
      })
    })
    expect(await browser.post('/own?status=507')).toMatchObject({ status: 507, json: { own: true }, setCookie: [] })
    expect(sessions.saves).toHaveLength(1)
    expect(await browser.post('/own?status=422')).toMatchObject({ status: 422, setCookie: [] })
    expect(await browser.post('/own?status=200')).toMatchObject({ status: 503, setCookie: [] })
  })

  it('keeps the old session when its id cannot be replaced', async () => {
    const { browser, sessions } = await refused((app) => {
      app.post('/regenerate', async ({ session }) => {
        await session.regenerate()
        return {}
      })
    })
    const ids = [...sessions.kept.keys()]
    expect(await browser.post('/regenerate')).toMatchObject({ status: 503, setCookie: [] })
    expect([...sessions.kept.keys()]).toEqual(ids)
  })

  it('answers what is too large by its own status and code', async () => {
    const { browser, sessions } = await refused()
    sessions.failing.save = Object.assign(new Error(), { code: 'PLIMSOLL_SESSION_TOO_LARGE', statusCode: 500 })
    expect(await browser.post('/visit')).toMatchObject({
      ...{ status: 500, setCookie: [] },
      json: { code: 'PLIMSOLL_SESSION_TOO_LARGE' },
    })
  })
})
