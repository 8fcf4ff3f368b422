import type { FastifyReply } from 'fastify'

// What tells of the page that is not sent. What was set for every reply (CORS, security headers) stays.
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
export function clearReply(reply: FastifyReply, payload: unknown): void {
  discard(payload)
  for (const name of Object.keys(reply.getHeaders())) {
    const isOfContent = name.startsWith('content-') && !name.startsWith('content-security-policy')
    if (isOfContent || ofThePage.has(name)) reply.removeHeader(name)
  }
}

/** A stream that nobody reads would keep its file or connection open. */
function discard(payload: unknown): void {
  if (typeof payload !== 'object' || payload === null) return
  const { destroy, cancel } = payload as { destroy?: () => void; cancel?: () => Promise<void> }
  if (typeof destroy === 'function') destroy.call(payload)
  else if (typeof cancel === 'function') cancel.call(payload).catch(() => {})
}
