import { lineOf, readHeaders } from './header-fields.ts'
import type { HandlerReply, RequestFacts } from './request-facts.ts'
import { urlKey } from './url-key.ts'

const safe = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'REPORT', 'SEARCH', 'QUERY'])

/** Whether a request by this method, in upper case, asks for no change (RFC 9110 section 9.2.1, and the registry's others). */
export function isSafeMethod(method: string): boolean {
  return safe.has(method)
}

/**
 * The keys that the reply to an unsafe method outdates (RFC 9111 section 4.4): its URL, and those that Location and
 * Content-Location name on the same host. A method that nobody knows counts as unsafe, a failure changes nothing.
 */
export function outdatedBy(
  request: RequestFacts,
  status: number,
  headers: HandlerReply['headers'],
  hosts: ReadonlySet<string>,
): string[] {
  if (isSafeMethod(request.method) || status < 200 || status >= 400) return []
  const fields = readHeaders(headers)
  const targets = [request.target]
  for (const name of ['location', 'content-location']) {
    const target = targetOnSameHost(lineOf(fields, name), request)
    if (target !== undefined) targets.push(target)
  }
  return [...new Set(targets.flatMap((target) => keysOf(request.host, target, hosts)))]
}

/** Both schemes: where TLS ends at a proxy the writer may have come by the other one. */
export function keysOf(host: string | undefined, target: string, hosts: ReadonlySet<string>): string[] {
  return (['http', 'https'] as const).flatMap((scheme) => {
    const key = urlKey({ method: 'GET', scheme, host, target, headers: {} }, hosts)
    return key === undefined ? [] : [key]
  })
}

function targetOnSameHost(reference: string | undefined, { scheme, host, target }: RequestFacts): string | undefined {
  if (reference === undefined) return undefined
  try {
    const base = new URL(`${scheme}://${host}`)
    const url = new URL(reference, `${base.origin}${target}`)
    return url.host === base.host ? `${url.pathname}${url.search}` : undefined
  } catch {
    return undefined
  }
}
