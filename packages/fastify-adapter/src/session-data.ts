import type { SessionData, StoredSession } from '@plimsoll/core/session'
import type { Session } from 'fastify'

type Attributes = Record<string, unknown>

const century = 100 * 365 * 86_400_000

/** What Redis holds may be anybody's, and a cookie that cannot be written (RFC 6265 section 4.1.1) is an error in every reply. */
const attributes: Readonly<Record<string, (value: unknown) => boolean>> = {
  path: isText(/^[\x20-\x3a\x3c-\x7e]*$/),
  domain: isText(/^\.?[a-z0-9-]+(\.[a-z0-9-]+)*$/i),
  sameSite: (value) => isBoolean(value) || isText(/^(lax|strict|none)$/i)(value),
  secure: isBoolean,
  httpOnly: isBoolean,
  partitioned: isBoolean,
}

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
  // Stored by somebody else: the framework then makes the cookie by its own options.
  if (!isPlainObject(cookie)) return rest as unknown as Session
  const { originalMaxAge } = cookie
  return {
    ...rest,
    cookie: {
      ...Object.fromEntries(
        Object.entries(attributes).flatMap(([name, fits]) => (fits(cookie[name]) ? [[name, cookie[name]]] : [])),
      ),
      originalMaxAge: isLengthOfTime(originalMaxAge) ? originalMaxAge : null,
      expires: cookie['expires'] === null ? null : new Date(expiresAt),
    },
  }
}

/** How long a session is to live, in milliseconds; undefined where its cookie ends with the browser. */
export function timeToLive({ cookie }: { readonly cookie?: Session['cookie'] }): number | undefined {
  if (typeof cookie?.originalMaxAge === 'number') return Math.ceil(cookie.originalMaxAge)
  const end = cookie?.expires == null ? Number.NaN : new Date(cookie.expires).valueOf()
  return Number.isNaN(end) ? undefined : end - Date.now()
}

function isLengthOfTime(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < century
}

function isPlainObject(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(pattern: RegExp): (value: unknown) => boolean {
  return (value) => typeof value === 'string' && pattern.test(value)
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean'
}
