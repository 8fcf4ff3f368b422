/**
 * Freezes plain data all the way down, so that a caller who changes a cached value gets a TypeError instead of handing
 * the change to the next caller. Answers whether the whole value is safe to share: dates, maps, sets and buffers
 * cannot be frozen, so their holders must be cloned for each caller. Instances of classes are left alone and count as
 * safe: a clone would lose their class.
 */
export function freezeDeeply(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  // A set that grows while it is walked, and not recursion: what was nested on purpose would overflow the stack.
  const found = new Set<object>([value])
  let safe = true
  for (const object of found) {
    if (Array.isArray(object)) {
      Object.freeze(object)
      for (const item of object) if (typeof item === 'object' && item !== null) found.add(item)
    } else if (isPlain(object)) {
      Object.freeze(object)
      for (const name in object) {
        const part = (object as Record<string, unknown>)[name]
        if (typeof part === 'object' && part !== null) found.add(part)
      }
    } else if (isMutableBuiltIn(object)) safe = false
  }
  return safe
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function isMutableBuiltIn(value: object): boolean {
  return (
    value instanceof Date ||
    value instanceof Map ||
    value instanceof Set ||
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value)
  )
}
