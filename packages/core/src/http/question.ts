import { type Directives, parseCacheControl } from './cache-control.ts'
import { type HeaderFields, lineOf, readHeaders, tokensOf } from './header-fields.ts'
import type { RequestFacts } from './request-facts.ts'
import type { ResponseCacheSettings, RuleSettings } from './response-cache-options.ts'
import { steersElsewhere } from './steering-headers.ts'
import { urlKey } from './url-key.ts'

/** A request that may be answered from the cache, or whose reply may go into it. */
export interface Question {
  readonly key: string
  readonly isHead: boolean
  readonly fields: HeaderFields
  readonly directives: Directives
  /** RFC 9111 section 3.5 asks more of the reply to a request with Authorization. */
  readonly authorized: boolean
}

/** Headers that tell users apart wherever they are sent. */
const credentials = new Set([
  ...['cookie', 'cookie2', 'authorization', 'proxy-authorization', 'x-api-key', 'api-key'],
  ...['x-auth-token', 'x-access-token', 'x-session-token', 'x-amz-security-token', 'x-goog-iap-jwt-assertion'],
  ...['cf-access-jwt-assertion', 'x-forwarded-user', 'x-forwarded-email', 'x-remote-user', 'remote-user'],
  ...['x-client-cert', 'x-ssl-client-cert', 'x-ssl-client-s-dn', 'x-forwarded-client-cert'],
])

/**
 * What makes a reply one of its own: a body that selects it, a part that is asked for, a protocol change, or a
 * precondition that only the handler can judge (RFC 9110 section 13.1).
 */
const unanswerable = ['range', 'if-match', 'if-unmodified-since', 'if-range', 'transfer-encoding', 'upgrade', 'expect']

/** Undefined: the request is none of the cache's business. */
export function readQuestion(
  request: RequestFacts,
  rules: RuleSettings,
  settings: ResponseCacheSettings,
): Question | undefined {
  const isHead = request.method === 'HEAD'
  if (request.method !== 'GET' && !isHead) return undefined
  const key = urlKey(request, settings.hosts)
  if (key === undefined) return undefined
  const fields = readHeaders(request.headers)
  if (unanswerable.some((name) => fields.has(name)) || hasBody(fields)) return undefined
  if (!rules.public && tellsUsersApart(fields, settings.credentials)) return undefined
  if (steersElsewhere(fields, request)) return undefined
  const directives = parseCacheControl(lineOf(fields, 'cache-control'))
  if (directives === undefined || directives.has('no-store') || directives.has('no-cache')) return undefined
  // Section 5.4: Pragma counts where Cache-Control is absent.
  if (!fields.has('cache-control') && tokensOf(fields, 'pragma').includes('no-cache')) return undefined
  return { key, isHead, fields, directives, authorized: fields.has('authorization') }
}

function hasBody(fields: HeaderFields): boolean {
  const length = lineOf(fields, 'content-length')
  return length !== undefined && length !== '0'
}

function tellsUsersApart(fields: HeaderFields, own: ReadonlySet<string>): boolean {
  for (const name of fields.keys()) if (credentials.has(name) || own.has(name)) return true
  return false
}
