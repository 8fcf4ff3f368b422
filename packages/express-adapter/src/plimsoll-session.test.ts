import { get as httpGet } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { ErrorRequestHandler, Express, Response as ExpressResponse, Request } from 'express'
import fc from 'fast-check'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { FakeSessions } from './fake-sessions.fixture.ts'
import { isDegraded } from './login.ts'
import { type PlimsollSessionOptions, plimsollSession } from './plimsoll-session.ts'
import { cookieOf, expressVersions, serve } from './served.fixture.ts'
import { held, unavailable, type WithSessions, withSessions } from './served-sessions.fixture.ts'
import { sessionErrors } from './session-errors.ts'

const thisFile = fileURLToPath(import.meta.url)

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil
  })
  return { promise, resolve }
}

describe.each(expressVersions)('plimsollSession on Express %i', (_version, create) => {
  let sessions: FakeSessions
  let app: Express
  let returning: WithSessions['returning']

  function mount(options: Partial<PlimsollSessionOptions> = {}): void {
    ;({ sessions, app, returning } = withSessions(create, options))
  }

  beforeEach(() => {
    mount()
  })

  describe('a reply waits for its session to be saved', () => {
    const replies: Record<string, (req: Request, res: ExpressResponse) => void> = {
      json: (_req, res) => void res.json({ text: 'hello' }),
      'a redirect': (_req, res) => res.redirect(303, '/elsewhere'),
      'a file': (_req, res) => res.sendFile(thisFile),
      'an end without a body': (_req, res) => void res.status(204).end(),
      'a head that is written by hand': (_req, res) => void res.writeHead(201, { 'x-by': 'hand' }).end('hello'),
      'a stream in pieces': (_req, res) => {
        res.type('text')
        res.write('hel')
        res.write('lo')
        res.end()
      },
      'a pipe': (_req, res) => void Readable.from(['hel', 'lo']).pipe(res.type('text')),
      'flushed headers': (_req, res) => {
        res.type('text').flushHeaders()
        res.end('hello')
      },
    }

    test.each(Object.entries(replies))('%s', async (_name, reply) => {
      const gate = deferred()
      sessions.gate = gate.promise
      app.get('/', (req, res) => {
        held(req)['user'] = 'ann'
        reply(req, res)
      })
      app.get('/bare', (req, res) => reply(req, res))
      const url = await serve(app)

      let arrived = false
      const answer = fetch(url, { redirect: 'manual' }).then((response) => {
        arrived = true
        return response
      })
      await vi.waitFor(() => expect(sessions.calls).toContain('save'))
      await fetch(`${url}/bare`, { redirect: 'manual' })
      expect(arrived).toBe(false)
      gate.resolve()

      const response = await answer
      const bare = await fetch(`${url}/bare`, { redirect: 'manual' })
      expect(cookieOf(response)).toMatch(/^connect\.sid=/)
      expect(response.status).toBe(bare.status)
      expect(await response.text()).toBe(await bare.text())
      for (const name of ['content-type', 'content-length', 'etag', 'location', 'x-by', 'transfer-encoding']) {
        expect(response.headers.get(name)).toBe(bare.headers.get(name))
      }
      expect(sessions.calls).toEqual(['save'])
    })

    test.each(Object.entries(replies))('%s, and is 503 where that fails', async (_name, reply) => {
      sessions.isFull = true
      app.get('/', (req, res) => {
        res.set('x-frame-options', 'DENY').cookie('other', 'value')
        held(req)['user'] = 'ann'
        reply(req, res)
      })
      const response = await fetch(await serve(app), { redirect: 'manual' })

      expect(response.status).toBe(503)
      expect(await response.json()).toEqual(unavailable)
      expect(response.headers.get('retry-after')).toBe('7')
      expect(response.headers.getSetCookie()).toEqual([])
      expect(response.headers.get('location')).toBeNull()
      expect(response.headers.get('x-frame-options')).toBe('DENY')
    })

    test('HEAD', async () => {
      app.get('/', (req, res) => {
        held(req)['user'] = 'ann'
        res.json({ text: 'hello' })
      })
      const url = await serve(app)
      const response = await fetch(url, { method: 'HEAD' })
      expect(response.status).toBe(200)
      expect(cookieOf(response)).toMatch(/^connect\.sid=/)

      sessions.isFull = true
      expect((await fetch(url, { method: 'HEAD' })).status).toBe(503)
    })

    test('a 304', async () => {
      app.get('/', (req, res) => {
        held(req)['user'] = 'ann'
        res.set('etag', '"1"').json({ text: 'hello' })
      })
      const response = await fetch(await serve(app), {
        headers: { 'if-none-match': '"1"', 'cache-control': 'max-age=0' },
      })

      expect(response.status).toBe(304)
      expect(cookieOf(response)).toMatch(/^connect\.sid=/)
    })

    test('503 is text for who takes no JSON', async () => {
      sessions.isFull = true
      app.get('/', (req, res) => {
        held(req)['user'] = 'ann'
        res.json({})
      })
      const response = await fetch(await serve(app), { headers: { accept: 'text/plain' } })

      expect(response.status).toBe(503)
      expect(await response.text()).toBe('PLIMSOLL_SESSIONS_UNAVAILABLE\n')
    })
  })

  test('what the handler does to its reply while it is held back does not change it', async () => {
    const gate = deferred()
    sessions.gate = gate.promise
    app.get('/', (req, res) => {
      held(req)['user'] = 'ann'
      res.json({ text: 'hello' })
      res.status(418).set('x-late', '1').removeHeader('content-type')
      gate.resolve()
      throw new Error('too late')
    })
    const seen: boolean[] = []
    const look: ErrorRequestHandler = (_error, _req, res, _next) => {
      seen.push(res.headersSent)
    }
    app.use(look)
    const response = await fetch(await serve(app))

    expect(seen).toEqual([true])
    expect(response.status).toBe(200)
    expect(response.headers.get('x-late')).toBeNull()
    expect(response.headers.get('content-type')).toMatch('json')
    expect(await response.json()).toEqual({ text: 'hello' })
  })

  test('a stream is full while its session is saved, and drains then', async () => {
    const gate = deferred()
    sessions.gate = gate.promise
    const told: unknown[] = []
    app.get('/', (req, res) => {
      held(req)['user'] = 'ann'
      told.push(res.write('one'))
      res.once('drain', () => {
        told.push('drained')
        res.end('two')
      })
      gate.resolve()
    })

    expect(await (await fetch(await serve(app))).text()).toBe('onetwo')
    expect(told).toEqual([false, 'drained'])
  })

  test('a head that middleware writes with every chunk, for it sees none, goes out once', async () => {
    app.get('/', (req, res) => {
      held(req)['user'] = 'ann'
      for (const chunk of ['one', 'two']) {
        if (!(res as unknown as { readonly _header: unknown })._header) res.writeHead(201)
        res.write(chunk)
      }
      res.end()
    })
    const response = await fetch(await serve(app))

    expect(response.status).toBe(201)
    expect(await response.text()).toBe('onetwo')
  })

  test("a stream drains also where middleware takes the listeners of 'drain' to a stream of its own", async () => {
    const compressing = create()
    compressing.use((_req, res, next) => {
      const { on } = res
      const own = new PassThrough()
      res.on = (event: string, listener: (...args: never[]) => void) => {
        if (event === 'drain') own.on(event, listener as () => void)
        else Reflect.apply(on, res, [event, listener])
        return res
      }
      next()
    })
    compressing.use(plimsollSession(sessions, { secret: 'x' }))
    compressing.get('/', (req, res) => {
      held(req)['user'] = 'ann'
      Readable.from(['one', 'two']).pipe(res)
    })

    expect(await (await fetch(await serve(compressing))).text()).toBe('onetwo')
  })

  test('a session that is changed while its reply streams is saved before the reply ends', async () => {
    app.get('/', (req, res) => {
      res.write('one')
      held(req)['user'] = 'ann'
      res.end('two')
    })
    const url = await serve(app)
    const visitor = await returning(url)

    expect(await (await fetch(url, visitor)).text()).toBe('onetwo')
    expect(sessions.calls).toContain('save')
    expect([...sessions.kept.values()][0]?.json).toContain('ann')
  })

  test('a reply under way whose session cannot be saved is cut off', async () => {
    app.get('/', (req, res) => {
      res.write('one')
      held(req)['user'] = 'ann'
      sessions.isFull = true
      res.end('two')
    })
    const url = await serve(app)
    const visitor = await returning(url)

    await expect(fetch(url, visitor).then((response) => response.text())).rejects.toThrow()
  })

  test('what is no JSON, in a session of a reply under way, cuts it off and is told to the error handlers', async () => {
    const told: unknown[] = []
    app.get('/', (req, res) => {
      res.write('one')
      held(req)['big'] = 1n
      res.end('two')
    })
    const tell: ErrorRequestHandler = (error: unknown, _req, _res, _next) => {
      told.push(error)
    }
    app.use(tell)
    const url = await serve(app)
    const visitor = await returning(url)

    await expect(fetch(url, visitor).then((response) => response.text())).rejects.toThrow()
    expect(told).toEqual([expect.any(TypeError)])
  })

  test('what Node does not take of a reply that was held back goes to the error handlers', async () => {
    app.get('/', (req, res) => {
      held(req)['user'] = 'ann'
      res.writeHead(200, { 'no header': 'x' })
      res.end('hello')
    })
    const response = await fetch(await serve(app))

    expect(response.status).toBe(500)
  })

  test('a client that goes away while its session is saved harms nobody', async () => {
    const gate = deferred()
    sessions.gate = gate.promise
    const closed = deferred()
    app.get('/', (req, res) => {
      held(req)['user'] = 'ann'
      res.once('close', closed.resolve)
      res.json({})
    })
    const url = await serve(app)
    const request = httpGet(url).on('error', () => {})
    await vi.waitFor(() => expect(sessions.calls).toContain('save'))
    request.destroy()
    await closed.promise
    gate.resolve()
    sessions.gate = undefined

    expect((await fetch(url)).status).toBe(200)
  })

  test('a session that is read only is prolonged beside the reply, which does not wait for it', async () => {
    app.get('/', (req, res) => void res.json({ cart: held(req)['cart'] }))
    const url = await serve(app)
    const visitor = await returning(url)
    const touched = deferred()
    const touch = vi.spyOn(sessions, 'touch').mockImplementation(async (_id, from) => {
      await touched.promise
      return from
    })

    expect(await (await fetch(url, visitor)).json()).toEqual({ cart: ['tea'] })
    expect(touch).toHaveBeenCalledOnce()
    touched.resolve()
  })

  test('a visitor without a session costs nothing, also while Redis is away', async () => {
    sessions.isDown = true
    app.get('/', (req, res) => void res.json({ cart: held(req)['cart'] ?? null, degraded: isDegraded(req) }))
    const response = await fetch(await serve(app))

    expect(await response.json()).toEqual({ cart: null, degraded: false })
    expect(response.headers.getSetCookie()).toEqual([])
    expect(sessions.calls).toEqual([])
  })

  test('an explicit save is not repeated at the end', async () => {
    app.get('/', (req, res) => {
      held(req)['user'] = 'ann'
      req.session.save(() => void res.json({}))
    })
    const response = await fetch(await serve(app))

    expect(cookieOf(response)).toMatch(/^connect\.sid=/)
    expect(sessions.calls.filter((call) => call !== 'touch')).toEqual(['save'])
  })

  test.each([
    ['goes on', (_error: unknown, res: ExpressResponse) => void res.json({})],
    ['answers by an error page of its own', (_error: unknown, res: ExpressResponse) => void res.status(500).end()],
  ])('an explicit save that fails is not tried again where the handler %s', async (_name, answer) => {
    sessions.isFull = true
    app.get('/', (req, res) => {
      held(req)['user'] = 'ann'
      req.session.save((error) => answer(error, res))
    })
    const response = await fetch(await serve(app))

    expect(response.status).toBe(503)
    expect(await response.json()).toEqual(unavailable)
    expect(sessions.calls).toEqual(['save'])
  })

  test('a session that somebody destroyed meanwhile stays destroyed, and the reply is what it was', async () => {
    app.get('/', (req, res) => {
      held(req)['user'] = 'ann'
      sessions.kept.clear()
      res.json({ text: 'hello' })
    })
    const url = await serve(app)
    const visitor = await returning(url)
    const response = await fetch(url, visitor)

    expect(response.status).toBe(200)
    expect(response.headers.getSetCookie()).toEqual([])
    expect(sessions.kept.size).toBe(0)
  })

  test('a session that is too large goes to the error handlers', async () => {
    vi.spyOn(sessions, 'save').mockRejectedValue(
      Object.assign(new Error('too large'), { code: 'PLIMSOLL_SESSION_TOO_LARGE', statusCode: 500 }),
    )
    app.get('/', (req, res) => {
      held(req)['user'] = 'ann'
      res.json({})
    })
    app.use(sessionErrors())
    const logged: unknown[] = []
    const log: ErrorRequestHandler = (error: unknown, _req, res, _next) => {
      logged.push(error)
      res.status(500).send('sorry')
    }
    app.use(log)
    const response = await fetch(await serve(app))

    expect(response.status).toBe(500)
    expect(await response.text()).toBe('sorry')
    expect(response.headers.getSetCookie()).toEqual([])
    expect(logged).toMatchObject([{ code: 'PLIMSOLL_SESSION_TOO_LARGE' }])
  })

  test('what is no JSON goes to the error handlers, and to no endless round', async () => {
    app.get('/', (req, res) => {
      held(req)['big'] = 1n
      res.json({})
    })
    const response = await fetch(await serve(app))

    expect(response.status).toBe(500)
    expect(response.headers.getSetCookie()).toEqual([])
  })

  test('a destroy that the handler does not wait for is waited for by its reply', async () => {
    const gate = deferred()
    app.get('/', (req, res) => {
      sessions.gate = gate.promise
      req.session.destroy(() => {})
      res.redirect('/bye')
    })
    const url = await serve(app)
    const visitor = await returning(url)
    let arrived = false
    const answer = fetch(url, { ...visitor, redirect: 'manual' }).then((response) => {
      arrived = true
      return response
    })
    await vi.waitFor(() => expect(sessions.calls).toContain('destroy'))
    await fetch(`${url}/nowhere`)
    expect(arrived).toBe(false)
    sessions.isDown = true
    gate.resolve()

    expect((await answer).status).toBe(503)
  })

  test("with unset: 'destroy' a session that was taken away is destroyed before the reply, or the reply is 503", async () => {
    mount({ unset: 'destroy' })
    app.get('/', (req, res) => {
      if (req.query['down']) sessions.isDown = true
      Reflect.deleteProperty(req, 'session')
      res.json({})
    })
    const url = await serve(app)
    const visitor = await returning(url)

    expect((await fetch(`${url}/?down=1`, visitor)).status).toBe(503)
    sessions.isDown = false
    expect((await fetch(url, visitor)).status).toBe(200)
    expect(sessions.kept.size).toBe(0)
  })

  test('a path outside the cookie has no session', async () => {
    mount({ cookie: { path: '/shop' } })
    app.get('/', (req, res) => void res.json({ session: req.session === undefined }))

    expect(await (await fetch(await serve(app))).json()).toEqual({ session: true })
  })

  test('a second one on the same request does nothing', async () => {
    app.use(plimsollSession(sessions, { secret: 'x' }))
    app.get('/', (req, res) => {
      held(req)['user'] = 'ann'
      res.json({})
    })
    await fetch(await serve(app))

    expect(sessions.calls).toEqual(['save'])
  })

  test("the cookie's defaults are strict, and secure where the request is", async () => {
    app.set('trust proxy', true)
    app.get('/', (req, res) => {
      held(req)['user'] = 'ann'
      res.json({})
    })
    const url = await serve(app)

    const plain = (await fetch(url)).headers.getSetCookie()[0]
    expect(plain).toMatch(/HttpOnly; SameSite=Lax$/)
    const secure = (await fetch(url, { headers: { 'x-forwarded-proto': 'https' } })).headers.getSetCookie()[0]
    expect(secure).toMatch(/Secure/)
  })

  test('a changed session gets its cookie, whatever is stored as one', async () => {
    app.get('/', (req, res) => {
      held(req)['visits'] = Math.random()
      res.json({})
    })
    const errors: unknown[] = []
    const failed: ErrorRequestHandler = (error, _req, _res, _next) => void errors.push(error)
    app.use(failed)
    const url = await serve(app)
    const visitor = await returning(url)
    const [id = ''] = sessions.kept.keys()
    const attributes = ['path', 'domain', 'sameSite', 'secure', 'httpOnly', 'partitioned', 'priority', 'originalMaxAge']
    const value = fc.oneof(fc.jsonValue(), fc.string(), fc.constantFrom('/a<b', 'a-.b', '-a', 'auto', 'Lax', 1e300))
    const anyOf = fc.dictionary(fc.constantFrom(...attributes), value)
    // Without a lifetime it ends with the browser, and is not sent again.
    const cookie = fc.oneof(
      fc.jsonValue(),
      anyOf.map((some) => ({ originalMaxAge: 60_000, ...some })),
    )
    await fc.assert(
      fc.asyncProperty(cookie, async (stored) => {
        errors.length = 0
        sessions.kept.set(id, {
          json: JSON.stringify({ cookie: stored }),
          user: undefined,
          expiresAt: Date.now() + 60_000,
        })
        expect((await fetch(url, visitor)).status).toBe(200)
        // express-session tells of a cookie that it could not write when the reply is on its way.
        expect(errors).toEqual([])
      }),
    )
  })
})
