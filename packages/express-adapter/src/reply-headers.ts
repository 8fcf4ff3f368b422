import type { OutgoingHttpHeader, ServerResponse } from 'node:http'
import { isPageHeader } from '@plimsoll/core/http'

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

/** Makes room for another reply than the one that was prepared. */
export function removePageHeaders(res: ServerResponse): void {
  for (const name of res.getHeaderNames()) if (isPageHeader(name)) res.removeHeader(name)
}
