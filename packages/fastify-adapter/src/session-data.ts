import { type SessionData, type StoredSession, writableAttributes } from '@plimsoll/core/session'
import type { Session } from 'fastify'

type Attributes = Record<string, unknown>

/**
 * A snapshot of a session as it is stored, taken at once: the framework hands over the live object, which the handler may
 * change while Redis is being asked. The end of its life is left out of the cookie: Redis knows it better, and without it
 * a session that was only looked at is the same text as before.
 */
export function dataOf(session: object): SessionData {
  const data = JSON.parse(JSON.stringify(session)) as SessionData
  if (!('cookie' in session)) return data
  const { expires, originalExpires: _, ...kept } = data['cookie'] as Attributes
  // A cookie that ends with the browser has none, and must not get one by being loaded.
  return { ...data, cookie: expires == null ? { ...kept, expires: null } : kept }
}

/** What `store.get` answers: the data, and a cookie that ends when the session does. */
export function sessionOf({ data, expiresAt }: StoredSession): Session {
  const { cookie, ...rest } = data
  const attributes = writableAttributes(cookie)
  // Stored by somebody else: the framework then makes the cookie by its own options.
  if (attributes === undefined) return rest as unknown as Session
  const { originalMaxAge = null } = attributes
  const expires = (cookie as Attributes)['expires'] === null ? null : new Date(expiresAt)
  return { ...rest, cookie: { ...attributes, originalMaxAge, expires } } as unknown as Session
}

/** How long a session is to live, in milliseconds; undefined where its cookie ends with the browser. */
export function timeToLive({ cookie }: { readonly cookie?: Session['cookie'] }): number | undefined {
  if (typeof cookie?.originalMaxAge === 'number') return Math.ceil(cookie.originalMaxAge)
  const end = cookie?.expires == null ? Number.NaN : new Date(cookie.expires).valueOf()
  return Number.isNaN(end) ? undefined : end - Date.now()
}
