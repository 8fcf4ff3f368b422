import fastifyCookie from '@fastify/cookie'
import {
  healthRoutes,
  isDegraded,
  loginSession,
  logoutEverywhere,
  logoutSession,
  metricsRoute,
  plimsoll,
  sessionUser,
} from '@plimsoll/fastify-adapter'
import createFastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type Config, readConfig } from './config.ts'
import { isSameOrigin, newFormToken } from './shop/forgery.ts'
import {
  type Form,
  forged,
  isForged,
  type LoggedIn,
  type Reply,
  redirect,
  replyToError,
  unreachable,
} from './shop/pages.ts'
import { type Readiness, toldToEnd } from './shop/server.ts'
import { openShop, type Shop } from './shop/shop.ts'

async function createApp({ pages, sessions, responses }: Shop, { cookie }: Config): Promise<FastifyInstance> {
  // Behind a proxy that ends TLS: it tells by X-Forwarded-Proto that the visitor came by https.
  const app = createFastify({ trustProxy: cookie.secure, bodyLimit: 4_096 })
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))))
  })
  app.setErrorHandler((error, _request, reply) => send(reply, replyToError(error)))
  app.addHook('onRequest', async (request, reply) => {
    if (request.method === 'POST' && !isSameOrigin(request.headers)) return send(reply, forged())
  })

  await app.register(fastifyCookie)
  await app.register(plimsoll, {
    sessions,
    responses,
    session: {
      cookieName: cookie.name,
      secret: [...cookie.secrets],
      // Without a maxAge it ends with the browser, and the session by SESSION_IDLE_TIMEOUT.
      cookie: { secure: cookie.secure, httpOnly: true, sameSite: 'lax' },
    },
  })

  // Visitors without a cookie get one page for all of them, rendered once in 10 seconds. A request that carries one
  // passes the cache.
  app.get('/', { config: { cache: {} } }, async (request, reply) => {
    if (request.headers.cookie === undefined) return send(reply, await pages.anonymousProducts())
    if (isDegraded(request)) return send(reply, await pages.productsForAnybody())
    if (sessionUser(request) === undefined) return send(reply, await pages.anonymousProducts())
    return send(reply, await pages.products(sessionOf(request)))
  })
  for (const { method, path, show } of pages.forUsers) app[method](path, loggedIn(show))

  app.get('/login', async (_request, reply) => send(reply, pages.login()))
  app.post('/login', async (request, reply) => {
    const outcome = await pages.authenticate(request.body)
    if (!('user' in outcome)) return send(reply, outcome)
    // Resolves once the session is stored: the redirect never leads to a login that was lost.
    await loginSession(request, outcome.user, { user: outcome.user, formToken: newFormToken() })
    return send(reply, redirect('/'))
  })
  app.post('/logout', async (request, reply) => {
    // Works also while the session cannot be read: it is then ended as soon as that is possible.
    if (sessionUser(request) !== undefined && isForged(sessionOf(request), request.body)) return send(reply, forged())
    await logoutSession(request, reply)
    return send(reply, redirect('/'))
  })
  app.post(
    '/logout-everywhere',
    loggedIn(async (session, form, request, reply) => {
      if (isForged(session, form)) return forged()
      await logoutEverywhere(request, reply)
      return redirect('/')
    }),
  )
  return app
}

type Page = (session: LoggedIn, form: Form, request: FastifyRequest, reply: FastifyReply) => Promise<Reply>

/**
 * For users: others are sent to the login, and nobody is while it cannot be known who asks. An API, which answers by
 * status alone, takes `requireSession()` for that.
 */
function loggedIn(page: Page) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    if (isDegraded(request)) return send(reply, unreachable())
    if (sessionUser(request) === undefined) return send(reply, redirect('/login'))
    return send(reply, await page(sessionOf(request), request.body, request, reply))
  }
}

function sessionOf(request: FastifyRequest): LoggedIn {
  return request.session as FastifyRequest['session'] & LoggedIn
}

function send(reply: FastifyReply, { status, headers, body }: Reply): FastifyReply {
  return reply.code(status).headers(headers).send(body)
}

/** For the orchestrator and Prometheus, on a port that the world cannot reach. */
async function createHealthApp({ cache, sessions, metrics }: Shop, readiness: Readiness): Promise<FastifyInstance> {
  const app = createFastify()
  await app.register(healthRoutes, { cache, sessions, ready: () => readiness.ready, details: 'own-port' })
  await app.register(metricsRoute, { register: metrics, guard: 'own-port' })
  return app
}

const config = readConfig()
const readiness: Readiness = { ready: true }
const shop = await openShop(config)
const app = await createApp(shop, config)
const healthApp = await createHealthApp(shop, readiness)
await app.listen({ port: config.port, host: config.listenOn })
await healthApp.listen({ port: config.healthPort, host: config.listenOn })
console.log(`the shop on Fastify is open at port ${config.port}`)

await toldToEnd(readiness)
await app.close()
await shop.close()
// Last: until then the orchestrator is told that this process is alive, and not ready.
await healthApp.close()
