type Attributes = Readonly<Record<string, unknown>>

const century = 100 * 365 * 86_400_000

// RFC 6265 section 4.1.1 by way of RFC 1123: what the frameworks' cookie writers accept, and no more.
const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'

const writable: Readonly<Record<string, (value: unknown) => boolean>> = {
  path: isText(/^[\x20-\x3a\x3d-\x7e]*$/),
  domain: isText(new RegExp(`^\\.?${label}(\\.${label})*$`, 'i')),
  sameSite: (value) => isBoolean(value) || isText(/^(lax|strict|none)$/i)(value),
  priority: isText(/^(low|medium|high)$/i),
  secure: isBoolean,
  httpOnly: isBoolean,
  partitioned: isBoolean,
  originalMaxAge: (value) => typeof value === 'number' && value > 0 && value < century,
}

/**
 * Of the attributes of a stored cookie those that can be written into a header. What Redis holds may be anybody's, and
 * an attribute that cannot be written is an error in every reply. Undefined for what is no cookie at all.
 */
export function writableAttributes(cookie: unknown): Record<string, unknown> | undefined {
  if (typeof cookie !== 'object' || cookie === null || Array.isArray(cookie)) return undefined
  const stored = cookie as Attributes
  return Object.fromEntries(
    Object.entries(writable).flatMap(([name, fits]) => (fits(stored[name]) ? [[name, stored[name]]] : [])),
  )
}

function isText(pattern: RegExp): (value: unknown) => boolean {
  return (value) => typeof value === 'string' && pattern.test(value)
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean'
}
