import { secondsOf } from './cache-control.ts'
import { entityTagOf, isUnchanged } from './conditional.ts'
import { type HeaderFields, tokensOf } from './header-fields.ts'
import type { Question } from './question.ts'
import type { Storable } from './storability.ts'
import { StoredReply } from './stored.ts'

export interface CachedReply {
  readonly status: number
  readonly headers: Record<string, string | string[]>
  readonly body: Buffer
}

/** Of one connection (RFC 9110 section 7.6.1), or worked out anew for each reply. */
const notKept = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
  ...['age', 'content-length'],
])

/** Of one request: in the page of another they would lead whoever reads its log astray, or tell of a stranger's limits. */
const ofOneRequest = new Set([
  ...[
    'x-request-id',
    'request-id',
    'x-correlation-id',
    'traceparent',
    'tracestate',
    'server-timing',
    'x-response-time',
  ],
  ...['ratelimit', 'ratelimit-policy', 'ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'],
  ...['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'],
])

/** What a 304 repeats (RFC 9110 section 15.4.5); all else the client has. */
const toldWith304 = ['cache-control', 'content-location', 'date', 'etag', 'expires', 'vary', 'last-modified']

/** How long a reply with a validator is kept after its end: as long as it was fresh, within these bounds. */
const kept = { least: 60_000, most: 3_600_000 }

const noBody = Buffer.alloc(0)

export function toStoredReply(key: string, reply: Storable, now: number): StoredReply {
  const dropped = new Set(tokensOf(reply.fields, 'connection'))
  const headers: Record<string, string | readonly string[]> = {}
  for (const [name, value] of reply.fields) {
    if (!notKept.has(name) && !ofOneRequest.has(name) && !dropped.has(name)) headers[name] = value
  }
  headers['date'] ??= new Date(now).toUTCString()
  // The handler can only confirm what it gave a validator itself.
  const isRevalidatable = headers['etag'] !== undefined || headers['last-modified'] !== undefined
  if (reply.status === 200) headers['etag'] ??= entityTagOf(reply.body)
  return new StoredReply({
    ...{ key, status: reply.status, headers, body: reply.body, bornAt: reply.bornAt, freshFor: reply.freshFor },
    staleWhileRevalidate: reply.staleWhileRevalidate,
    staleIfError: reply.staleIfError,
    revalidatableFor: isRevalidatable ? Math.min(Math.max(reply.freshFor, kept.least), kept.most) : 0,
  })
}

/** Section 5.2.1: whether the client takes a reply of this age. Stale ones it takes only where it asks for no age. */
export function suits({ directives }: Question, stored: StoredReply, now: number): boolean {
  const maxAge = secondsOf(directives, 'max-age')
  const minFresh = secondsOf(directives, 'min-fresh')
  if (maxAge !== undefined && (now - stored.bornAt > maxAge * 1_000 || now >= stored.freshUntil)) return false
  return minFresh === undefined || stored.freshUntil - now >= minFresh * 1_000
}

export function toReply(stored: StoredReply, question: Pick<Question, 'fields' | 'isHead'>, now: number): CachedReply {
  const { status, headers, body } = stored
  const age = String(Math.max(0, Math.floor((now - stored.bornAt) / 1_000)))
  const cacheStatus = said(headers['cache-status'], `hit; ttl=${Math.floor((stored.freshUntil - now) / 1_000)}`)
  if (status === 200 && asksConditionally(question.fields) && isUnchanged(question.fields, headers, now)) {
    const told: CachedReply['headers'] = { age, 'cache-status': cacheStatus }
    for (const name of toldWith304) {
      const value = headers[name]
      if (value !== undefined) told[name] = mutable(value)
    }
    return { status: 304, headers: told, body: noBody }
  }
  const full = { ...headers, age, 'cache-status': cacheStatus } as CachedReply['headers']
  if (status !== 204) full['content-length'] = String(body.length)
  return { status, headers: full, body: question.isHead ? noBody : body }
}

/** Section 5.2.1.7: only-if-cached, and there is none. */
export function notCached(): CachedReply {
  return {
    status: 504,
    headers: { 'cache-status': 'plimsoll; fwd=miss; detail=only-if-cached', 'content-length': '0' },
    body: noBody,
  }
}

/** RFC 9211: this cache's word after those of the caches before it. */
export function said(before: string | readonly string[] | undefined, words: string): string {
  const earlier = before === undefined ? '' : `${[before].flat().join(', ')}, `
  return `${earlier}plimsoll; ${words}`
}

function asksConditionally(fields: HeaderFields): boolean {
  return fields.has('if-none-match') || fields.has('if-modified-since')
}

function mutable(value: string | readonly string[]): string | string[] {
  return typeof value === 'string' ? value : [...value]
}
