import type { Request } from 'express'
import session from 'express-session'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ordinaryCookie, storedCookie } from '../../core/src/testing-support/stored-cookie.ts'
import { sessionOf } from './session-data.ts'

/** The Set-Cookie that express-session makes of what is stored. */
function written(cookie: unknown): string {
  const { expiresAt } = ordinaryCookie
  const stored = { data: { cookie }, user: undefined, createdAt: 0, expiresAt, readOnly: false }
  const req = { sessionID: 'id' } as Request
  const held = new session.MemoryStore().createSession(req, sessionOf(stored))
  // @types/express-session declares Cookie without it.
  const { cookie: kept } = held as unknown as { cookie: { serialize(name: string, value: string): string } }
  return kept.serialize('connect.sid', 'value')
}

test('an ordinary cookie is written with all its attributes', () => {
  expect(written(ordinaryCookie.stored)).toBe(`connect.sid=value; ${ordinaryCookie.written}`)
})

test('whatever is stored for a cookie, it can be written', () => {
  fc.assert(
    fc.property(storedCookie, (cookie) => {
      expect(written(cookie)).toMatch(/^connect\.sid=value(; [\x20-\x7e]*)?$/)
    }),
    { numRuns: 2_000 },
  )
})
