import { once } from 'node:events'
import { get as httpGet } from 'node:http'
import { Readable } from 'node:stream'
import type { Decision, HandlerReply, RequestFacts, RouteRules, Settled } from '@plimsoll/core/http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { describe, expect, it, vi } from 'vitest'
import { loginSession, sessionUser } from './login.ts'
import type { ResponsesOfCore } from './response-cache.ts'
import { openService } from './service.fixture.ts'

/** Answers what it was told to, and notes what it is handed. */
class Responses implements ResponsesOfCore {
  readonly maxBodyBytes = 1_000
  readonly asked: { readonly facts: RequestFacts; readonly rules: RouteRules | undefined }[] = []
  readonly settled: (HandlerReply | undefined)[] = []
  readonly unsafe: { readonly target: string; readonly status: number }[] = []
  decision: Decision | undefined
  /** What a lookup waits for. */
  before: Promise<unknown> | undefined
  conditions: Record<string, string> = {}
  answer: Settled = { headers: { etag: '"made"', 'cache-status': 'plimsoll; fwd=uri-miss; stored' } }
  #waiting: (() => void)[] = []

  checkRules(rules: RouteRules): void {
    if (rules.ttl === 0) throw new Error('ttl: expected a duration')
  }

  async lookup(facts: RequestFacts, rules?: RouteRules): Promise<Decision> {
    this.asked.push({ facts, rules })
    await this.before
    if (this.decision) return this.decision
    let settled = false
    return {
      kind: 'render',
      conditions: () => this.conditions,
      settle: (reply) => {
        if (!settled) this.settled.push(reply)
        settled = true
        for (const resolve of this.#waiting.splice(0)) resolve()
        return this.answer
      },
    }
  }

  /** Resolves with the next settlement. */
  async next(): Promise<HandlerReply | undefined> {
    if (this.settled.length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.settled[0]
  }

  afterUnsafe({ target }: RequestFacts, status: number): void {
    this.unsafe.push({ target, status })
  }
}

const cached = { config: { cache: { ttl: '1m' } as const } }

async function open(routes: (app: FastifyInstance) => void) {
  const responses = new Responses()
  return { responses, ...(await openService(routes, { responses })) }
}

it('asks only for routes that say so, and only after the hooks that guard them', async () => {
  let allowed = false
  const { browser, responses } = await open((app) => {
    app.get('/plain', async () => 'plain')
    const guard = {
      onRequest: async () => {
        if (!allowed) throw Object.assign(new Error(), { statusCode: 403 })
      },
    }
    app.get('/guarded', { ...cached, ...guard }, async () => 'guarded')
  })
  await browser.get('/plain')
  expect((await browser.get('/guarded')).status).toBe(403)
  expect(responses.asked).toEqual([])
  allowed = true
  await browser.request({ method: 'GET', url: '/guarded?a=1', headers: { Host: 'shop.example', accept: 'text/*' } })
  expect(responses.asked).toMatchObject([
    {
      facts: {
        ...{ method: 'GET', scheme: 'http', host: 'shop.example', target: '/guarded?a=1' },
        headers: { accept: 'text/*' },
      },
      rules: { ttl: '1m' },
    },
  ])
})

it('tells versions of a route apart by the header that chooses among them', async () => {
  const { browser, responses } = await open((app) => {
    const config = { cache: { vary: ['accept'] } }
    app.get('/page', { config, constraints: { version: '1.0.0' } }, async () => 'one')
  })
  await browser.request({ method: 'GET', url: '/page', headers: { 'accept-version': '1.x' } })
  expect(responses.asked[0]?.rules).toEqual({ vary: ['accept', 'accept-version'] })
})

it('settles for a client that went away while the cache was asked, though the handler never replies', async () => {
  const { app, responses } = await open((app) => {
    app.addHook('onRequest', async (_request, reply) => {
      responses.before = once(reply.raw, 'close')
    })
    app.get('/', cached, async (_request, reply) => {
      reply.hijack()
    })
  })
  const request = httpGet(await app.listen({ host: '127.0.0.1', port: 0 })).on('error', () => {})
  await vi.waitFor(() => expect(responses.asked).toHaveLength(1))
  request.destroy()
  expect(await responses.next()).toBeUndefined()
  expect(responses.settled).toHaveLength(1)
})

it('refuses wrong rules where the route is declared', async () => {
  const declare = open((app) => {
    app.get('/', { config: { cache: { ttl: 0 } } }, async () => '')
  })
  await expect(declare).rejects.toThrow('ttl')
})

it('hands over what the handler replied, and adds what it is told to', async () => {
  const { browser, responses } = await open((app) => {
    app.get('/text', cached, async (_request, reply) => reply.header('x-of', 'handler').send('text'))
    app.get('/json', cached, async () => ({ a: 1 }))
    app.get('/bytes', cached, async () => Buffer.from('bytes'))
    app.get('/none', cached, async (_request, reply) => reply.code(204).send())
    app.get('/large', cached, async () => 'x'.repeat(1_001))
  })
  const reply = await browser.get('/text')
  expect(reply).toMatchObject({ status: 200, body: 'text', headers: { etag: '"made"' } })
  for (const url of ['/json', '/bytes', '/none', '/large']) await browser.get(url)
  expect(responses.settled.map((one) => one?.body?.toString())).toEqual(['text', '{"a":1}', 'bytes', '', undefined])
  expect(responses.settled.map((one) => one?.status)).toEqual([200, 200, 200, 204, 200])
  expect(responses.settled[0]?.headers).toMatchObject({ 'x-of': 'handler' })
  expect(responses.settled.every((one) => one?.personal === false)).toBe(true)
})

it('hands over the error of a handler, and sends an older reply in its place where it is told to', async () => {
  const { browser, responses } = await open((app) => {
    app.get('/', cached, async (_request, reply) => {
      reply.header('cache-control', 'no-store')
      throw new Error('no')
    })
  })
  expect((await browser.get('/')).status).toBe(500)
  expect(responses.settled).toMatchObject([{ status: 500 }])
  responses.answer = {
    headers: {},
    instead: { status: 200, headers: { 'content-type': 'text/plain', age: '9' }, body: Buffer.from('older') },
  }
  const reply = await browser.get('/')
  expect(reply).toMatchObject({ status: 200, body: 'older', headers: { age: '9', 'content-length': '5' } })
  expect(reply.headers['cache-control']).toBeUndefined()
})

describe('a reply from the cache', () => {
  const body = Buffer.from('stored')
  const headers = { 'content-type': 'text/plain', etag: '"1"', 'content-length': '6' }

  it('is sent without asking the handler', async () => {
    let calls = 0
    const { browser, responses } = await open((app) => {
      app.get('/', cached, async () => `${++calls}`)
    })
    responses.decision = { kind: 'reply', status: 200, headers, body }
    expect(await browser.get('/')).toMatchObject({ status: 200, body: 'stored', headers })
    responses.decision = { kind: 'reply', status: 304, headers: { etag: '"1"' }, body: Buffer.alloc(0) }
    const unchanged = await browser.get('/')
    expect(unchanged).toMatchObject({ status: 304, body: '', headers: { etag: '"1"' } })
    expect(unchanged.headers['content-length']).toBeUndefined()
    expect(calls).toBe(0)
  })

  it('answers HEAD with the length of what a GET gets', async () => {
    const { browser, responses } = await open((app) => {
      app.get('/', cached, async () => 'rendered')
    })
    responses.decision = { kind: 'reply', status: 200, headers, body: Buffer.alloc(0) }
    const reply = await browser.request({ method: 'HEAD', url: '/' })
    expect(responses.asked).toMatchObject([{ facts: { method: 'HEAD' } }])
    expect(reply).toMatchObject({ status: 200, body: '', headers: { 'content-length': '6' } })
  })
})

describe('streams', () => {
  it('pass through, and are handed over once they have', async () => {
    const { browser, responses } = await open((app) => {
      app.get('/', cached, async (_request, reply) => reply.type('text/plain').send(Readable.from(['in ', 'parts'])))
    })
    expect((await browser.get('/')).body).toBe('in parts')
    expect((await responses.next())?.body?.toString()).toBe('in parts')
  })

  it('are not kept beyond the bound', async () => {
    const { browser, responses } = await open((app) => {
      const parts = Array.from({ length: 30 }, () => 'x'.repeat(100))
      app.get('/', cached, async (_request, reply) => reply.type('text/plain').send(Readable.from(parts)))
    })
    expect((await browser.get('/')).body).toHaveLength(3_000)
    expect(responses.settled.map((one) => one?.body)).toEqual([undefined])
  })

  it('that break off are no reply', async () => {
    const { browser, responses } = await open((app) => {
      app.get('/', cached, async (_request, reply) => {
        const broken = Readable.from(
          (async function* () {
            yield 'half'
            throw new Error('broken')
          })(),
        )
        return reply.type('text/plain').send(broken)
      })
    })
    await browser.get('/').catch(() => {})
    expect(await responses.next()).toBeUndefined()
  })
})

it('settles when the handler takes the reply over', async () => {
  const { browser, responses } = await open((app) => {
    app.get('/', cached, async (_request, reply) => {
      reply.hijack()
      reply.raw.end('raw')
    })
  })
  await browser.get('/')
  expect(await responses.next()).toBeUndefined()
})

describe('what may be meant for one user alone', () => {
  it.each<[string, (request: FastifyRequest) => Promise<unknown>]>([
    ['reads the session', async ({ session }) => ({ visits: session.visits ?? 0 })],
    [
      'changes the session',
      async (request) => {
        request.session.visits = 1
      },
    ],
    ['asks who is logged in', async (request) => ({ user: sessionUser(request) ?? null })],
    ['asks the plugin who is logged in', async ({ plimsoll }) => ({ user: plimsoll.user ?? null })],
    [
      'logs in',
      async (request) => {
        await loginSession(request, 'ada')
      },
    ],
    ['reads the header of cookies', async ({ headers }) => ({ length: headers.cookie?.length })],
    ['reads the headers as they came', async ({ raw }) => ({ length: raw.rawHeaders.length })],
    [
      'says who is logged in, without a decorator',
      async (request) => {
        Object.assign(request, { user: 'ada' })
      },
    ],
    ['reads the cookies', async ({ cookies }) => ({ theme: cookies['theme'] ?? null })],
  ])('is told: the handler %s', async (_what, handler) => {
    const { browser, responses } = await open((app) => {
      app.get('/', { config: { cache: { public: true } } }, handler)
    })
    browser.cookie = 'theme=dark'
    await browser.get('/')
    expect(responses.settled).toMatchObject([{ personal: true }])
  })

  it('is told where a hook looks at the session', async () => {
    const { browser, responses } = await open((app) => {
      app.addHook('preValidation', async ({ session }) => {
        void session.visits
      })
      app.get('/', { config: { cache: { public: true } } }, async () => '')
    })
    await browser.get('/')
    expect(responses.settled).toMatchObject([{ personal: true }])
  })

  it('is not the cookie that sessions add to every page', async () => {
    const { browser, responses } = await open((app) => {
      app.get('/', { config: { cache: { public: true } } }, async () => 'for all')
      app.post('/visit', async ({ session }) => {
        session.visits = 1
      })
    })
    await browser.post('/visit')
    expect((await browser.get('/')).setCookie).toHaveLength(1)
    expect(responses.settled).toMatchObject([{ personal: false, status: 200 }])
    expect(responses.settled[0]?.headers['set-cookie']).toBeUndefined()
  })

  it("is a cookie of the handler's own, which is handed over", async () => {
    const { browser, responses } = await open((app) => {
      app.get('/', { config: { cache: { public: true } } }, async (_request, reply) => {
        reply.setCookie('theme', 'dark')
        return ''
      })
    })
    await browser.get('/')
    expect(String(responses.settled[0]?.headers['set-cookie'])).toContain('theme=dark')
  })
})

it('shows the handler the conditions of the cache, and later hooks those of the client', async () => {
  const seen: unknown[] = []
  const { browser, responses } = await open((app) => {
    app.addHook('onSend', async ({ headers }) => {
      seen.push(headers['if-none-match'])
    })
    app.get('/', cached, async ({ headers }) => {
      seen.push(headers['if-none-match'], headers['if-modified-since'])
    })
  })
  const conditional = {
    method: 'GET',
    url: '/',
    headers: { 'if-none-match': '"client"', 'if-modified-since': 'then' },
  } as const
  await browser.request(conditional)
  responses.conditions = { 'if-none-match': '"stored"' }
  await browser.request(conditional)
  expect(seen).toEqual([undefined, undefined, '"client"', '"stored"', undefined, '"client"'])
  expect(responses.asked[0]?.facts.headers['if-none-match']).toBe('"client"')
})

it('tells of every unsafe method, and of no safe one', async () => {
  const { browser, responses } = await open((app) => {
    app.post('/things', async (_request, reply) => reply.code(201).send())
    app.delete('/things', async (_request, reply) => reply.code(500).send())
    app.options('/things', async () => '')
  })
  await browser.post('/things?a=1')
  await browser.request({ method: 'DELETE', url: '/things' })
  await browser.request({ method: 'OPTIONS', url: '/things' })
  expect(responses.unsafe).toEqual([
    { target: '/things?a=1', status: 201 },
    { target: '/things', status: 500 },
  ])
})
