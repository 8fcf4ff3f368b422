import { type HeaderFields, lineOf } from './header-fields.ts'
import type { RequestFacts } from './request-facts.ts'

type Check = (line: string, request: RequestFacts) => boolean

const never: Check = () => false
const saysHost: Check = (line, { host }) => members(line).every((member) => member === host?.toLowerCase())
const saysScheme: Check = (line, { scheme }) => members(line).every((member) => member === scheme)
const saysTls: Check = (line, { scheme }) => members(line).every((member) => (member === 'on') === (scheme === 'https'))

/**
 * Headers by which a framework or a handler may be made to see another method, path, host or scheme than the key holds.
 * A proxy in front may send them as long as they say the same as the request; with any other value the reply could
 * be one that the key does not tell, for one to poison and for others to read.
 */
const checks: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['x-http-method-override', never],
  ['x-http-method', never],
  ['x-method-override', never],
  ['x-original-url', never],
  ['x-rewrite-url', never],
  ['x-override-url', never],
  ['x-forwarded-host', saysHost],
  ['x-original-host', saysHost],
  ['x-host', saysHost],
  ['x-http-host-override', saysHost],
  ['x-forwarded-proto', saysScheme],
  ['x-forwarded-protocol', saysScheme],
  ['x-forwarded-scheme', saysScheme],
  ['x-scheme', saysScheme],
  ['x-url-scheme', saysScheme],
  ['x-forwarded-ssl', saysTls],
  ['front-end-https', saysTls],
  ['x-forwarded-prefix', (line) => line === '' || line === '/'],
  ['x-forwarded-port', (line, request) => line === portOf(request)],
  ['forwarded', forwardedSaysTheSame],
])

export function steersElsewhere(fields: HeaderFields, request: RequestFacts): boolean {
  for (const name of fields.keys()) {
    const check = checks.get(name)
    if (check !== undefined && !check(lineOf(fields, name) ?? '', request)) return true
  }
  return false
}

function members(line: string): string[] {
  return line.split(',').map((member) => member.trim().toLowerCase())
}

function portOf({ host, scheme }: RequestFacts): string {
  return /:(\d+)$/.exec(host ?? '')?.[1] ?? (scheme === 'https' ? '443' : '80')
}

/** RFC 7239. */
function forwardedSaysTheSame(line: string, { host, scheme }: RequestFacts): boolean {
  for (const [, name, value] of line.matchAll(/\b(host|proto)\s*=\s*("[^"]*"|[^;,\s]*)/gi)) {
    const said = value?.replaceAll('"', '').toLowerCase()
    if (said !== (name?.toLowerCase() === 'host' ? host?.toLowerCase() : scheme)) return false
  }
  return true
}
