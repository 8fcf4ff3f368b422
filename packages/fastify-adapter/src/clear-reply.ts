import { isPageHeader } from '@plimsoll/core/http'
import type { FastifyReply } from 'fastify'

/** Makes room for another reply than the one that was prepared. */
export function clearReply(reply: FastifyReply, payload: unknown): void {
  discard(payload)
  for (const name of Object.keys(reply.getHeaders())) if (isPageHeader(name)) reply.removeHeader(name)
}

/** A stream that nobody reads would keep its file or connection open. */
function discard(payload: unknown): void {
  if (typeof payload !== 'object' || payload === null) return
  const { destroy, cancel } = payload as { destroy?: () => void; cancel?: () => Promise<void> }
  if (typeof destroy === 'function') destroy.call(payload)
  else if (typeof cancel === 'function') cancel.call(payload).catch(() => {})
}
