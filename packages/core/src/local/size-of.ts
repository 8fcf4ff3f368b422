// Rough sizes of V8's 64-bit heap without pointer compression (Node's default). They err on the large side: the bound
// of the local tier must hold in resident memory.
const pointer = 8
const header = 24

/** Estimates the bytes that a value holds on the heap. Walks it once; shared and cyclic parts are counted once. */
export function sizeOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return sizeOfPrimitive(value)
  // A set that grows while it is walked, and not recursion: what was nested on purpose would overflow the stack.
  const found = new Set<object>([value])
  let bytes = 0
  const addPart = (part: unknown) => {
    if (typeof part === 'object' && part !== null) found.add(part)
    else bytes += sizeOfPrimitive(part)
  }
  for (const object of found) {
    if (ArrayBuffer.isView(object) || object instanceof ArrayBuffer) bytes += 120 + object.byteLength
    else if (object instanceof Date) bytes += 96
    else if (Array.isArray(object)) {
      bytes += header + 16 + object.length * pointer
      for (const item of object) addPart(item)
    } else if (object instanceof Map) {
      bytes += header + 64 + object.size * 80
      for (const [key, item] of object) {
        addPart(key)
        addPart(item)
      }
    } else if (object instanceof Set) {
      bytes += header + 64 + object.size * 40
      for (const item of object) addPart(item)
    } else {
      bytes += header
      for (const name in object) {
        bytes += pointer * 2
        addPart((object as Record<string, unknown>)[name])
      }
    }
  }
  return bytes
}

function sizeOfPrimitive(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return sizeOfString(value)
    case 'number':
      return 16
    case 'bigint':
      return 32
    default:
      return value === null ? 0 : 8
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
