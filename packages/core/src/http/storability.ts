import CachePolicy from 'http-cache-semantics'
import { type Directives, parseCacheControl } from './cache-control.ts'
import { forbiddenByPragma, type Lifetime, lifetimeOf } from './freshness.ts'
import { areSendable, type HeaderFields, isToken, lineOf, readHeaders, tokensOf } from './header-fields.ts'
import type { Question } from './question.ts'
import type { HandlerReply } from './request-facts.ts'
import type { RuleSettings } from './response-cache-options.ts'

/** A reply that may be stored and handed to others. */
export interface Storable extends Lifetime {
  readonly status: number
  readonly fields: HeaderFields
  readonly body: Buffer
  /** The request headers that chose it, in order. */
  readonly vary: readonly string[]
}

/** Final statuses whose meaning is known here; 206 and 304 are none, for they are parts of another reply. */
const understood = new Set([
  ...[200, 203, 204, 300, 301, 302, 303, 307, 308],
  ...[400, 403, 404, 405, 410, 414, 451, 500, 501, 502, 503, 504],
])
/** Statuses that may be stored because a route names a lifetime (RFC 9110 section 15.1); the others must name their own. */
const cacheableByDefault = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 451, 501])

/** Headers of replies to one client alone. */
const personalHeaders = [
  ...['set-cookie', 'set-cookie2', 'authentication-info', 'proxy-authentication-info', 'www-authenticate'],
  ...['proxy-authenticate', 'clear-site-data', 'content-range'],
]
const largestHead = 32 * 1024
const mostNames = 16

/** RFC 9111 section 3, and what this cache asks beyond it. Undefined: the reply is for its own client alone. */
export function judgeReply(
  question: Question,
  reply: HandlerReply,
  rules: RuleSettings,
  now: number,
): Storable | undefined {
  const { status, body } = reply
  if (reply.personal !== false || !Buffer.isBuffer(body) || !understood.has(status)) return undefined
  const fields = readHeaders(reply.headers)
  if (!areSendable(fields) || headBytes(fields) > largestHead) return undefined
  if (personalHeaders.some((name) => fields.has(name)) || !isComplete(fields, status, body)) return undefined
  const directives = parseCacheControl(lineOf(fields, 'cache-control'))
  if (directives === undefined || directives.has('no-cache') || forbiddenByPragma(fields)) return undefined
  if (!mayBeShared(directives, question.authorized)) return undefined
  const vary = selectingHeaders(fields, rules.vary)
  if (vary === undefined) return undefined
  const life = lifetimeOf(fields, directives, namesItsOwnOnly(status, rules), now)
  if (life === undefined) return undefined
  const freshUntil = life.bornAt + life.freshFor
  // What comes stale has been somewhere else before, and its time there is not known here.
  if (freshUntil < now) return undefined
  const usableUntil = freshUntil + Math.max(life.staleWhileRevalidate, life.staleIfError)
  return usableUntil > now ? { ...life, status, fields, body, vary } : undefined
}

/** no-store, private, and what section 3.5 asks: http-cache-semantics is told them in the one spelling that it knows. */
function mayBeShared(directives: Directives, authorized: boolean): boolean {
  const known = ['no-store', 'private', 'public', 'must-revalidate'].filter((name) => directives.has(name))
  if (directives.has('s-maxage')) known.push('s-maxage=1')
  const headers = { 'cache-control': [...known, 'max-age=1'].join(', ') }
  const request = { method: 'GET', headers: authorized ? { authorization: 'present' } : {} }
  return new CachePolicy(request, { status: 200, headers }, { shared: true }).storable()
}

function namesItsOwnOnly(status: number, rules: RuleSettings): RuleSettings {
  return cacheableByDefault.has(status) ? rules : { ...rules, ttl: undefined }
}

/** Section 3.3: a body that broke off must not be taken for a whole one. */
function isComplete(fields: HeaderFields, status: number, body: Buffer): boolean {
  if (status === 204) return body.length === 0
  const length = lineOf(fields, 'content-length')
  return length === undefined || length === String(body.length)
}

/**
 * Vary (section 4.1) with what the route adds. A coding or an origin that was chosen for the client is taken as
 * chosen by its header, whether the reply says so or not. Undefined: nobody can tell for whom it is.
 */
function selectingHeaders(fields: HeaderFields, byRoute: readonly string[]): string[] | undefined {
  const names = new Set([...tokensOf(fields, 'vary'), ...byRoute])
  const coding = tokensOf(fields, 'content-encoding')
  if (coding.some((name) => name !== 'identity')) names.add('accept-encoding')
  const allowedOrigin = lineOf(fields, 'access-control-allow-origin')
  if (allowedOrigin !== undefined && allowedOrigin.trim() !== '*') names.add('origin')
  const known = names.size <= mostNames && [...names].every((name) => name !== '*' && isToken(name))
  return known ? [...names].sort() : undefined
}

function headBytes(fields: HeaderFields): number {
  let bytes = 0
  for (const [name, value] of fields) bytes += name.length + (typeof value === 'string' ? value : value.join()).length
  return bytes
}
