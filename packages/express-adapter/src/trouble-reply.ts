import { retryAfterOf, type SessionTrouble } from '@plimsoll/core/session'
import type { Request, Response } from 'express'
import { removePageHeaders } from './reply-headers.ts'

/** Answers an error of the session layer: its status and code, when to come back, and nothing of its inside. */
export function replyTrouble(
  req: Request,
  res: Response,
  trouble: SessionTrouble,
  end: (body: string) => void = (body) => void res.end(body),
): void {
  removePageHeaders(res)
  res.statusCode = trouble.statusCode
  res.statusMessage = ''
  if (trouble.statusCode === 503) res.setHeader('Retry-After', String(retryAfterOf(trouble)))
  res.setHeader('Cache-Control', 'no-store')
  const json = req.accepts(['json', 'text']) !== 'text'
  const body = json ? JSON.stringify({ code: trouble.code }) : `${trouble.code}\n`
  res.setHeader('Content-Type', json ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8')
  res.setHeader('Content-Length', String(Buffer.byteLength(body)))
  end(body)
}
