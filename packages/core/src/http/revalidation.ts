import { readHeaders } from './header-fields.ts'
import type { HandlerReply } from './request-facts.ts'
import { type Stored, StoredReply } from './stored.ts'

/** Request headers by which the handler may say that the stale reply is still right (RFC 9111 section 4.3.1). */
export function conditionsFor(stale: Stored | undefined): Record<string, string> {
  const conditions: Record<string, string> = {}
  if (!(stale instanceof StoredReply) || stale.revalidatableFor === 0) return conditions
  const { etag, 'last-modified': lastModified } = stale.headers
  if (typeof etag === 'string') conditions['if-none-match'] = etag
  if (typeof lastModified === 'string') conditions['if-modified-since'] = lastModified
  return conditions
}

/** Describe the very bytes that are kept, so the 304 has no say in them (section 3.2). */
const ofTheBody = new Set([
  ...['content-encoding', 'content-range', 'content-length', 'content-md5', 'transfer-encoding', 'etag'],
])

/** The stale reply with the headers that came with the handler's 304 (section 4.3.4), to be judged as any other. */
export function freshen(stale: StoredReply, confirmed: HandlerReply): HandlerReply {
  const headers: Record<string, string | readonly string[]> = { ...stale.headers }
  for (const name of ['age', 'date', 'cache-status']) delete headers[name]
  for (const [name, value] of readHeaders(confirmed.headers)) if (!ofTheBody.has(name)) headers[name] = value
  return { status: stale.status, headers, body: stale.body, personal: confirmed.personal }
}
