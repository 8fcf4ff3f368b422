/**
 * Where a value that came back from the cache differs from the one that went in, in words, or undefined where they
 * agree. A property that is undefined counts as absent: no serializer keeps it, and no reader can tell.
 */
export function findDifference(before: unknown, after: unknown, path = 'value'): string | undefined {
  if (Object.is(before, after) || (before === 0 && after === 0)) return undefined
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) {
    return `${path}: a ${describe(before)} would come back as a ${describe(after)}`
  }
  if (kind(before) !== kind(after)) return `${path}: a ${describe(before)} would come back as a ${describe(after)}`
  if (before instanceof Date) {
    return before.getTime() === (after as Date).getTime() ? undefined : `${path}: the date would change`
  }
  if (ArrayBuffer.isView(before)) {
    const same = Buffer.compare(asBytes(before), asBytes(after as ArrayBufferView)) === 0
    return same ? undefined : `${path}: the bytes would change`
  }
  if (before instanceof Map || before instanceof Set) {
    return findDifference([...before], [...(after as Map<unknown, unknown> | Set<unknown>)], path)
  }
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  if (Array.isArray(before) && before.length !== (after as unknown[]).length) return `${path}: the length would change`
  for (const name of names) {
    const step = Array.isArray(before) ? `${path}[${name}]` : `${path}.${name}`
    const found = findDifference(
      (before as Record<string, unknown>)[name],
      (after as Record<string, unknown>)[name],
      step,
    )
    if (found !== undefined) return found
  }
  return undefined
}

function kind(value: object): unknown {
  return Object.getPrototypeOf(value) ?? Object.prototype
}

function asBytes(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength)
}

function describe(value: unknown): string {
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value
  const name = Object.getPrototypeOf(value)?.constructor?.name
  return typeof name === 'string' && name !== 'Object' ? name : 'plain object'
}
