import { STATUS_CODES } from 'node:http'
import { isUnavailable, retryAfterOf, type SessionTrouble } from '@plimsoll/core/session'
import type { FastifyReply } from 'fastify'
import { clearReply } from './clear-reply.ts'

/** Makes a reply that is about to leave one that tells of an error; answers its payload, in Fastify's shape of errors. */
export function replyTrouble(reply: FastifyReply, payload: unknown, error: Error): string {
  clearReply(reply, payload)
  const { statusCode = 500, code } = error as Partial<SessionTrouble>
  reply.code(statusCode).header('cache-control', 'no-store').header('content-type', 'application/json; charset=utf-8')
  if (isUnavailable(error)) reply.header('retry-after', retryAfterOf(error))
  if (statusCode >= 500) reply.log.error({ err: error }, 'the session could not be kept')
  return JSON.stringify({ statusCode, code, error: STATUS_CODES[statusCode], message: error.message })
}
