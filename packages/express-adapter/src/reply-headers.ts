import type { OutgoingHttpHeader, ServerResponse } from 'node:http'

type Headers = readonly (readonly [name: string, value: OutgoingHttpHeader])[]

export function headersOf(res: ServerResponse): Headers {
  // As they were written; @types/node has this on ClientRequest alone.
  const { getRawHeaderNames } = res as ServerResponse & { getRawHeaderNames(): string[] }
  return getRawHeaderNames.call(res).map((name) => [name, res.getHeader(name) ?? ''])
}

export function setHeaders(res: ServerResponse, headers: Headers): void {
  for (const name of res.getHeaderNames()) res.removeHeader(name)
  for (const [name, value] of headers) res.setHeader(name, value)
}

// What tells of the page that is not sent. What middleware has set for every reply (CORS, security headers) stays.
const ofThePage = new Set([
  'accept-ranges',
  'age',
  'cache-control',
  'etag',
  'expires',
  'last-modified',
  'location',
  'refresh',
  'set-cookie',
  'trailer',
  'transfer-encoding',
])

/** Makes room for another reply than the one that was prepared. */
export function removePageHeaders(res: ServerResponse): void {
  for (const name of res.getHeaderNames()) {
    const aboutContent = name.startsWith('content-') && name !== 'content-security-policy'
    if (aboutContent || ofThePage.has(name)) res.removeHeader(name)
  }
}
