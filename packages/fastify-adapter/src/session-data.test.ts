import fastifyCookie from '@fastify/cookie'
import fc from 'fast-check'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { storedCookie } from '../../core/src/testing-support/stored-cookie.ts'
import { sessionOf } from './session-data.ts'

let app: FastifyInstance

beforeAll(async () => {
  app = fastify()
  await app.register(fastifyCookie)
})

afterAll(() => app.close())

/** The Set-Cookie that @fastify/cookie makes of what is stored. */
function written(cookie: unknown): string {
  const stored = { data: { cookie }, user: undefined, createdAt: 0, expiresAt: 1_900_000_000_000, readOnly: false }
  const { cookie: kept } = sessionOf(stored) as { cookie?: object }
  return app.serializeCookie('sessionId', 'value', { path: '/', ...kept })
}

test('an ordinary cookie is written with all its attributes', () => {
  const stored = {
    path: '/shop',
    domain: 'shop.example',
    sameSite: 'lax',
    priority: 'high',
    secure: true,
    httpOnly: true,
    partitioned: true,
    originalMaxAge: 60_000,
  }
  expect(written(stored)).toBe(
    'sessionId=value; Domain=shop.example; Path=/shop; Expires=Sun, 17 Mar 2030 17:46:40 GMT; ' +
      'HttpOnly; Secure; Partitioned; Priority=High; SameSite=Lax',
  )
})

test('whatever is stored for a cookie, it can be written', () => {
  fc.assert(
    fc.property(storedCookie, (cookie) => {
      expect(written(cookie)).toMatch(/^sessionId=value(; [\x20-\x7e]*)?$/)
    }),
    { numRuns: 2_000 },
  )
})
