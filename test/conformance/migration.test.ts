import type { AddressInfo } from 'node:net'
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import { RedisStore } from 'connect-redis'
import { RedisStore as RedisStore8 } from 'connect-redis-8'
import express, { type Express } from 'express'
import session from 'express-session'
import fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createSessions, type SessionsOptions } from '../../packages/core/src/session/index.ts'
import * as onExpress from '../../packages/express-adapter/src/index.ts'
import * as onFastify from '../../packages/fastify-adapter/src/index.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const secret = 'one secret for the service that was and the service that will be'
const hour = 3_600_000

declare module 'express-session' {
  interface SessionData {
    user: string
    cart: string[]
  }
}

declare module 'fastify' {
  interface Session {
    user?: string
    cart?: string[]
  }
}

interface Service {
  readonly url: string
  close(): Promise<unknown>
}

let redis: RedisServer
let ioredis: Redis
const open: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  redis = await startRedisServer()
  ioredis = new Redis(redis.url)
})

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
  await ioredis.flushall()
})

afterAll(async () => {
  await ioredis.quit()
  await redis.stop()
})

/** The newest connect-redis on node-redis, and the last one on ioredis. */
const generations = [
  {
    name: 'connect-redis 10',
    store: async () => {
      const client = createClient({ url: redis.url })
      await client.connect()
      open.push(() => client.close())
      return new RedisStore({ client })
    },
  },
  { name: 'connect-redis 8', store: async () => new RedisStore8({ client: ioredis }) },
]

const frameworks = [
  { name: 'Express', old: expressBefore, current: expressAfter },
  { name: 'Fastify', old: fastifyBefore, current: fastifyAfter },
]

function routes(app: Express): void {
  app.use(express.json())
  app.post('/login', (req, res) => {
    req.session.user = req.body.user
    req.session.cart = []
    res.json({})
  })
  app.post('/cart', (req, res) => {
    req.session.cart = [...(req.session.cart ?? []), req.body.item]
    res.json({})
  })
  app.get('/account', (req, res) => {
    res.json({ user: req.session.user, cart: req.session.cart })
  })
}

async function serve(app: Express): Promise<Service> {
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const close = () => new Promise((resolve) => server.close(resolve).closeAllConnections())
  open.push(close)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

async function expressBefore(store: unknown): Promise<Service> {
  const app = express()
  const cookie = { maxAge: hour }
  app.use(session({ store: store as session.Store, secret, resave: false, saveUninitialized: false, cookie }))
  routes(app)
  return serve(app)
}

async function takeOver(options: Partial<SessionsOptions> = {}) {
  const settings = { name: 'migrated', redis: redis.url, connectRedisPrefix: 'sess:', commandTimeout: 5_000 }
  const sessions = createSessions({ ...settings, userOf: ({ user }) => user as string | undefined, ...options })
  open.push(() => sessions.close())
  // Until Redis was looked at, a session that is not there may be one that was lost.
  await until(() => Object.keys(sessions.health().targets['main']?.nodes ?? {}).length === 1, 'Redis was looked at')
  return sessions
}

async function expressAfter(): Promise<Service> {
  const app = express()
  app.use(onExpress.plimsollSession(await takeOver(), { secret, cookie: { maxAge: hour } }))
  routes(app)
  app.post('/logout', async (req, res) => {
    await onExpress.logoutSession(req)
    res.json({})
  })
  return serve(app)
}

type FastifyService = FastifyInstance

function fastifyRoutes(app: FastifyService): void {
  app.post<{ Body: { user: string } }>('/login', async (request) => {
    request.session.user = request.body.user
    request.session.cart = []
    return {}
  })
  app.post<{ Body: { item: string } }>('/cart', async (request) => {
    request.session.cart = [...(request.session.cart ?? []), request.body.item]
    return {}
  })
  app.get('/account', async ({ session: { user, cart } }) => ({ user, cart }))
}

async function serveFastify(app: FastifyService): Promise<Service> {
  fastifyRoutes(app)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  open.push(() => app.close())
  return { url, close: () => app.close() }
}

const fastifyCookieOptions = { maxAge: hour, secure: false }

async function fastifyBefore(store: unknown): Promise<Service> {
  const app = fastify()
  await app.register(fastifyCookie)
  const cookie = fastifyCookieOptions
  await app.register(fastifySession, { store: store as never, secret, saveUninitialized: false, cookie })
  return serveFastify(app)
}

async function fastifyAfter(): Promise<Service> {
  const app = fastify()
  await app.register(fastifyCookie)
  await app.register(onFastify.plimsoll, {
    sessions: await takeOver(),
    session: { secret, cookie: fastifyCookieOptions },
  })
  app.post('/logout', async (request, reply) => {
    await onFastify.logoutSession(request, reply)
    return {}
  })
  return serveFastify(app)
}

/** A browser: keeps the cookie that it was last given. */
function visitor() {
  let cookie = ''
  return async (service: Service, method: string, path: string, body?: unknown) => {
    const init = body === undefined ? {} : { body: JSON.stringify(body) }
    const headers = { cookie, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
    const reply = await fetch(service.url + path, { method, headers, ...init })
    const before = cookie
    cookie = reply.headers.getSetCookie()[0]?.split(';', 1)[0] ?? cookie
    return {
      status: reply.status,
      sameCookie: cookie === before,
      body: (await reply.json()) as Record<string, unknown>,
    }
  }
}

describe.each(frameworks)('on $name', ({ old: openOld, current: openCurrent }) => {
  test.each(generations)('whoever logged in with $name is still logged in', async ({ store }) => {
    const old = await openOld(await store())
    const ask = visitor()
    await ask(old, 'POST', '/login', { user: 'anna' })
    await ask(old, 'POST', '/cart', { item: 'anchor' })

    const service = await openCurrent()
    expect(await ask(service, 'GET', '/account')).toMatchObject({
      status: 200,
      body: { user: 'anna', cart: ['anchor'] },
      sameCookie: true,
    })
    // Not changed yet: the old service reads it too, as long as both run side by side.
    expect((await ask(old, 'GET', '/account')).body).toEqual({ user: 'anna', cart: ['anchor'] })

    await ask(service, 'POST', '/cart', { item: 'bell' })
    expect((await ask(service, 'GET', '/account')).body).toEqual({ user: 'anna', cart: ['anchor', 'bell'] })
    // Taken over: there is one truth, and it is ours.
    expect(await ioredis.keys('sess:*')).toEqual([])
    const [key] = await ioredis.keys('migrated:*:s')
    expect(await ioredis.pttl(key ?? '')).toBeGreaterThan(hour - 60_000)
  })

  test.each(generations)('a logout ends what $name had left, for both', async ({ store }) => {
    const old = await openOld(await store())
    const ask = visitor()
    await ask(old, 'POST', '/login', { user: 'anna' })
    const service = await openCurrent()
    expect((await ask(service, 'POST', '/logout')).status).toBe(200)
    expect((await ask(service, 'GET', '/account')).body).toEqual({})
    expect(await ioredis.keys('sess:*')).toEqual([])
  })
})

test('what is no session of connect-redis, or has no end, is none', async () => {
  const sessions = await takeOver()
  await ioredis.set('sess:without-end', JSON.stringify({ user: 'anna', cookie: {} }))
  await ioredis.set('sess:no-json', '{"user":', 'PX', hour)
  await ioredis.set('sess:no-object', '"anna"', 'PX', hour)
  await ioredis.hset('sess:hash', 'user', 'anna')
  for (const id of ['without-end', 'no-json', 'no-object', 'hash']) expect(await sessions.load(id)).toBeUndefined()
})

test('its time to live is taken over to the millisecond', async () => {
  const sessions = await takeOver()
  await ioredis.set('sess:short', JSON.stringify({ user: 'anna', cookie: {} }), 'PX', 60_000)
  const before = Date.now()
  const found = await sessions.load('short')
  const left = await ioredis.pttl('sess:short')
  expect(found?.expiresAt).toBeGreaterThanOrEqual(before + left)
  expect(found?.expiresAt).toBeLessThanOrEqual(Date.now() + 60_000)
})
