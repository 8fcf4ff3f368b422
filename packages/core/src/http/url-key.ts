import { createHash } from 'node:crypto'
import type { RequestFacts } from './request-facts.ts'

// Visible ASCII without "#": no client sends anything else, and what a handler makes of it nobody knows.
const plainTarget = /^\/[!-"$-~]*$/
const longestTarget = 8_192
// A key has 1,024 characters, of which a variant takes some 40.
const longestKey = 900

/**
 * The key of the reply to GET: scheme, allow-listed host, path and query exactly as they were sent. Two spellings of one
 * address are two keys, for what a handler makes of `//`, `%2f` or a repeated parameter is its own affair.
 */
export function urlKey({ scheme, host, target }: RequestFacts, hosts: ReadonlySet<string>): string | undefined {
  if (scheme !== 'http' && scheme !== 'https') return undefined
  if (typeof host !== 'string' || typeof target !== 'string') return undefined
  const listed = host.toLowerCase()
  if (!hosts.has(listed) || target.length > longestTarget || !plainTarget.test(target)) return undefined
  return keyOf(`${scheme}://${listed}${target}`)
}

export function keyOf(url: string): string {
  if (url.length <= longestKey) return url
  return `sha256-${createHash('sha256').update(url).digest('base64url')}`
}
