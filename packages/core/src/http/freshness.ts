import CachePolicy from 'http-cache-semantics'
import { type Directives, parseDeltaSeconds, secondsOf } from './cache-control.ts'
import { type HeaderFields, lineOf, tokensOf } from './header-fields.ts'
import { parseHttpDate } from './http-date.ts'
import type { RuleSettings } from './response-cache-options.ts'

/** For how long a reply may be used, in milliseconds; counted from `bornAt`, when its origin made it. */
export interface Lifetime {
  readonly bornAt: number
  readonly freshFor: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
}

const longest = 365 * 24 * 3_600_000

/** RFC 9111 sections 4.2.1 to 4.2.4, RFC 5861. Undefined where neither the reply nor the route names a lifetime. */
export function lifetimeOf(
  fields: HeaderFields,
  directives: Directives,
  rules: RuleSettings,
  now: number,
): Lifetime | undefined {
  const freshFor = explicitLifetime(fields, directives, now) ?? rules.ttl
  if (freshFor === undefined) return undefined
  const age = ageOf(fields, now)
  // Section 4.2.4: these forbid every use of a stale reply, whatever else allows it.
  const strict = directives.has('must-revalidate') || directives.has('proxy-revalidate')
  // Section 5.2.2.10: s-maxage forbids it too, but for what the same header grants in so many words.
  const granted = directives.has('s-maxage') ? undefined : rules
  const stale = (name: string, byRoute: number | undefined) => {
    const seconds = secondsOf(directives, name)
    return strict ? 0 : Math.min(longest, seconds === undefined ? (byRoute ?? 0) : seconds * 1_000)
  }
  return {
    bornAt: age === undefined ? now - freshFor : now - age,
    freshFor: Math.min(longest, freshFor),
    staleWhileRevalidate: stale('stale-while-revalidate', granted?.staleWhileRevalidate),
    staleIfError: stale('stale-if-error', granted?.staleIfError),
  }
}

/** What max-age, s-maxage or Expires say, as http-cache-semantics reads them out of headers that leave nothing open. */
function explicitLifetime(fields: HeaderFields, directives: Directives, now: number): number | undefined {
  const seconds = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age')
  const expires = lineOf(fields, 'expires')
  if (seconds === undefined && expires === undefined) return undefined
  const date = parseHttpDate(lineOf(fields, 'date') ?? '', now) ?? now
  const ends = expires === undefined ? undefined : (parseHttpDate(expires, now) ?? 0)
  const headers: Record<string, string> = { date: new Date(date).toUTCString() }
  if (seconds !== undefined) headers['cache-control'] = `max-age=${seconds}`
  if (ends !== undefined) headers['expires'] = new Date(ends).toUTCString()
  const policy = new CachePolicy({ method: 'GET', headers: {} }, { status: 200, headers }, { shared: true })
  return policy.maxAge() * 1_000
}

/** Section 4.2.3; undefined for an Age that cannot be read, which counts as stale. So do several. */
function ageOf(fields: HeaderFields, now: number): number | undefined {
  const line = lineOf(fields, 'age')
  const seconds = line === undefined ? 0 : parseDeltaSeconds(line.trim())
  if (seconds === undefined) return undefined
  const date = parseHttpDate(lineOf(fields, 'date') ?? '', now) ?? now
  // A date is whole seconds: up to one of them is rounding and not age.
  const apparent = Math.max(0, now - date)
  return Math.max(seconds * 1_000, apparent < 1_000 ? 0 : apparent)
}

/** Whether the reply speaks of caching by Pragma alone; no RFC gives that a meaning in a reply, so it is taken as meant. */
export function forbiddenByPragma(fields: HeaderFields): boolean {
  return !fields.has('cache-control') && tokensOf(fields, 'pragma').includes('no-cache')
}
