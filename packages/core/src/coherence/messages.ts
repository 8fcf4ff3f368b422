/**
 * What processes tell each other, as JSON arrays with the version first:
 * `[1,"i",sender,namespace,key]` the key was written; `[1,"w",sender,namespace,key]` its load has ended;
 * `[1,"h",sender,number]` heartbeat; `[1,"l",sender,text]` the size at which Redis is killed, as learned;
 * `[1,"b",sender,namespace,bytes]` what the sender holds in Redis for a namespace that has a budget.
 */
export type Message =
  | { readonly kind: 'invalidate' | 'wake'; readonly sender: string; readonly namespace: string; readonly key: string }
  | { readonly kind: 'heartbeat'; readonly sender: string; readonly beat: number }
  | { readonly kind: 'line'; readonly sender: string; readonly text: string }
  | { readonly kind: 'bytes'; readonly sender: string; readonly namespace: string; readonly bytes: number }

const version = 1
const largestMessage = 8_192
const longestName = 128

export function invalidation(sender: string, namespace: string, key: string): string {
  return JSON.stringify([version, 'i', sender, namespace, key])
}

export function wake(sender: string, namespace: string, key: string): string {
  return JSON.stringify([version, 'w', sender, namespace, key])
}

export function heartbeat(sender: string, beat: number): string {
  return JSON.stringify([version, 'h', sender, beat])
}

export function learnedLine(sender: string, text: string): string {
  return JSON.stringify([version, 'l', sender, text])
}

export function heldBytes(sender: string, namespace: string, bytes: number): string {
  return JSON.stringify([version, 'b', sender, namespace, bytes])
}

/** Undefined for whatever is not a message of this version: the channel is open to everybody with access to Redis. */
export function parseMessage(text: string): Message | undefined {
  if (text.length > largestMessage) return undefined
  let parts: unknown
  try {
    parts = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!Array.isArray(parts) || parts[0] !== version) return undefined
  const [, kind, sender, third, fourth] = parts as unknown[]
  if (!isName(sender)) return undefined
  if (kind === 'h') return typeof third === 'number' ? { kind: 'heartbeat', sender, beat: third } : undefined
  if (kind === 'l') return typeof third === 'string' ? { kind: 'line', sender, text: third } : undefined
  if (!isName(third)) return undefined
  if (kind === 'b') return isBytes(fourth) ? { kind: 'bytes', sender, namespace: third, bytes: fourth } : undefined
  if ((kind !== 'i' && kind !== 'w') || typeof fourth !== 'string') return undefined
  return { kind: kind === 'i' ? 'invalidate' : 'wake', sender, namespace: third, key: fourth }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= longestName
}

function isBytes(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
