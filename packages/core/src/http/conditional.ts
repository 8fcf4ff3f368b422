import { createHash } from 'node:crypto'
import { type HeaderFields, lineOf } from './header-fields.ts'
import { parseHttpDate } from './http-date.ts'
import type { StoredHeaders } from './stored.ts'

/** A strong validator: the bytes of one coding of one reply. */
export function entityTagOf(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
}

/** Whether the client has this reply already (RFC 9110 section 13.2.2): If-None-Match counts before If-Modified-Since. */
export function isUnchanged(fields: HeaderFields, headers: StoredHeaders, now: number): boolean {
  const known = lineOf(fields, 'if-none-match')
  if (known !== undefined) {
    const tag = textOf(headers['etag'])
    return known.trim() === '*' || (tag !== undefined && tagsIn(known).includes(withoutWeakness(tag)))
  }
  const since = lineOf(fields, 'if-modified-since')
  if (since === undefined) return false
  // RFC 9111 section 4.3.2: where nothing says when it changed, Date is the latest moment.
  const changed = textOf(headers['last-modified']) ?? textOf(headers['date'])
  const sinceTime = parseHttpDate(since, now)
  const changedTime = changed === undefined ? undefined : parseHttpDate(changed, now)
  return sinceTime !== undefined && changedTime !== undefined && changedTime <= sinceTime
}

/**
 * Takes If-None-Match and If-Modified-Since out of a request's headers, and answers what they said: the handler is to make
 * a whole reply that others can use too.
 */
export function takeConditions(headers: Record<string, unknown>): Record<string, unknown> {
  const taken: Record<string, unknown> = {}
  for (const name of ['if-none-match', 'if-modified-since']) {
    if (headers[name] === undefined) continue
    taken[name] = headers[name]
    delete headers[name]
  }
  return taken
}

/** The weak comparison of section 8.8.3.2. */
function tagsIn(line: string): string[] {
  return [...line.matchAll(/(?:W\/)?("[^"]*")/g)].map(([, tag]) => tag ?? '')
}

function withoutWeakness(tag: string): string {
  return tag.replace(/^W\//, '')
}

function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
