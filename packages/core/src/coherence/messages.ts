/**
 * What processes tell each other, as JSON arrays with the version first:
 * `[1,"i",sender,namespace,key]` the key was written; `[1,"w",sender,namespace,key]` its load has ended;
 * `[1,"h",sender,number]` heartbeat.
 */
export type Message =
  | { readonly kind: 'invalidate' | 'wake'; readonly sender: string; readonly namespace: string; readonly key: string }
  | { readonly kind: 'heartbeat'; readonly sender: string; readonly beat: number }

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
  const [, kind, sender, third, key] = parts as unknown[]
  if (!isName(sender)) return undefined
  if (kind === 'h') return typeof third === 'number' ? { kind: 'heartbeat', sender, beat: third } : undefined
  if ((kind !== 'i' && kind !== 'w') || !isName(third) || typeof key !== 'string') return undefined
  return { kind: kind === 'i' ? 'invalidate' : 'wake', sender, namespace: third, key }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= longestName
}
