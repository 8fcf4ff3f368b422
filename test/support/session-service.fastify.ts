import fastifyCookie from '@fastify/cookie'
import Fastify from 'fastify'
import pg from 'pg'
import { createResponseCache } from '../../packages/core/src/http/index.ts'
import { createCache } from '../../packages/core/src/index.ts'
import { createSessions } from '../../packages/core/src/session/index.ts'
import { postgresBacking } from '../../packages/core/src/session/postgres-backing.ts'
import plimsoll, {
  isDegraded,
  loginSession,
  logoutEverywhere,
  logoutSession,
  requireSession,
  sessionUser,
} from '../../packages/fastify-adapter/src/index.ts'
import { answerRequests } from './fleet-worker.ts'
import { freePort } from './free-port.ts'
import type { SessionServiceOptions, SessionServiceRequest } from './session-service.ts'

declare module 'fastify' {
  interface Session {
    user?: string
    cart?: string[]
    visits?: number
    [field: string]: unknown
  }
}

interface Login {
  Body: { readonly user: string }
}
interface CartChange {
  Body: { readonly item: string; readonly field?: string; readonly token?: string }
}

const { backing, express: _, ...options } = JSON.parse(process.argv[2] ?? '') as SessionServiceOptions
const pool = backing === undefined ? undefined : new pg.Pool({ connectionString: backing, query_timeout: 2_000 })
pool?.on('error', () => {})
const sessions = createSessions({
  ...options,
  name: 'service',
  backing: pool && postgresBacking(pool),
  userOf: ({ user }) => (typeof user === 'string' ? user : undefined),
})
const cache = createCache({ name: 'pages', redis: options.redis })

const port = await freePort()
const host = `127.0.0.1:${port}`
const guarded = { onRequest: requireSession() }
const cached = { config: { cache: { public: true } } }
const released = new Map<string, () => void>()
let renderings = 0

const app = Fastify()
await app.register(fastifyCookie)
await app.register(plimsoll, {
  ...{ cache, sessions, close: true },
  responses: createResponseCache(cache, { name: 'responses', hosts: [host], ttl: '1m' }),
  session: {
    secret: 'a secret of the test service, of no other use',
    cookieName: 'sid',
    cookie: { httpOnly: true, maxAge: 3_600_000, secure: false },
  },
  health: { details: 'own-port' },
  metrics: {
    register: { contentType: 'text/plain; version=0.0.4', metrics: async () => 'up 1\n' },
    guard: 'own-port',
  },
})

app.get('/public', async (request) => {
  const { visits } = request.session
  return { ...(visits === undefined ? {} : { visits }), degraded: isDegraded(request) }
})

app.post<Login>('/login', async (request) => {
  const { user } = request.body
  await loginSession(request, user, { user, cart: [] })
  return { user }
})

app.post<Login>('/login-implicit', async ({ session, body: { user } }) => {
  session.user = user
  session.cart = []
  return { user }
})

app.post<Login>('/login-redirect', async (request, reply) => {
  const { user } = request.body
  await loginSession(request, user, { user, cart: [] })
  return reply.redirect('/account', 303)
})

app.get('/account', guarded, async (request) => ({ user: sessionUser(request), cart: request.session.cart ?? [] }))

app.post<CartChange>('/cart', guarded, async ({ session, body }) => {
  session.cart ??= []
  session.cart.push(body.item)
  return { cart: session.cart }
})

app.post<CartChange>('/slow-cart', guarded, async ({ session, body }, reply) => {
  const { item, field = 'cart', token = item } = body
  const items = [...((session[field] as string[] | undefined) ?? []), item]
  session[field] = items
  await new Promise<void>((resolve) => released.set(token, resolve))
  return reply.code(202).send({ [field]: items })
})

/** 404 until the slow request holds its session and waits. */
app.get<{ Params: { token: string } }>('/waiting/:token', async ({ params }, reply) =>
  reply.code(released.has(params.token) ? 200 : 404).send({}),
)

app.get<{ Params: { token: string } }>('/release/:token', async ({ params }, reply) => {
  const release = released.get(params.token)
  released.delete(params.token)
  release?.()
  return reply.code(release ? 200 : 404).send({ released: release !== undefined })
})

app.post('/logout', async (request, reply) => {
  await logoutSession(request, reply)
  return { loggedOut: true }
})

app.post('/logout-everywhere', guarded, async (request, reply) => ({ ended: await logoutEverywhere(request, reply) }))

app.get('/cached', cached, async (_request, reply) => {
  renderings += 1
  return reply.header('cache-control', 'public, max-age=60').send({ renderings })
})

app.get('/cached-personal', cached, async ({ session }, reply) => {
  renderings += 1
  return reply.header('cache-control', 'public, max-age=60').send({ renderings, user: session.user })
})

await app.listen({ port, host: '127.0.0.1' })
answerRequests(
  (request: SessionServiceRequest): unknown => {
    if (request === 'url') return `http://${host}`
    return request === 'health' ? sessions.health() : sessions.statistics()
  },
  async () => {
    app.server.closeAllConnections()
    await app.close()
    await pool?.end()
  },
)
