/**
 * A session to look at: reading is as ever, and whatever would change it, however deep, calls `refuse`, which throws.
 * `onRead` is told each key of the session itself that is read.
 */
export function readOnlyView<Content extends object>(
  content: Content,
  refuse: () => never,
  onRead?: (key: PropertyKey) => void,
): Content {
  return new Proxy(content, {
    get(target, key) {
      onRead?.(key)
      const value: unknown = Reflect.get(target, key)
      return isPlain(value) ? readOnlyView(value, refuse) : value
    },
    set: refuse,
    deleteProperty: refuse,
    defineProperty: refuse,
    setPrototypeOf: refuse,
    preventExtensions: refuse,
  })
}

/** Behind a proxy a Date or a request would not find what is inside it. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return Array.isArray(value) || prototype === Object.prototype || prototype === null
}
