/**
 * What processes tell each other, as JSON arrays with the version first:
 * `[1,"i",sender,namespace,key]` the key was written; `[1,"w",sender,namespace,key]` its load has ended;
 * `[1,"h",sender,number]` heartbeat; `[1,"l",sender,text]` the size at which Redis is killed, as learned;
 * `[1,"b",sender,namespace,bytes]` what the sender holds in Redis for a namespace that has a budget;
 * `[1,"m",sender,namespace,[key,…]]` the keys were written; `[1,"g",sender,namespace,identity,[[slot,count],…]]` so far
 * the generations of a namespace have been counted. Kinds that a release does not know are nothing to it.
 */
export type Message =
  | { readonly kind: 'invalidate' | 'wake'; readonly sender: string; readonly namespace: string; readonly key: string }
  | { readonly kind: 'heartbeat'; readonly sender: string; readonly beat: number }
  | { readonly kind: 'line'; readonly sender: string; readonly text: string }
  | { readonly kind: 'bytes'; readonly sender: string; readonly namespace: string; readonly bytes: number }
  | { readonly kind: 'invalidate-many'; readonly sender: string; readonly namespace: string; readonly keys: string[] }
  | GenerationsMessage

export interface GenerationsMessage {
  readonly kind: 'generations'
  readonly sender: string
  readonly namespace: string
  readonly identity: string
  readonly counts: readonly (readonly [slot: number, count: number])[]
}

const version = 1
const largestMessage = 8_192
const longestName = 128
// Besides the keys: brackets, kind, and the names of sender and namespace.
const roomForKeys = largestMessage - 2 * longestName - 64

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

/** As few messages as their bound on size allows. */
export function invalidations(sender: string, namespace: string, keys: readonly string[]): string[] {
  const messages: string[] = []
  let some: string[] = []
  const send = () => {
    if (some.length === 1) messages.push(...some.map((key) => invalidation(sender, namespace, key)))
    else if (some.length > 1) messages.push(JSON.stringify([version, 'm', sender, namespace, some]))
    some = []
  }
  let size = 0
  for (const key of keys) {
    const added = JSON.stringify(key).length + 1
    if (size + added > roomForKeys) {
      send()
      size = 0
    }
    some.push(key)
    size += added
  }
  send()
  return messages
}

/** What a script completes with the identity and the counts that it finds. */
export function generationsHead(sender: string, namespace: string): string {
  return JSON.stringify([version, 'g', sender, namespace]).slice(0, -1)
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
  const [, kind, sender, third, fourth, fifth] = parts as unknown[]
  if (!isName(sender)) return undefined
  if (kind === 'h') return typeof third === 'number' ? { kind: 'heartbeat', sender, beat: third } : undefined
  if (kind === 'l') return typeof third === 'string' ? { kind: 'line', sender, text: third } : undefined
  if (!isName(third)) return undefined
  if (kind === 'b') return isBytes(fourth) ? { kind: 'bytes', sender, namespace: third, bytes: fourth } : undefined
  if (kind === 'm') {
    return isKeys(fourth) ? { kind: 'invalidate-many', sender, namespace: third, keys: fourth } : undefined
  }
  if (kind === 'g') {
    if (!isName(fourth) || !isCounts(fifth)) return undefined
    return { kind: 'generations', sender, namespace: third, identity: fourth, counts: fifth }
  }
  if ((kind !== 'i' && kind !== 'w') || typeof fourth !== 'string') return undefined
  return { kind: kind === 'i' ? 'invalidate' : 'wake', sender, namespace: third, key: fourth }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= longestName
}

function isKeys(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((key) => typeof key === 'string')
}

function isCounts(value: unknown): value is [number, number][] {
  return (
    Array.isArray(value) &&
    value.every((one) => Array.isArray(one) && one.length === 2 && one.every((part) => isBytes(part)))
  )
}

function isBytes(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
