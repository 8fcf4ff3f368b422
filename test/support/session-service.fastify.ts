import fastifyCookie from '@fastify/cookie'
import Fastify from 'fastify'
import { createResponseCache } from '../../packages/core/src/http/index.ts'
import plimsoll, {
  isDegraded,
  loginSession,
  logoutEverywhere,
  logoutSession,
  requireSession,
  sessionUser,
} from '../../packages/fastify-adapter/src/index.ts'
import { freePort } from './free-port.ts'
import { openSessionServiceParts } from './session-service-parts.ts'

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

const { sessions, cache, serve } = openSessionServiceParts()
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

/** 404 until the slow request is waiting. */
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
serve(host, () => {
  app.server.closeAllConnections()
  return app.close()
})
