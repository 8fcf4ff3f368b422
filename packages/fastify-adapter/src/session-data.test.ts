import fastifyCookie from '@fastify/cookie'
import fc from 'fast-check'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ordinaryCookie, storedCookie } from '../../core/src/testing-support/stored-cookie.ts'
import { sessionOf } from './session-data.ts'

let app: FastifyInstance

beforeAll(async () => {
  app = fastify()
  await app.register(fastifyCookie)
})

afterAll(() => app.close())

/** The Set-Cookie that @fastify/cookie makes of what is stored. */
function written(cookie: unknown): string {
  const { expiresAt } = ordinaryCookie
  const stored = { data: { cookie }, user: undefined, createdAt: 0, expiresAt, readOnly: false }
  const { cookie: kept } = sessionOf(stored) as { cookie?: object }
  return app.serializeCookie('sessionId', 'value', { path: '/', ...kept })
}

test('an ordinary cookie is written with all its attributes', () => {
  expect(written(ordinaryCookie.stored)).toBe(`sessionId=value; ${ordinaryCookie.written}`)
})

test('whatever is stored for a cookie, it can be written', () => {
  fc.assert(
    fc.property(storedCookie, (cookie) => {
      expect(written(cookie)).toMatch(/^sessionId=value(; [\x20-\x7e]*)?$/)
    }),
    { numRuns: 2_000 },
  )
})
