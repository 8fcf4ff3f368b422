import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { expect, it } from 'vitest'
import { gone, unavailable } from './in-memory-sessions.fixture.ts'
import { loginSession } from './login.ts'
import { openService, secret } from './service.fixture.ts'

/** Requests that wait until the test lets them answer. */
class Gate {
  readonly #waiting: (() => void)[] = []
  readonly arrived: Promise<void>
  #arrive = (): void => {}

  constructor() {
    this.arrived = new Promise((resolve) => {
      this.#arrive = resolve
    })
  }

  pass(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#arrive()
    })
  }

  open(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

function slow(gate: Gate): (app: FastifyInstance) => void {
  return (app) => {
    app.post('/visit', async ({ session }) => {
      session.visits = (session.visits ?? 0) + 1
      return { visits: session.visits }
    })
    app.post('/slow', async ({ session }) => {
      session.cart = ['late']
      await gate.pass()
      return {}
    })
    app.get('/page', async ({ session }) => ({ visits: session.visits }))
  }
}

it('stores nothing, and sets no cookie, for a visitor whose session nobody changed', async () => {
  const { browser, sessions } = await openService(slow(new Gate()))
  expect(await browser.get('/page')).toMatchObject({ status: 200, setCookie: [] })
  expect(sessions.calls).toEqual([])
})

it('never writes for page views: each save is of the same content, and says what it comes from', async () => {
  const { browser, sessions } = await openService(slow(new Gate()))
  await browser.post('/visit')
  for (let view = 0; view < 20; view++) await browser.get('/page')
  expect(sessions.writes).toBe(1)
  const [, ...views] = sessions.saves
  expect(views).toHaveLength(20)
  expect(views.every(({ options }) => options.from !== undefined)).toBe(true)
})

it('does not bring back a session that was destroyed while the request ran; the reply goes on without a cookie', async () => {
  const gate = new Gate()
  const { browser, sessions } = await openService(slow(gate))
  await browser.post('/visit')
  const late = browser.again().post('/slow')
  await gate.arrived
  sessions.kept.clear()
  gate.open()
  expect(await late).toMatchObject({ status: 200, setCookie: [] })
  expect(sessions.kept.size).toBe(0)
})

it('saves each of two concurrent requests against the copy that it had loaded', async () => {
  const gate = new Gate()
  const { browser, sessions } = await openService(slow(gate))
  await browser.post('/visit')
  sessions.saves.length = 0
  const late = browser.again().post('/slow')
  await gate.arrived
  await browser.post('/visit')
  gate.open()
  await late
  expect(sessions.saves.map(({ options, data }) => [options.from?.data['visits'], data['visits']])).toEqual([
    [1, 2],
    [1, 1],
  ])
})

it('hands over what the session held when it was saved, whatever the handler does to it afterwards', async () => {
  const { browser, sessions } = await openService((app) => {
    app.post('/change-while-saving', async ({ session }) => {
      session.cart = ['saved']
      const saving = session.save()
      session.cart.push('not yet')
      await saving
      session.cart.pop()
      return {}
    })
  })
  await browser.post('/change-while-saving')
  expect(sessions.saves[0]?.data['cart']).toEqual(['saved'])
})

it('stores no end of life in the data, and takes its length from the cookie', async () => {
  const { browser, sessions } = await openService(slow(new Gate()))
  await browser.post('/visit')
  const [save] = sessions.saves
  expect(save?.data['cookie']).toMatchObject({ originalMaxAge: 60_000, httpOnly: true, path: '/' })
  expect(save?.data['cookie']).not.toHaveProperty('expires')
  expect(save?.options.ttl).toBe(60_000)
})

it('sees the end of a session in its cookie', async () => {
  const { browser } = await openService(
    (app) => {
      app.post('/until', async ({ session }) => {
        session.cookie.expires = new Date(Date.now() + 3_000)
        session.visits = 1
        return {}
      })
      app.get('/until', async ({ session }) => ({ left: Number(session.cookie.expires) - Date.now() }))
    },
    { session: { secret, cookieName: 'sid', cookie: { secure: false } } },
  )
  await browser.post('/until')
  const { left } = (await browser.get('/until')).json
  expect(left).toBeGreaterThan(0)
  expect(left).toBeLessThanOrEqual(3_000)
})

it('does not make a cookie that ends with the browser outlive it', async () => {
  const { browser } = await openService(slow(new Gate()), {
    session: { secret, cookieName: 'sid', cookie: { secure: false } },
  })
  expect((await browser.post('/visit')).setCookie[0]).not.toContain('Expires')
  expect((await browser.get('/page')).setCookie[0]).not.toContain('Expires')
})

it('saves what is changed after an explicit save, and after a login', async () => {
  const { browser, sessions } = await openService((app) => {
    app.post('/twice', async (request) => {
      await loginSession(request, 'ada')
      request.session.visits = 1
      await request.session.save()
      request.session.visits = 2
      return {}
    })
  })
  const reply = await browser.post('/twice')
  expect(reply.setCookie).toHaveLength(1)
  expect([...sessions.kept.values()].map(({ json, user }) => [JSON.parse(json).visits, user])).toEqual([[2, 'ada']])
})

it('tells a handler that saves by itself that the session is gone', async () => {
  const { browser, sessions } = await openService((app) => {
    slow(new Gate())(app)
    app.post('/save', async ({ session }) => {
      session.visits = 2
      await session.save()
      return {}
    })
  })
  await browser.post('/visit')
  sessions.failing.save = gone()
  expect(await browser.post('/save')).toMatchObject({ status: 401, setCookie: [] })
})

it('takes any cookie for what it is: no session', async () => {
  const { browser, sessions } = await openService(slow(new Gate()))
  const odd = ['', '.', 'a.b', '%', '%00.%00', '__proto__.x', 'é€'.repeat(20), '.'.repeat(4_000), '"', 's:1.2', '{}']
  for (const value of odd) {
    browser.cookie = `sid=${value}`
    expect(await browser.get('/page')).toMatchObject({ status: 200, json: {} })
  }
  expect(sessions.calls).toEqual([])
})

it('serves a page whatever is stored as a session', async () => {
  const { browser, sessions } = await openService(slow(new Gate()))
  await browser.post('/visit')
  const [id = ''] = sessions.kept.keys()
  const attributes = ['path', 'domain', 'sameSite', 'secure', 'httpOnly', 'partitioned', 'originalMaxAge', 'expires']
  const value = fc.oneof(fc.jsonValue(), fc.string(), fc.constantFrom('/a<b', 'a-.b', '-a', 'auto', 'Lax', 1e300))
  const cookie = fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom(...attributes), value))
  const data = fc.record({ cookie, visits: fc.jsonValue() }, { requiredKeys: [] })
  const { cookie: presented } = browser
  await fc.assert(
    fc.asyncProperty(data, async (stored) => {
      sessions.kept.set(id, { json: JSON.stringify(stored), user: undefined, expiresAt: Date.now() + 60_000 })
      browser.cookie = presented
      expect((await browser.get('/page')).status).toBe(200)
    }),
  )
})

it('answers a cookie that cannot be written by an error, once', async () => {
  const { browser } = await openService((app) => {
    app.post('/odd', async ({ session }) => {
      session.cookie.path = 'not;a\npath'
      session.visits = 1
      return {}
    })
  })
  expect(await browser.post('/odd')).toMatchObject({ status: 500, setCookie: [] })
})

it('gives each new session of a request its cookie, however often it regenerates', async () => {
  const { browser, sessions } = await openService((app) => {
    app.post('/visit', async (request) => {
      await request.session.regenerate()
      await request.session.reload()
      await request.session.regenerate()
      request.session.visits = 1
      return {}
    })
    app.get('/page', async ({ session }) => ({ visits: session.visits }))
  })
  expect(await browser.post('/visit')).toMatchObject({ status: 200, setCookie: [expect.stringContaining('sid=')] })
  expect((await browser.get('/page')).json).toEqual({ visits: 1 })
  expect(sessions.kept.size).toBe(1)
})

it('leaves a session as it was where it cannot be reloaded', async () => {
  const { browser, sessions } = await openService((app) => {
    app.post('/visit', async ({ session }) => {
      session.visits = 1
      return {}
    })
    app.get('/reload', async (request) => {
      sessions.failing.load = unavailable()
      await request.session.reload()
      return {}
    })
    app.get('/page', async ({ session }) => ({ visits: session.visits }))
  })
  await browser.post('/visit')
  expect(await browser.get('/reload')).toMatchObject({ status: 503, setCookie: [] })
  sessions.failing = {}
  expect((await browser.get('/page')).json).toEqual({ visits: 1 })
})

it('serves a new visitor whose empty session cannot be stored, with saveUninitialized', async () => {
  const { browser, sessions } = await openService(slow(new Gate()), {
    session: { secret, cookieName: 'sid', cookie: { secure: false }, saveUninitialized: true },
  })
  sessions.failing.save = unavailable()
  expect(await browser.get('/page')).toMatchObject({ status: 200, setCookie: [] })
})
