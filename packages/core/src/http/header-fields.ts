/** Headers as frameworks hand them over: names in any case, values in any number. */
export type RawHeaders = Readonly<Record<string, number | string | readonly string[] | undefined>>

/** Header fields by lower-case name; what came in several lines is a list. A Map, for `__proto__` is a legal field name. */
export type HeaderFields = ReadonlyMap<string, string | readonly string[]>

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const unprintable = /[\0\r\n]/

export function readHeaders(headers: RawHeaders): HeaderFields {
  const fields = new Map<string, string | readonly string[]>()
  for (const given of Object.keys(headers)) {
    const value = headers[given]
    if (value === undefined || value === null) continue
    const name = given.toLowerCase()
    if (typeof value === 'string' && !fields.has(name)) {
      fields.set(name, value)
      continue
    }
    const lines = [fields.get(name) ?? [], Array.isArray(value) ? value.map(String) : String(value)].flat()
    if (lines.length > 0) fields.set(name, lines.length === 1 ? (lines[0] ?? '') : lines)
  }
  return fields
}

/** The field's value as one line (RFC 9110 section 5.2). */
export function lineOf(fields: HeaderFields, name: string): string | undefined {
  const value = fields.get(name)
  return typeof value === 'string' || value === undefined ? value : value.join(', ')
}

/** The members of a field whose value is a list of tokens, in lower case. */
export function tokensOf(fields: HeaderFields, name: string): string[] {
  const line = lineOf(fields, name)
  if (line === undefined) return []
  return line
    .toLowerCase()
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '')
}

export function isToken(text: string): boolean {
  return token.test(text)
}

/** Whether the fields could be sent again as they are. `__proto__` would vanish in an object. */
export function areSendable(fields: HeaderFields): boolean {
  for (const [name, value] of fields) {
    if (!isToken(name) || name === '__proto__') return false
    for (const line of [value].flat()) if (unprintable.test(line)) return false
  }
  return true
}
