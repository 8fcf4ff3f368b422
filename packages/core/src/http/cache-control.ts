import { isToken } from './header-fields.ts'

/** The directives of Cache-Control by lower-case name, each with all arguments that it was given. */
export type Directives = ReadonlyMap<string, readonly string[]>

// Quoted strings first: a comma or a directive inside one is not ours to see. Spaces are trimmed afterwards: two places
// that could take them would have a hostile header read in the square of its length.
const member = /((?:"(?:[^"\\]|\\.)*"|[^",])*)(,|$)/gy
const none: Directives = new Map()

/** RFC 9111 section 5.2. Undefined for what cannot be read: a directive that forbids may be hidden in it. */
export function parseCacheControl(line: string | undefined): Directives | undefined {
  if (line === undefined) return none
  const directives = new Map<string, string[]>()
  member.lastIndex = 0
  for (;;) {
    const match = member.exec(line)
    if (match === null) return undefined
    const [, text = '', separator] = match
    if (text.trim() !== '') {
      const equals = text.indexOf('=')
      const name = (equals < 0 ? text : text.slice(0, equals)).trim().toLowerCase()
      if (!isToken(name)) return undefined
      const known = directives.get(name)
      const argument = equals < 0 ? '' : unquote(text.slice(equals + 1).trimEnd())
      if (known === undefined) directives.set(name, [argument])
      else known.push(argument)
    }
    if (separator === '') return directives
  }
}

/**
 * The seconds that a directive names, undefined where it is absent. Section 4.2.1: what is not a whole number counts as
 * 0, and of several the least counts.
 */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const given = directives.get(name)
  if (given === undefined) return undefined
  return Math.min(...given.map((argument) => parseDeltaSeconds(argument) ?? 0))
}

/** Section 1.2.2: whole seconds, held down to 2^31. */
export function parseDeltaSeconds(text: string): number | undefined {
  return /^\d+$/.test(text) ? Math.min(Number(text), 2 ** 31) : undefined
}

function unquote(argument: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(argument)
  return quoted === null ? argument : (quoted[1] ?? '').replace(/\\(.)/g, '$1')
}
