import { type SessionData, type StoredSession, writableAttributes } from '@plimsoll/core/session'
import type session from 'express-session'

/**
 * What is stored of a session. The end of its life is left out of the cookie: Redis knows it better, and without it a
 * session that was only looked at is the same text as before.
 */
export function dataOf(held: object): SessionData {
  const { cookie, ...data } = held as { readonly cookie?: unknown } & SessionData
  if (cookie === undefined) return data
  const { expires: _, ...kept } = JSON.parse(JSON.stringify(cookie)) as Record<string, unknown>
  return { ...data, cookie: kept }
}

/** What `store.get` answers: as express-session's MemoryStore would have kept it, times as text. */
export function sessionOf(stored: StoredSession): session.SessionData {
  // What Redis holds may be anybody's: express-session would throw at a cookie that is no object.
  const { originalMaxAge = null, ...attributes } = writableAttributes(stored.data['cookie']) ?? {}
  const expires = originalMaxAge === null ? null : new Date(stored.expiresAt).toISOString()
  const cookie = { path: '/', httpOnly: true, ...attributes, originalMaxAge, expires }
  return { ...stored.data, cookie } as unknown as session.SessionData
}

/** How long a session is to live, in milliseconds; undefined where its cookie ends with the browser. */
export function timeToLive({ cookie }: { readonly cookie?: Partial<session.Cookie> | undefined }): number | undefined {
  const given = numberOrNull(cookie?.originalMaxAge)
  if (given !== null) return given
  const expires: unknown = cookie?.expires
  const end = expires instanceof Date || typeof expires === 'string' ? new Date(expires).valueOf() : Number.NaN
  return Number.isNaN(end) ? undefined : end - Date.now()
}

/** Whether a session has changed is told by this text, as express-session does: the cookie does not count. */
export function textOf(held: object): string {
  const { cookie: _, ...data } = held as { readonly cookie?: unknown }
  return JSON.stringify(data)
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
