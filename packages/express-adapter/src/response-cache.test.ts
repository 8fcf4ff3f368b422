import { once } from 'node:events'
import { get as httpGet } from 'node:http'
import type { Decision, HandlerReply, RequestFacts, RouteRules } from '@plimsoll/core/http'
import type { Express, Response as ExpressResponse, Request } from 'express'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { FakeSessions } from './fake-sessions.fixture.ts'
import { isDegraded, sessionUser } from './login.ts'
import { plimsollSession } from './plimsoll-session.ts'
import { type ResponsesOfCore, responseCache } from './response-cache.ts'
import { expressVersions, serve } from './served.fixture.ts'

type Settled = ReturnType<Extract<Decision, { readonly kind: 'render' }>['settle']>

/** The core's response cache as the adapter sees it: decides what it is told to, and notes what it is handed. */
class FakeResponses implements ResponsesOfCore {
  readonly maxBodyBytes = 100
  /** What a lookup waits for. */
  before: Promise<unknown> | undefined
  decision: 'render' | Extract<Decision, { readonly kind: 'pass' | 'reply' }> = 'render'
  answer: Settled = { headers: { 'cache-status': 'fake' } }
  readonly asked: { readonly facts: RequestFacts; readonly rules: RouteRules | undefined }[] = []
  readonly settled: (HandlerReply | undefined)[] = []
  readonly settledBy: (RouteRules | undefined)[] = []
  readonly unsafe: { readonly method: string; readonly status: number; readonly location: unknown }[] = []

  checkRules(rules: RouteRules): void {
    if (rules.ttl === 0) throw new Error('a wrong rule')
  }

  async lookup(facts: RequestFacts, rules?: RouteRules): Promise<Decision> {
    this.asked.push({ facts, rules })
    await this.before
    if (this.decision !== 'render') return this.decision
    return {
      kind: 'render',
      settle: (reply, laterRules) => {
        this.settled.push(reply)
        this.settledBy.push(laterRules)
        return this.answer
      },
    } as Decision
  }

  afterUnsafe({ method }: RequestFacts, status: number, headers: HandlerReply['headers']): void {
    this.unsafe.push({ method, status, location: headers['location'] })
  }
}

describe.each(expressVersions)('responseCache on Express %i', (_version, create) => {
  let responses: FakeResponses
  let app: Express

  beforeEach(() => {
    responses = new FakeResponses()
    app = create()
  })

  function page(handler: (req: Request, res: ExpressResponse) => void): void {
    app.get('/page', responseCache(responses), handler)
  }

  const kept = () => responses.settled[0]
  const textKept = () => kept()?.body?.toString()

  test('tells what it knows of the request', async () => {
    const rules = { public: true }
    app.use(
      '/shop',
      create().get('/page', responseCache(responses, rules), (_req, res) => void res.json({})),
    )
    const url = await serve(app)
    await fetch(`${url}/shop/page?b=2&a=1`, { headers: { accept: 'text/html', 'if-none-match': '"1"' } })

    expect(responses.asked).toEqual([
      {
        facts: {
          method: 'GET',
          scheme: 'http',
          host: url.slice('http://'.length),
          target: '/shop/page?b=2&a=1',
          headers: expect.objectContaining({ accept: 'text/html', 'if-none-match': '"1"' }),
        },
        rules,
      },
    ])
  })

  test('a wrong rule is told where the route is declared', () => {
    expect(() => responseCache(responses, { ttl: 0 })).toThrow('a wrong rule')
  })

  test('serves what is kept without calling the handler', async () => {
    const handler = vi.fn()
    responses.decision = {
      kind: 'reply',
      status: 203,
      headers: { age: '3', 'content-type': 'text/plain', link: ['</a>', '</b>'] },
      body: Buffer.from('kept'),
    }
    page(handler)
    const response = await fetch(`${await serve(app)}/page`)

    expect(response.status).toBe(203)
    expect(await response.text()).toBe('kept')
    expect(response.headers.get('age')).toBe('3')
    expect(response.headers.get('link')).toBe('</a>, </b>')
    expect(handler).not.toHaveBeenCalled()
  })

  const replies: Record<string, (req: Request, res: ExpressResponse) => void> = {
    send: (_req, res) => void res.type('text').send('hello'),
    'an end': (_req, res) => void res.type('text').end('hello'),
    'an end with a callback': (_req, res) => void res.type('text').end('hello', () => {}),
    'an end in another encoding': (_req, res) => void res.type('text').end('68656c6c6f', 'hex'),
    'writes and an end': (_req, res) => {
      res.type('text')
      res.write('hel')
      res.write(Buffer.from('lo'))
      res.end()
    },
    'a head with a list of headers': (_req, res) => {
      res.writeHead(200, ['content-type', 'text/plain; charset=utf-8', 'x-one', '1'] as never)
      res.end('hello')
    },
    'a head with a reason': (_req, res) => {
      res.writeHead(200, 'Fine', { 'content-type': 'text/plain; charset=utf-8' })
      res.end('hello')
    },
  }

  test.each(Object.entries(replies))('hands over what a handler sends by %s, and sends it on', async (_name, reply) => {
    page(reply)
    const response = await fetch(`${await serve(app)}/page`)

    expect(await response.text()).toBe('hello')
    expect(response.headers.get('cache-status')).toBe('fake')
    expect(responses.settled).toHaveLength(1)
    expect(textKept()).toBe('hello')
    expect(kept()).toMatchObject({
      status: 200,
      personal: false,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    })
  })

  test('callbacks of writes are called once the reply is on its way', async () => {
    const told: string[] = []
    page((_req, res) => {
      res.write('a', () => told.push('written'))
      res.end('b', () => told.push('ended'))
    })

    expect(await (await fetch(`${await serve(app)}/page`)).text()).toBe('ab')
    await vi.waitFor(() => expect(told.sort()).toEqual(['ended', 'written']))
  })

  test('a reply that is too large is passed on in pieces, and not handed over', async () => {
    page((_req, res) => {
      res.write('a'.repeat(60))
      res.write('b'.repeat(60))
      res.end('c')
    })

    expect(await (await fetch(`${await serve(app)}/page`)).text()).toBe(`${'a'.repeat(60)}${'b'.repeat(60)}c`)
    expect(responses.settled).toMatchObject([{ status: 200, body: undefined }])
  })

  test('a reply that streams is passed on at once', async () => {
    page((_req, res) => {
      res.type('text/event-stream').flushHeaders()
      res.write('data: 1\n\n')
    })
    const response = await fetch(`${await serve(app)}/page`)
    const first = await response.body?.getReader().read()

    expect(Buffer.from(first?.value ?? []).toString()).toBe('data: 1\n\n')
    expect(responses.settled).toMatchObject([{ body: undefined }])
  })

  test('events are passed on as they come', async () => {
    page((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      res.write('data: 1\n\n')
    })
    const response = await fetch(`${await serve(app)}/page`)
    const first = await response.body?.getReader().read()

    expect(Buffer.from(first?.value ?? []).toString()).toBe('data: 1\n\n')
  })

  test('an error after half a page breaks the reply off, as it does without a cache', async () => {
    page((_req, res) => {
      res.write('half')
      throw new Error('boom')
    })

    await expect(fetch(`${await serve(app)}/page`)).rejects.toThrow()
    await vi.waitFor(() => expect(responses.settled).toEqual([undefined]))
  })

  test('more than the announced length never reaches into the next reply', async () => {
    page((_req, res) => {
      res.write('half')
      res.set('content-length', '5').end('error')
    })
    const response = await fetch(`${await serve(app)}/page`)

    expect(await response.text()).toBe('halferror')
  })

  test('headers that are added when the head is written are seen before the reply is kept', async () => {
    app.get(
      '/page',
      responseCache(responses),
      (_req, res, next) => {
        const { writeHead } = res
        res.writeHead = (...args: unknown[]) => {
          res.setHeader('set-cookie', 'cart=1')
          return Reflect.apply(writeHead, res, args)
        }
        next()
      },
      (_req, res) => void res.send('hello'),
    )
    const response = await fetch(`${await serve(app)}/page`)

    expect(response.headers.getSetCookie()).toEqual(['cart=1'])
    expect(kept()?.headers).toMatchObject({ 'set-cookie': 'cart=1' })
  })

  test('a route behind a middleware of the same cache asks no second time, and its rules count', async () => {
    const rules = { ttl: 1_000, vary: ['accept-language'] }
    app.use(responseCache(responses))
    app.get('/page', responseCache(responses, rules), (_req, res) => void res.send('hello'))

    expect(await (await fetch(`${await serve(app)}/page`)).text()).toBe('hello')
    expect(responses.asked).toHaveLength(1)
    expect(responses.settledBy).toEqual([rules])
  })

  test('a client that went away while the cache was asked is settled, though the handler never replies', async () => {
    app.use((_req, res, next) => {
      responses.before = once(res, 'close')
      next()
    })
    page(() => {})
    const request = httpGet(`${await serve(app)}/page`).on('error', () => {})
    await vi.waitFor(() => expect(responses.asked).toHaveLength(1))
    request.destroy()

    await vi.waitFor(() => expect(responses.settled).toEqual([undefined]))
  })

  test('a handler makes the whole page also where the client has it, which then gets a 304', async () => {
    page((req, res) => {
      expect(req.headers['if-none-match']).toBeUndefined()
      res.set('etag', '"1"').send('hello')
    })
    const headers = { 'if-none-match': '"1"', 'cache-control': 'max-age=0' }
    const response = await fetch(`${await serve(app)}/page`, { headers })

    expect(response.status).toBe(304)
    expect(await response.text()).toBe('')
    expect(kept()?.status).toBe(200)
    expect(textKept()).toBe('hello')
  })

  test('what the core sends instead goes out', async () => {
    responses.answer = {
      headers: {},
      instead: {
        status: 200,
        headers: { 'content-type': 'text/plain', 'content-length': '5' },
        body: Buffer.from('older'),
      },
    }
    page((_req, res) => void res.status(500).set('x-error', '1').json({ error: 'the database is away' }))
    const response = await fetch(`${await serve(app)}/page`)

    expect(response.status).toBe(200)
    expect(await response.text()).toBe('older')
    expect(response.headers.get('content-type')).toBe('text/plain')
  })

  test('HEAD', async () => {
    page((_req, res) => void res.send('hello'))
    const response = await fetch(`${await serve(app)}/page`, { method: 'HEAD' })

    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBe('5')
    expect(responses.settled).toHaveLength(1)
  })

  test('an error of the handler is settled as what its error page says', async () => {
    page(() => {
      throw new Error('boom')
    })
    const response = await fetch(`${await serve(app)}/page`)

    expect(response.status).toBe(500)
    expect(responses.settled).toMatchObject([{ status: 500 }])
  })

  test('a client that went away is settled, once, as no reply', async () => {
    let finish = (): void => {}
    page((_req, res) => {
      finish = () => void res.send('too late')
    })
    const url = await serve(app)
    const request = httpGet(`${url}/page`).on('error', () => {})
    await vi.waitFor(() => expect(responses.asked).toHaveLength(1))
    request.destroy()
    await vi.waitFor(() => expect(responses.settled).toEqual([undefined]))
    finish()

    expect(responses.settled).toEqual([undefined])
  })

  test('an unsafe method is told before its reply goes out', async () => {
    responses.decision = { kind: 'pass' }
    app.post('/page', responseCache(responses), (_req, res) => res.redirect(303, '/page/1'))
    await fetch(`${await serve(app)}/page`, { method: 'POST', redirect: 'manual' })

    expect(responses.unsafe).toEqual([{ method: 'POST', status: 303, location: '/page/1' }])
  })

  test('what is passed is left alone', async () => {
    responses.decision = { kind: 'pass' }
    page((_req, res) => void res.send('hello'))

    expect(await (await fetch(`${await serve(app)}/page`)).text()).toBe('hello')
    expect(responses).toMatchObject({ settled: [], unsafe: [] })
  })

  test('in front of plimsollSession, where it does not belong, nothing is kept', async () => {
    app.use(responseCache(responses))
    app.use(plimsollSession(new FakeSessions(), { secret: 'x' }))
    app.get('/page', (req, res) => {
      Object.assign(req.session, { user: 'ann' })
      res.send('hello')
    })
    const response = await fetch(`${await serve(app)}/page`)

    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(responses.settled).toMatchObject([{ personal: true }])
  })

  test.each([
    [true, 'reads', (req: Request) => req.session],
    [false, 'leaves alone', () => {}],
  ])('personal: %s where a handler %s a session that is made when it is asked for', async (personal, _how, look) => {
    app.use((req, _res, next) => {
      Object.defineProperty(req, 'session', { configurable: true, enumerable: true, get: () => ({}) })
      next()
    })
    page((req, res) => {
      look(req)
      res.end('hello')
    })
    await fetch(`${await serve(app)}/page`)

    expect(responses.settled).toMatchObject([{ personal }])
  })

  describe('behind plimsollSession', () => {
    beforeEach(() => {
      app.use(plimsollSession(new FakeSessions(), { secret: 'x', rolling: true, cookie: { maxAge: 60_000 } }))
      app.use((req, _res, next) => {
        Object.assign(req, { user: { name: 'ann' }, cookies: {} })
        next()
      })
    })

    const personal: Record<string, (req: Request) => unknown> = {
      'reads the session': (req) => (req.session as unknown as Record<string, unknown>)['user'],
      'changes the session': (req) => Object.assign(req.session, { user: 'ann' }),
      'takes the session away': (req) => Reflect.set(req, 'session', null),
      'reads the id of the session': (req) => req.sessionID,
      'asks who is logged in': (req) => sessionUser(req),
      'asks whether the session is degraded': (req) => isDegraded(req),
      'reads req.user': (req) => (req as { user?: unknown }).user,
      'reads req.cookies': (req) => (req as { cookies?: unknown }).cookies,
      'reads the cookie': (req) => req.headers.cookie,
      'reads the cookie by req.get': (req) => req.get('Cookie'),
      'reads the authorization': (req) => req.headers.authorization,
      'reads the headers as they came': (req) => req.rawHeaders,
      'reads req.auth': (req) => (req as { auth?: unknown }).auth,
    }

    test.each(Object.entries(personal))('a handler that %s makes a personal page', async (_name, look) => {
      page((req, res) => {
        look(req)
        res.send('hello')
      })
      await fetch(`${await serve(app)}/page`)

      expect(responses.settled).toMatchObject([{ personal: true }])
    })

    test('a handler that does not is no personal page, whatever middleware looks at afterwards', async () => {
      page((_req, res) => void res.send('hello'))
      const url = await serve(app)
      await fetch(`${url}/page`, { headers: { cookie: 'connect.sid=s%3Aa.b', authorization: 'Bearer x' } })

      expect(responses.settled).toMatchObject([{ personal: false }])
      expect(kept()?.headers).not.toHaveProperty('set-cookie')
    })

    test('what the handler set is there afterwards', async () => {
      let after: unknown
      page((req, res) => {
        Object.assign(req.session, { user: 'ann' })
        res.once('finish', () => {
          after = Object.getOwnPropertyDescriptor(req, 'session')
        })
        res.send('hello')
      })
      const response = await fetch(`${await serve(app)}/page`)

      expect(response.headers.getSetCookie()).toHaveLength(1)
      await vi.waitFor(() => expect(after).toMatchObject({ value: { user: 'ann' }, writable: true, enumerable: true }))
    })
  })
})
