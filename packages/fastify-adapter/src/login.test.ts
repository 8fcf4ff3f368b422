import type { FastifyInstance } from 'fastify'
import { expect, it } from 'vitest'
import { coreError, unavailable } from './in-memory-sessions.fixture.ts'
import { loginSession, logoutEverywhere, logoutSession, sessionUser } from './login.ts'
import { requireSession } from './require-session.ts'
import { openService, secret } from './service.fixture.ts'

function routes(app: FastifyInstance): void {
  app.post<{ Querystring: { user: string } }>('/login', async (request) => {
    await loginSession(request, request.query.user, { cart: ['from login'] })
    return { user: sessionUser(request), cart: request.session.cart }
  })
  app.post('/bare-login', async (request, reply) => {
    await loginSession(request, 'ada')
    return reply.redirect('/account', 303)
  })
  app.post('/visit', async ({ session }) => {
    session.visits = 1
    return {}
  })
  app.get('/account', { onRequest: requireSession() }, async (request) => ({
    ...{ user: sessionUser(request), cart: request.session.cart, visits: request.session.visits },
  }))
  app.post('/logout', async (request, reply) => {
    await logoutSession(request, reply)
    return { user: sessionUser(request) ?? null }
  })
  app.post<{ Querystring: { keep?: string } }>('/logout-everywhere', async (request, reply) => ({
    ended: await logoutEverywhere(request, reply, { keepThis: request.query.keep !== undefined }),
  }))
}

it('logs in with a new id, the data given and nothing of the old session', async () => {
  const { browser, sessions } = await openService(routes)
  await browser.post('/visit')
  const [before] = sessions.kept.keys()
  const reply = await browser.post('/login?user=ada')
  expect(reply).toMatchObject({ status: 200, json: { user: 'ada', cart: ['from login'] } })
  expect([...sessions.kept.keys()]).toHaveLength(1)
  expect(sessions.kept.has(before ?? '')).toBe(false)
  expect((await browser.get('/account')).json).toEqual({ user: 'ada', cart: ['from login'] })
})

it('stores a login before a redirect is sent, and sets one cookie', async () => {
  const { browser, sessions } = await openService(routes)
  const reply = await browser.post('/bare-login')
  expect(reply.status).toBe(303)
  expect(reply.setCookie).toHaveLength(1)
  expect(sessions.writes).toBe(1)
  expect((await browser.get('/account')).json).toEqual({ user: 'ada' })
  const again = await browser.post('/bare-login')
  expect(again.setCookie).toHaveLength(1)
  expect((await browser.get('/account')).json).toEqual({ user: 'ada' })
})

it('leaves session and cookie as they were where a login cannot be kept', async () => {
  const { browser, sessions } = await openService(routes)
  await browser.post('/visit')
  const [before] = [...sessions.kept]
  const { cookie } = browser
  sessions.failing.save = unavailable()
  sessions.saves.length = 0
  const reply = await browser.post('/login?user=ada')
  expect(reply).toMatchObject({ status: 503, json: { code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' }, setCookie: [] })
  expect(reply.headers['retry-after']).toBe('7')
  expect([...sessions.kept]).toEqual([before])
  expect(sessions.saves).toEqual([])
  expect(browser.cookie).toBe(cookie)
})

it('gives a handler that catches a failed login the session that it had', async () => {
  const { browser, sessions } = await openService((app) => {
    routes(app)
    app.post('/try-login', async (request, reply) => {
      await loginSession(request, 'ada').catch(() => {})
      return reply.code(503).send({ visits: request.session.visits })
    })
  })
  await browser.post('/visit')
  sessions.failing.save = unavailable()
  expect(await browser.post('/try-login')).toMatchObject({ status: 503, json: { visits: 1 }, setCookie: [] })
})

it('refuses a login while the session of the request cannot be loaded', async () => {
  const { browser, sessions } = await openService(routes)
  await browser.post('/visit')
  sessions.failing.load = unavailable()
  sessions.calls.length = 0
  expect(await browser.post('/login?user=ada')).toMatchObject({ status: 503, setCookie: [] })
  expect(sessions.calls).toEqual(['load'])
})

it('answers a login too many by 409', async () => {
  const { browser, sessions } = await openService(routes)
  sessions.failing.save = coreError('PLIMSOLL_TOO_MANY_SESSIONS', 409)
  const reply = await browser.post('/login?user=ada')
  expect(reply).toMatchObject({ status: 409, json: { code: 'PLIMSOLL_TOO_MANY_SESSIONS' }, setCookie: [] })
})

it('logs out: the session is gone, the cookie cleared, and nobody logged in', async () => {
  const { browser, sessions } = await openService(routes)
  await browser.post('/login?user=ada')
  const { cookie } = browser
  const reply = await browser.post('/logout')
  expect(reply).toMatchObject({ status: 200, json: { user: null } })
  expect(browser.cookie).toBeUndefined()
  expect(sessions.kept.size).toBe(0)
  browser.cookie = cookie
  expect(await browser.get('/account')).toMatchObject({ status: 401, json: { code: 'PLIMSOLL_LOGIN_REQUIRED' } })
})

it('answers a logout that was not acknowledged by 503, and keeps the cookie', async () => {
  const { browser, sessions } = await openService(routes)
  await browser.post('/login?user=ada')
  sessions.failing = { destroy: unavailable() }
  sessions.saves.length = 0
  expect(await browser.post('/logout')).toMatchObject({ status: 503, setCookie: [] })
  sessions.failing = { destroy: unavailable(), load: unavailable() }
  expect(await browser.post('/logout')).toMatchObject({ status: 503, setCookie: [] })
  expect(sessions.saves).toEqual([])
})

it('logs out without having seen the session', async () => {
  const { browser, sessions } = await openService(routes)
  await browser.post('/login?user=ada')
  sessions.failing = { load: unavailable() }
  expect(await browser.post('/logout')).toMatchObject({ status: 200 })
  expect(browser.cookie).toBeUndefined()
  expect(sessions.kept.size).toBe(0)
})

it('does not wait a second time for a Redis that has not answered, and has the logout told all the same', async () => {
  const { browser, sessions } = await openService(routes)
  await browser.post('/login?user=ada')
  sessions.failing.load = Object.assign(unavailable(), { reason: 'unreachable' })
  let told = ''
  sessions.destroy = (id) => {
    told = id
    return new Promise(() => {})
  }
  expect(await browser.post('/logout')).toMatchObject({ status: 503, setCookie: [] })
  expect(sessions.kept.has(told)).toBe(true)
})

it('logs out everywhere, and everywhere else', async () => {
  const { app, browser, sessions } = await openService(routes)
  for (let device = 0; device < 3; device++) await app.inject({ method: 'POST', url: '/login?user=ada' })
  await browser.post('/login?user=ada')
  expect((await browser.post('/logout-everywhere?keep')).json).toEqual({ ended: 3 })
  expect(await browser.get('/account')).toMatchObject({ status: 200 })
  expect((await browser.post('/logout-everywhere')).json).toEqual({ ended: 1 })
  expect(browser.cookie).toBeUndefined()
  expect(sessions.kept.size).toBe(0)
})

it('logs another user in after a logout in the same request', async () => {
  const { browser } = await openService((app) => {
    routes(app)
    app.post('/switch', async (request, reply) => {
      await logoutSession(request, reply)
      await loginSession(request, 'bob', { cart: ['his'] })
      return {}
    })
  })
  await browser.post('/login?user=ada')
  expect(await browser.post('/switch')).toMatchObject({ status: 200, setCookie: [expect.stringContaining('sid=')] })
  expect((await browser.get('/account')).json).toMatchObject({ user: 'bob', cart: ['his'] })
})

it('is 503 where an error handler makes an error page of all errors', async () => {
  const { browser, sessions } = await openService((app) => {
    app.setErrorHandler((_error, _request, reply) => reply.code(500).send('oops'))
    routes(app)
  })
  sessions.failing.save = unavailable()
  const reply = await browser.post('/login?user=ada')
  expect(reply).toMatchObject({ status: 503, json: { code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' } })
  expect(reply.headers['retry-after']).toBe('7')
})

it('clears a cookie by all its attributes: a browser takes no `__Host-` cookie without Secure', async () => {
  const { browser } = await openService(routes, {
    session: { secret, cookieName: '__Host-sid', cookie: { secure: true, sameSite: 'none', partitioned: true } },
  })
  browser.cookie = '__Host-sid=of-some-session'
  const { setCookie } = await browser.post('/logout')
  expect(setCookie).toEqual([expect.stringMatching(/^__Host-sid=;.*Secure.*Partitioned/)])
})
