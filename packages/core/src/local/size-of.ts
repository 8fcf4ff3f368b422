// Rough sizes of V8's 64-bit heap without pointer compression (Node's default). They err on the large side: the bound
// of the local tier must hold in resident memory.
const pointer = 8
const header = 24

/** Estimates the bytes that a value holds on the heap. Walks it once; shared and cyclic parts are counted once. */
export function sizeOf(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return sizeOfString(value)
    case 'number':
      return 16
    case 'bigint':
      return 32
    case 'object':
      return value === null ? 0 : sizeOfObject(value, undefined)
    default:
      return 8
  }
}

/** Latin-1 text takes one byte a character, any other two; which it is costs a walk, so it is guessed from a sample. */
export function sizeOfString(text: string): number {
  let wide = false
  for (let index = 0; index < text.length && index < 32; index++) {
    if (text.charCodeAt(index) > 0xff) {
      wide = true
      break
    }
  }
  return header + text.length * (wide || text.length > 32 ? 2 : 1)
}

function sizeOfObject(value: object, seen: Set<object> | undefined): number {
  if (ArrayBuffer.isView(value)) return 120 + value.byteLength
  if (value instanceof Date) return 96
  const visited = seen ?? new Set<object>()
  if (visited.has(value)) return 0
  visited.add(value)
  let bytes = header
  if (Array.isArray(value)) {
    bytes += 16 + value.length * pointer
    for (const item of value) bytes += sizeOfPart(item, visited)
  } else if (value instanceof Map || value instanceof Set) {
    bytes += 64 + value.size * 40
    for (const item of value) bytes += sizeOfPart(item, visited)
  } else {
    for (const name in value) {
      bytes += pointer * 2 + sizeOfPart((value as Record<string, unknown>)[name], visited)
    }
  }
  return bytes
}

function sizeOfPart(part: unknown, visited: Set<object>): number {
  return typeof part === 'object' && part !== null ? sizeOfObject(part, visited) : sizeOf(part)
}
