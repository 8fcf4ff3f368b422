import fastifyCookie from '@fastify/cookie'
import fastifySession, { type FastifySessionOptions } from '@fastify/session'
import Fastify, { type FastifyInstance, type Session } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { gone, InMemorySessions, unavailable } from './in-memory-sessions.fixture.ts'
import { Browser, secret } from './service.fixture.ts'
import { PlimsollSessionStore } from './session-store.ts'

async function openBare(
  store: FastifySessionOptions['store'],
  routes: (app: FastifyInstance) => void,
  options: Partial<FastifySessionOptions> = {},
): Promise<Browser> {
  const app = Fastify()
  await app.register(fastifyCookie)
  await app.register(fastifySession, {
    ...{ secret, cookieName: 'sid', saveUninitialized: false, cookie: { secure: false, maxAge: 60_000 } },
    ...options,
    ...(store ? { store } : {}),
  })
  routes(app)
  onTestFinished(() => app.close())
  return new Browser(app)
}

const plain = { cookie: { originalMaxAge: 1_500, expires: new Date() }, visits: 3 } as Session

describe('the bare store', () => {
  it('answers by callback and by promise alike', async () => {
    const store = new PlimsollSessionStore(new InMemorySessions())
    await store.set('one', plain)
    const session = await store.get('one')
    const called = await new Promise<unknown>((resolve) => store.get('one', (_error, found) => resolve(found)))
    expect(session).toMatchObject({ visits: 3, cookie: { originalMaxAge: 1_500 } })
    expect(called).toMatchObject({ visits: 3 })
    await new Promise((resolve) => store.destroy('one', resolve))
    expect(await store.get('one')).toBeUndefined()
  })

  it('tells its errors, and never takes them for an absent session', async () => {
    const sessions = new InMemorySessions()
    const store = new PlimsollSessionStore(sessions)
    sessions.failing = { load: unavailable(), save: unavailable(), destroy: unavailable() }
    const code = 'PLIMSOLL_SESSIONS_UNAVAILABLE'
    await expect(store.get('one')).rejects.toMatchObject({ code })
    await expect(store.set('one', plain)).rejects.toMatchObject({ code })
    await expect(store.destroy('one')).rejects.toMatchObject({ code })
    expect(await new Promise((resolve) => store.get('one', resolve))).toMatchObject({ code })
  })

  it('knows where a session of the framework was loaded from, and saves it only if it is still there', async () => {
    const sessions = new InMemorySessions()
    const browser = await openBare(new PlimsollSessionStore(sessions), (app) => {
      app.post('/visit', async ({ session }) => {
        session.visits = (session.visits ?? 0) + 1
        return {}
      })
      app.post('/vanish', async ({ session }) => {
        sessions.kept.clear()
        session.visits = 99
        return {}
      })
      app.get('/page', async () => ({}))
    })
    await browser.post('/visit')
    for (let view = 0; view < 20; view++) await browser.get('/page')
    expect(sessions.writes).toBe(1)
    expect(sessions.saves).toHaveLength(20)
    // What the framework makes of the error is its own affair.
    expect((await browser.post('/vanish')).status).toBe(401)
    expect(sessions.kept.size).toBe(0)
    expect(gone()).toMatchObject({ statusCode: 401 })
  })

  it('does not take a regenerated session for the one that it replaced', async () => {
    const sessions = new InMemorySessions()
    const browser = await openBare(new PlimsollSessionStore(sessions), (app) => {
      app.post('/visit', async ({ session }) => {
        session.visits = 1
        return {}
      })
      app.post('/regenerate', async ({ session }) => {
        await session.regenerate(['visits'])
        return {}
      })
    })
    await browser.post('/visit')
    const [before] = sessions.kept.keys()
    expect(await browser.post('/regenerate')).toMatchObject({ status: 200 })
    const after = [...sessions.kept.keys()]
    expect(after).toHaveLength(1)
    expect(after).not.toContain(before)
  })
})

describe.each([
  ["@fastify/session's own store", () => undefined],
  ['the bare store', () => new PlimsollSessionStore(new InMemorySessions())],
])('as documented by the framework, with %s', (_name, store) => {
  const routes = (app: FastifyInstance): void => {
    app.post('/set', async ({ session }) => {
      session.set('visits', 7)
      return { id: session.sessionId }
    })
    app.get('/get', async ({ session }) => ({ visits: session.get('visits') ?? null, id: session.sessionId }))
    app.post('/destroy', async (request) => {
      await request.session.destroy()
      return { session: request.session }
    })
    app.post('/regenerate', async (request) => {
      await request.session.regenerate(['visits'])
      return { visits: request.session.visits ?? null, id: request.session.sessionId }
    })
    app.post('/regenerate-nothing', async (request) => {
      await request.session.regenerate()
      return { visits: request.session.visits ?? null }
    })
    app.post('/reload', async (request) => {
      request.session.visits = 100
      await request.session.reload()
      return { visits: request.session.visits ?? null }
    })
    app.post('/save', async ({ session }) => {
      const before = session.isSaved()
      session.visits = 8
      const modified = session.isModified()
      await session.save()
      return { before, modified, after: session.isSaved(), still: session.isModified() }
    })
    app.post('/shorten', async ({ session }) => {
      session.options({ maxAge: 1_000 })
      session.visits = 1
      return {}
    })
  }

  it('keeps data between requests, under one id', async () => {
    const browser = await openBare(store(), routes)
    const { id } = (await browser.post('/set')).json
    expect((await browser.get('/get')).json).toEqual({ visits: 7, id })
  })

  it('destroys', async () => {
    const browser = await openBare(store(), routes)
    await browser.post('/set')
    expect((await browser.post('/destroy')).json).toEqual({ session: null })
    expect((await browser.get('/get')).json).toMatchObject({ visits: null })
  })

  it('regenerates with the named fields alone, and forgets the old id', async () => {
    const browser = await openBare(store(), routes)
    const { id } = (await browser.post('/set')).json
    const old = browser.again()
    const regenerated = (await browser.post('/regenerate')).json
    expect(regenerated['visits']).toBe(7)
    expect(regenerated['id']).not.toBe(id)
    expect((await old.get('/get')).json).toMatchObject({ visits: null })
    expect((await browser.post('/regenerate-nothing')).json).toEqual({ visits: null })
  })

  it('reloads what was stored', async () => {
    const browser = await openBare(store(), routes)
    await browser.post('/set')
    expect((await browser.post('/reload')).json).toEqual({ visits: 7 })
  })

  it('tells what is modified and what is saved', async () => {
    const browser = await openBare(store(), routes)
    expect((await browser.post('/save')).json).toEqual({ before: false, modified: true, after: true, still: false })
  })

  it('takes the options of a cookie along', async () => {
    const browser = await openBare(store(), routes)
    await browser.post('/shorten')
    const [line = ''] = (await browser.get('/get')).setCookie
    const expires = Date.parse(/Expires=([^;]+)/.exec(line)?.[1] ?? '')
    expect(expires).toBeLessThanOrEqual(Date.now() + 1_000)
  })

  it('clears the cookie of a session that there is none of', async () => {
    const browser = await openBare(store(), routes)
    await browser.post('/set')
    const { cookie } = browser
    await browser.post('/destroy')
    browser.cookie = cookie
    await browser.get('/get')
    expect(browser.cookie).toBeUndefined()
  })
})
