/**
 * Freezes plain data all the way down, so that a caller who changes a cached value gets a TypeError instead of handing
 * the change to the next caller. Answers whether the whole value is safe to share: dates, maps, sets and buffers
 * cannot be frozen, so their holders must be cloned for each caller. Instances of classes are left alone and count as
 * safe: a clone would lose their class.
 */
export function freezeDeeply(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  return freezeObject(value, new Set())
}

function freezeObject(value: object, seen: Set<object>): boolean {
  if (seen.has(value)) return true
  seen.add(value)
  let safe = true
  if (Array.isArray(value)) {
    Object.freeze(value)
    for (const item of value) safe = freezePart(item, seen) && safe
    return safe
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return !isMutableBuiltIn(value)
  Object.freeze(value)
  for (const name in value) safe = freezePart((value as Record<string, unknown>)[name], seen) && safe
  return safe
}

function freezePart(part: unknown, seen: Set<object>): boolean {
  return typeof part !== 'object' || part === null || freezeObject(part, seen)
}

function isMutableBuiltIn(value: object): boolean {
  return value instanceof Date || value instanceof Map || value instanceof Set || ArrayBuffer.isView(value)
}
