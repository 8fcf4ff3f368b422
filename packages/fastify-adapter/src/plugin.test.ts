import fastifyCookie from '@fastify/cookie'
import type { Cache } from '@plimsoll/core'
import type { RouteRules } from '@plimsoll/core/http'
import type { Sessions } from '@plimsoll/core/session'
import Fastify, { type FastifyInstance } from 'fastify'
import { Registry } from 'prom-client'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { InMemorySessions, unavailable } from './in-memory-sessions.fixture.ts'
import plimsoll, { healthRoutes, metricsRoute } from './index.ts'
import { secret } from './service.fixture.ts'

function fakeCache(mode = 'normal') {
  const closed: string[] = []
  return {
    closed,
    cache: { health: () => ({ mode }), close: async () => void closed.push('cache') } as unknown as Cache,
  }
}

function fakeSessions({ mode = 'normal', trusted = true } = {}) {
  const sessions = new InMemorySessions()
  Object.assign(sessions, { health: () => ({ mode, sessions: { trusted } }) })
  return { kept: sessions, sessions: sessions as unknown as Sessions }
}

async function withCookies(): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(fastifyCookie)
  return app
}

const refuse = async () => {
  throw Object.assign(new Error(), { statusCode: 403 })
}

it('decorates the instance with what it is given, and needs no cookies without sessions', async () => {
  const { cache } = fakeCache()
  const app = Fastify()
  await app.register(plimsoll, { cache })
  expect(app.cache).toBe(cache)
  expect(app.hasDecorator('sessions')).toBe(false)
})

it('names what is missing: @fastify/cookie, or a secret', async () => {
  const { sessions } = fakeSessions()
  const session = { secret }
  await expect(async () => Fastify().register(plimsoll, { sessions, session })).rejects.toThrow('@fastify/cookie')
  await expect(async () => (await withCookies()).register(plimsoll, { sessions })).rejects.toThrow('secret')
})

it('closes nothing that others opened, unless it is told to', async () => {
  for (const close of [false, true]) {
    const { cache, closed } = fakeCache()
    const { sessions, kept } = fakeSessions()
    const app = await withCookies()
    await app.register(plimsoll, { cache, sessions, session: { secret }, close })
    await app.close()
    expect([...closed, ...kept.calls]).toEqual(close ? ['cache', 'close'] : [])
  }
})

describe('health', () => {
  it('is alive whatever Redis does, and ready also where degraded', async () => {
    const troubles = [fakeSessions({ mode: 'local-only' }), fakeSessions({ trusted: false })]
    for (const { sessions } of troubles) {
      const app = await withCookies()
      await app.register(plimsoll, { sessions, session: { secret }, health: true })
      expect(await app.inject('/healthz')).toMatchObject({ statusCode: 200, body: '{"status":"ok"}' })
      expect(await app.inject('/readyz')).toMatchObject({ statusCode: 200 })
      expect((await app.inject('/readyz')).json()).toMatchObject({ status: 'degraded' })
      expect((await app.inject('/health')).statusCode).toBe(404)
    }
    const app = Fastify()
    await app.register(plimsoll, { cache: fakeCache().cache, health: true })
    expect((await app.inject('/readyz')).json()).toEqual({ status: 'ok', cache: 'normal' })
  })

  it('shows details to those alone whom the guard lets pass', async () => {
    let allowed = false
    const app = Fastify()
    const guard = async () => {
      if (!allowed) await refuse()
    }
    await app.register(plimsoll, { cache: fakeCache('read-only').cache, health: { details: guard } })
    expect((await app.inject('/health')).statusCode).toBe(403)
    expect((await app.inject('/healthz')).statusCode).toBe(200)
    allowed = true
    expect((await app.inject('/health')).json()).toMatchObject({ cache: { mode: 'read-only' } })
  })

  it('asks for no session, sets no cookie, and answers while sessions are away', async () => {
    const { sessions, kept } = fakeSessions()
    const app = await withCookies()
    await app.register(plimsoll, { sessions, session: { secret, cookie: { secure: false } }, health: true })
    app.post('/visit', async ({ session }) => {
      session.visits = 1
    })
    const visit = await app.inject({ method: 'POST', url: '/visit' })
    const cookie = String(visit.headers['set-cookie']).split(';')[0]
    kept.calls.length = 0
    kept.failing.load = unavailable()
    const reply = await app.inject({ url: '/healthz', headers: { cookie } })
    expect(reply.statusCode).toBe(200)
    expect(reply.headers['set-cookie']).toBeUndefined()
    expect(kept.calls).toEqual([])
  })

  it('has a port of its own on another instance', async () => {
    const admin = Fastify()
    await admin.register(healthRoutes, { cache: fakeCache().cache, details: 'own-port' })
    await admin.register(metricsRoute, { register: new Registry(), guard: 'own-port' })
    expect((await admin.inject('/health')).json()).toMatchObject({ cache: { mode: 'normal' } })
    expect((await admin.inject('/metrics')).statusCode).toBe(200)
  })
})

it('shows metrics to those alone whom the guard lets pass', async () => {
  const register = new Registry()
  const app = Fastify()
  await app.register(metricsRoute, { register, guard: refuse })
  expect((await app.inject('/metrics')).statusCode).toBe(403)
  const open = Fastify()
  await open.register(metricsRoute, { register, guard: async () => {} })
  const reply = await open.inject('/metrics')
  expect(reply.headers['content-type']).toBe(register.contentType)
})

it('tells that a process is not ready', async () => {
  const app = Fastify()
  await app.register(plimsoll, { cache: fakeCache().cache, health: { ready: () => false } })
  expect(await app.inject('/readyz')).toMatchObject({ statusCode: 503 })
})

it('types what it decorates', () => {
  expectTypeOf<FastifyInstance['cache']>().toEqualTypeOf<Cache>()
  expectTypeOf<FastifyInstance['sessions']>().toEqualTypeOf<Sessions>()
  Fastify().get('/', { config: { cache: { public: true, ttl: '1m' } } }, async ({ plimsoll: known, routeOptions }) => {
    expectTypeOf(known.degraded).toEqualTypeOf<boolean>()
    expectTypeOf(known.user).toEqualTypeOf<string | undefined>()
    const rules: RouteRules | undefined = routeOptions.config.cache
    expectTypeOf(rules?.public).toEqualTypeOf<boolean | undefined>()
  })
  // @ts-expect-error: no duration
  Fastify().get('/', { config: { cache: { ttl: true } } }, async () => '')
})
