import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express'
import { createResponseCache } from '../../packages/core/src/http/index.ts'
import {
  healthRoutes,
  isDegraded,
  loginSession,
  logoutEverywhere,
  logoutSession,
  metricsRoute,
  plimsollSession,
  requireSession,
  responseCache,
  sessionErrors,
  sessionUser,
} from '../../packages/express-adapter/src/index.ts'
import { openSessionServiceParts } from './session-service-parts.ts'

declare module 'express-session' {
  interface SessionData {
    user: string
    cart: string[]
    visits: number
  }
}

const { express: version, sessions, cache, serve } = openSessionServiceParts()
const load = createRequire(import.meta.url)
const app = version === 4 ? (load('express4') as typeof express)() : express()
const server = createServer(app)
const released = new Map<string, () => void>()
let renderings = 0

server.listen(0, '127.0.0.1')
await once(server, 'listening')
const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
const responses = createResponseCache(cache, { name: 'responses', hosts: [host], ttl: '1m' })

app.disable('x-powered-by')
app.use(healthRoutes({ cache, sessions, details: (_req, _res, next) => next() }))
app.use(metricsRoute({ register: { contentType: 'text/plain; version=0.0.4', metrics: async () => 'up 1\n' } }))
app.use(express.json())
app.use(plimsollSession(sessions, { secret: 'for tests', name: 'sid', cookie: { maxAge: 3_600_000, secure: false } }))

app.get('/public', (req, res) => {
  res.json({ visits: req.session.visits, degraded: isDegraded(req) })
})

app.post(
  '/login',
  route(async (req, res) => {
    const { user } = req.body as { user: string }
    await loginSession(req, user, { user, cart: [] })
    res.json({ user })
  }),
)

app.post('/login-implicit', (req, res) => {
  const { user } = req.body as { user: string }
  req.session.user = user
  req.session.cart = []
  res.json({ user })
})

app.post(
  '/login-redirect',
  route(async (req, res) => {
    const { user } = req.body as { user: string }
    await loginSession(req, user, { user, cart: [] })
    res.redirect(303, '/account')
  }),
)

app.get('/account', requireSession(), (req, res) => {
  res.json({ user: sessionUser(req), cart: req.session.cart ?? [] })
})

app.post('/cart', requireSession(), (req, res) => {
  const { item } = req.body as { item: string }
  req.session.cart ??= []
  req.session.cart.push(item)
  res.json({ cart: req.session.cart })
})

app.post(
  '/slow-cart',
  requireSession(),
  route(async (req, res) => {
    const { item, field = 'cart', token = item } = req.body as { item: string; field?: string; token?: string }
    const held = req.session as unknown as Record<string, string[] | undefined>
    const items = [...(held[field] ?? []), item]
    held[field] = items
    await new Promise<void>((resolve) => released.set(token, resolve))
    res.status(202).json({ [field]: items })
  }),
)

/** 404 until the slow request is waiting. */
app.get('/release/:token', (req, res) => {
  const { token } = req.params as { token: string }
  const release = released.get(token)
  released.delete(token)
  release?.()
  res.status(release ? 200 : 404).json({ released: release !== undefined })
})

app.post(
  '/logout',
  route(async (req, res) => {
    await logoutSession(req)
    res.json({ loggedOut: true })
  }),
)

app.post(
  '/logout-everywhere',
  requireSession(),
  route(async (req, res) => {
    res.json({ ended: await logoutEverywhere(req) })
  }),
)

app.get('/cached', responseCache(responses, { public: true }), (_req, res) => {
  renderings += 1
  res.set('Cache-Control', 'public, max-age=60').json({ renderings })
})

app.get('/cached-personal', responseCache(responses, { public: true }), (req, res) => {
  renderings += 1
  res.set('Cache-Control', 'public, max-age=60').json({ renderings, user: req.session.user })
})

app.use(sessionErrors())

/** Express 4 does not look at what an asynchronous handler answers. */
function route(handle: (req: Request, res: Response) => Promise<void>): RequestHandler {
  return (req: Request, res: Response, next: NextFunction) => {
    handle(req, res).catch(next)
  }
}

serve(host, () => {
  server.close()
  server.closeAllConnections()
})
