import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import express, { type Express, type Request } from 'express'
import session from 'express-session'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createSessions, type Sessions } from '../../packages/core/src/session/index.ts'
import { PlimsollSessionStore, plimsollSession } from '../../packages/express-adapter/src/index.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const secret = 'for tests'
const maxAge = 60_000
const express4 = createRequire(import.meta.url)('express4') as typeof express

let redis: RedisServer
let operator: Redis
let sessions: Sessions
const unhandled: unknown[] = []
const noteUnhandled = (reason: unknown): void => void unhandled.push(reason)

beforeAll(async () => {
  process.on('unhandledRejection', noteUnhandled)
  redis = await startRedisServer()
  operator = new Redis(redis.url)
  operator.on('error', () => {})
  sessions = createSessions({ name: 'store', redis: redis.url, lossGrace: 0, commandTimeout: 5_000 })
  await until(() => sessions.health().redis.status === 'ready', 'the sessions are connected')
})

afterAll(async () => {
  await sessions.close()
  operator.disconnect()
  await redis.stop()
  process.off('unhandledRejection', noteUnhandled)
  expect(unhandled).toEqual([])
})

function held(req: Request): Record<string, unknown> {
  return req.session as unknown as Record<string, unknown>
}

function signed(id: string): string {
  const signature = createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '')
  return encodeURIComponent(`s:${id}.${signature}`)
}

describe.each([
  [5, express],
  [4, express4],
] as const)('the bare store under express-session on Express %i', (_version, create) => {
  let app: Express
  let server: Server
  let url: string
  let cookie: string
  const ask = async (path: string, headers: Record<string, string> = { cookie }): Promise<Response> =>
    fetch(`${url}${path}`, { headers })

  beforeEach(async () => {
    app = create()
    app.set('env', 'test')
    const store = new PlimsollSessionStore(sessions)
    app.use(session({ store, secret, resave: false, saveUninitialized: false, cookie: { maxAge } }))
    app.get('/set', (req, res) => {
      held(req)['user'] = 'ann'
      res.json({ id: req.sessionID })
    })
    app.get('/get', (req, res) => void res.json({ user: held(req)['user'] ?? null }))
    app.get('/regenerate', (req, res, next) => {
      req.session.regenerate((error) => {
        if (error) return next(error)
        held(req)['user'] = 'bob'
        return res.json({ id: req.sessionID })
      })
    })
    // Another request logs out between the load and the save of this one.
    app.get('/raced', (req, res, next) => {
      held(req)['user'] = 'mallory'
      sessions.destroy(req.sessionID).then(() => res.json({ text: 'done' }), next)
    })
    app.get('/raced-save', (req, res, next) => {
      held(req)['user'] = 'mallory'
      sessions
        .destroy(req.sessionID)
        .then(() => req.session.save((error: unknown) => void res.json({ code: (error as { code?: string }).code })))
        .catch(next)
    })
    server = createServer(app)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const made = await ask('/set', {})
    cookie = made.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    return () => {
      server.close()
      server.closeAllConnections()
    }
  })

  test('a session is there for the next request, and lives in Redis as long as its cookie', async () => {
    expect(await (await ask('/get')).json()).toEqual({ user: 'ann' })

    const { id } = (await (await ask('/set')).json()) as { id: string }
    const left = await operator.pttl(`store:{${sessions.handleOf(id)}}:s`)
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(maxAge)
  })

  test('a new id leaves no old one', async () => {
    const renewed = await ask('/regenerate')
    expect(await (await ask('/get')).json()).toEqual({ user: null })
    const fresh = renewed.headers.getSetCookie()[0]?.split(';')[0] ?? ''

    expect(await (await ask('/get', { cookie: fresh })).json()).toEqual({ user: 'bob' })
  })

  test('a logout stays, and the reply that raced it arrives whole on a connection that lives', async () => {
    expect(await (await ask('/raced')).json()).toEqual({ text: 'done' })
    expect(await (await ask('/get')).json()).toEqual({ user: null })
  })

  test('a save by hand is told that its session is gone', async () => {
    expect(await (await ask('/raced-save')).json()).toEqual({ code: 'PLIMSOLL_SESSION_GONE' })
  })
})

describe('an outage under the bare store', () => {
  test('is an error to its callback, within the deadline, and never "no session"', async () => {
    const mine = createSessions({ name: 'store', redis: 'redis://127.0.0.1:1' })
    const store = new PlimsollSessionStore(mine)

    await expect(store.get('any')).rejects.toMatchObject({ code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' })
    await expect(store.destroy('any')).rejects.toMatchObject({ code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' })
    await expect(store.length()).rejects.toMatchObject({ code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' })
    await mine.close()
  })
})

describe('whatever comes from outside', () => {
  let server: Server
  let url: string

  beforeAll(async () => {
    const app = express()
    app.set('env', 'test')
    app.use(plimsollSession(sessions, { secret, name: 'sid', cookie: { maxAge } }))
    app.get('/', (req, res) => void res.json({ user: held(req)['user'] ?? null }))
    server = createServer(app)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })

  afterAll(() => {
    server.close()
    server.closeAllConnections()
  })

  const visit = async (cookie: string): Promise<number> => {
    const response = await fetch(url, { headers: { cookie } })
    expect(response.headers.getSetCookie()).toEqual([])
    return response.status
  }
  const inHeader = fc
    .string({ unit: 'grapheme-ascii', maxLength: 300 })
    .map((text) => text.replace(/[^\x20-\x7e]/g, ''))

  test('a cookie of any text is no session', async () => {
    await fc.assert(
      fc.asyncProperty(inHeader, async (text) => {
        expect(await visit(text)).toBe(200)
        expect(await visit(`sid=s%3A${text}`)).toBe(200)
      }),
      { numRuns: 100 },
    )
  })

  test('a signed id of any text is no session', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 400 }), async (id) => {
        expect(await visit(`sid=${signed(Buffer.from(id).toString())}`)).toBe(200)
      }),
      { numRuns: 100 },
    )
  })

  test('stored bytes of any kind are a session or none, and no error', async () => {
    const id = 'stored'
    await sessions.put(id, { user: 'ann' })
    const key = `store:{${sessions.handleOf(id)}}:s`
    const good = await operator.getBuffer(key)
    const mangled = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat({ max: (good?.length ?? 1) - 1 }).map((length) => Uint8Array.from(good?.subarray(0, length) ?? [])),
      fc.json().map((text) => new TextEncoder().encode(text)),
    )
    await fc.assert(
      fc.asyncProperty(mangled, async (bytes) => {
        await operator.set(key, Buffer.from(bytes), 'PX', maxAge)
        expect(await visit(`sid=${signed(id)}`)).toBe(200)
      }),
      { numRuns: 100 },
    )
  })

  test('a stored session of any shape can be shown', async () => {
    const id = 'shaped'
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), async (data, cookie) => {
        await sessions.put(id, { ...data, cookie })
        expect(await visit(`sid=${signed(id)}`)).toBe(200)
      }),
      { numRuns: 100 },
    )
  })
})
