import { createServer } from 'node:http'
import {
  healthRoutes,
  isDegraded,
  loginSession,
  logoutEverywhere,
  logoutSession,
  metricsRoute,
  plimsollSession,
  responseCache,
  sessionUser,
} from '@plimsoll/express-adapter'
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express'
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
import { closeServer, listening, type Readiness, toldToEnd } from './shop/server.ts'
import { openShop, type Shop } from './shop/shop.ts'

function createApp({ pages, sessions, responses }: Shop, { cookie }: Config): Express {
  const app = express()
  // Behind a proxy that ends TLS: it tells by X-Forwarded-Proto that the visitor came by https.
  if (cookie.secure) app.set('trust proxy', 1)
  app.disable('x-powered-by')

  // In front of the sessions, for visitors who have none: one page for all of them, rendered once in 10 seconds.
  app.get('/', unlessWithCookie, responseCache(responses), async (_req, res) => {
    send(res, await pages.anonymousProducts())
  })

  // Without a maxAge the cookie ends with the browser, and the session by SESSION_IDLE_TIMEOUT.
  app.use(
    plimsollSession(sessions, {
      name: cookie.name,
      secret: [...cookie.secrets],
      cookie: { secure: cookie.secure },
    }),
  )
  app.use(express.urlencoded({ limit: '4kb' }))
  app.post('/{*path}', refuseOtherSites)

  app.get('/', async (req, res) => {
    if (isDegraded(req)) send(res, await pages.productsForAnybody())
    else if (sessionUser(req) === undefined) send(res, await pages.anonymousProducts())
    else send(res, await pages.products(sessionOf(req)))
  })
  for (const { method, path, show } of pages.forUsers) app[method](path, loggedIn(show))

  app.get('/login', (_req, res) => send(res, pages.login()))
  app.post('/login', async (req, res) => {
    const outcome = await pages.authenticate(req.body)
    if (!('user' in outcome)) return send(res, outcome)
    // Resolves once the session is stored: the redirect never leads to a login that was lost.
    await loginSession(req, outcome.user, { user: outcome.user, formToken: newFormToken() })
    send(res, redirect('/'))
  })
  app.post('/logout', async (req, res) => {
    // Works also while the session cannot be read: it is then ended as soon as that is possible.
    if (sessionUser(req) !== undefined && isForged(sessionOf(req), req.body)) return send(res, forged())
    await logoutSession(req)
    send(res, redirect('/'))
  })
  app.post(
    '/logout-everywhere',
    loggedIn(async (session, form, req) => {
      if (isForged(session, form)) return forged()
      await logoutEverywhere(req)
      return redirect('/')
    }),
  )

  app.use(answerError)
  return app
}

/**
 * For users: others are sent to the login, and nobody is while it cannot be known who asks. An API, which answers by
 * status alone, takes `requireSession()` for that.
 */
function loggedIn(page: (session: LoggedIn, form: Form, req: Request) => Promise<Reply>): RequestHandler {
  return async (req, res) => {
    if (isDegraded(req)) send(res, unreachable())
    else if (sessionUser(req) === undefined) send(res, redirect('/login'))
    else send(res, await page(sessionOf(req), req.body, req))
  }
}

const unlessWithCookie: RequestHandler = (req, _res, next) =>
  next(req.headers.cookie === undefined ? undefined : 'route')

const refuseOtherSites: RequestHandler = (req, res, next) => {
  if (isSameOrigin(req.headers)) next()
  else send(res, forged())
}

const answerError: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) next(error)
  else send(res, replyToError(error))
}

function sessionOf(req: Request): LoggedIn {
  return req.session as Request['session'] & LoggedIn
}

function send(res: Response, { status, headers, body }: Reply): void {
  res.status(status).set(headers).send(body)
}

/** For the orchestrator and Prometheus, on a port that the world cannot reach. */
function createHealthApp({ cache, sessions, metrics }: Shop, readiness: Readiness): Express {
  const app = express()
  app.use(
    healthRoutes({ cache, sessions, ready: () => readiness.ready, details: (_req, _res, next) => next() }),
    metricsRoute({ register: metrics }),
  )
  return app
}

const config = readConfig()
const readiness: Readiness = { ready: true }
const shop = await openShop(config)
const server = await listening(createServer(createApp(shop, config)), config.port, config.listenOn)
const healthServer = await listening(createServer(createHealthApp(shop, readiness)), config.healthPort, config.listenOn)
console.log(`the shop on Express is open at port ${config.port}`)

await toldToEnd(readiness)
await closeServer(server)
await shop.close()
// Last: until then the orchestrator is told that this process is alive, and not ready.
await closeServer(healthServer)
