import { InvalidArgumentError } from '../errors.ts'

const longestKey = 1_024

// What the hash tag cannot hold ("}" would end it), the escape sign itself, and lone surrogates, which UTF-8 turns into
// U+FFFD: two keys that differ only there would share one entry.
const needsEscape = /[%{}\ud800-\udfff]/
const escapable = /[%{}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

export function escapeKey(key: string): string {
  if (!needsEscape.test(key)) return key
  return key.replace(escapable, (character) => {
    const code = character.charCodeAt(0)
    return code < 0x80 ? `%${code.toString(16).toUpperCase()}` : `%u${code.toString(16).toUpperCase()}`
  })
}

function unescapeKey(escaped: string): string {
  if (!escaped.includes('%')) return escaped
  return escaped.replace(/%(?:u([\dA-F]{4})|([\dA-F]{2}))/g, (_, surrogate: string | undefined, sign: string) =>
    String.fromCharCode(Number.parseInt(surrogate ?? sign, 16)),
  )
}

/** @throws InvalidArgumentError for anything but a string of 1 to 1,024 characters. */
export function assertKey(key: unknown): asserts key is string {
  if (typeof key !== 'string' || key.length === 0 || key.length > longestKey) {
    throw new InvalidArgumentError('key', `expected a string of 1 to ${longestKey} characters`)
  }
}

/** The two keys of one entry. */
export interface EntryKeys {
  readonly value: string
  readonly lease: string
}

/** The names under which one namespace keeps its entries in Redis. */
export interface KeySpace {
  value(key: string): string
  lease(key: string): string
  /** Updates of one key exclude each other by a lease of their own. */
  update(key: string): EntryKeys
  /** What belongs to the namespace as a whole. */
  readonly generations: string
  readonly leader: EntryKeys
}

/**
 * `<cache>:{<namespace>:<key>}:v` and `…}:l`: value and lease share a cluster slot, whatever the key holds, because a
 * script must see both. The other names end differently, so that no key of the namespace's users meets them: the value
 * beside the lease of an update or a leader is never there.
 */
export function createKeySpace(cache: string, namespace: string, schemaVersion: number): KeySpace {
  const id = `${namespace}${schemaVersion === 0 ? '' : `@${schemaVersion}`}`
  const head = `${cache}:{${id}:`
  return {
    update: (key) => ({ value: `${head}${escapeKey(key)}}:uv`, lease: `${head}${escapeKey(key)}}:u` }),
    generations: `${cache}:{${id}}:g`,
    leader: { value: `${cache}:{${id}}:rv`, lease: `${cache}:{${id}}:r` },
    value: (key) => `${head}${escapeKey(key)}}:v`,
    lease: (key) => `${head}${escapeKey(key)}}:l`,
  }
}

/** The names of one group of a write-behind namespace: keys of one hash tag, so that value and stream share a slot. */
export interface GroupKeys {
  /** What waits to be saved. */
  readonly stream: string
  /** How much of it is whose. */
  readonly waiting: string
  /** Held by the process that saves. */
  readonly lock: string
  /** What could not be saved. */
  readonly parked: string
  /** Before all of these names, and those of the values. */
  readonly head: string
}

export interface GroupedKeySpace extends KeySpace {
  readonly groups: readonly GroupKeys[]
  groupOf(key: string): GroupKeys
  /** Which of `groups` that is. */
  numberOf(key: string): number
  /**
   * The name of a value as a process with another `schemaVersion` has it, in the group where its operation stands: that of another number of groups
   * too, or what a standalone Redis took into a cluster could never be acknowledged.
   */
  valueIn(group: GroupKeys, key: string, schemaVersion: number): string
  leaseIn(group: GroupKeys, key: string, schemaVersion: number): string
}

/**
 * `<cache>:{<namespace>:behind:<group>}:<schemaVersion>:<key>:v`. The stream is that of all schema versions, or what an older release has left there
 * would be saved by nobody.
 */
export function createGroupedKeySpace(
  cache: string,
  namespace: string,
  schemaVersion: number,
  count: number,
): GroupedKeySpace {
  const heads = Array.from({ length: count }, (_, group) => `${cache}:{${namespace}:behind:${group}}:`)
  const groups = heads.map((head) => ({
    stream: `${head}stream`,
    waiting: `${head}waiting`,
    lock: `${head}lock`,
    parked: `${head}parked`,
    head,
  }))
  const groupOf = (key: string) => groups[spread(key, count)] as GroupKeys
  const nameIn = ({ head }: GroupKeys, key: string, version: number, suffix: string) =>
    `${head}${version}:${escapeKey(key)}:${suffix}`
  return {
    ...createKeySpace(cache, namespace, schemaVersion),
    groups,
    groupOf,
    numberOf: (key) => spread(key, count),
    value: (key) => nameIn(groupOf(key), key, schemaVersion, 'v'),
    lease: (key) => nameIn(groupOf(key), key, schemaVersion, 'l'),
    valueIn: (group, key, version) => nameIn(group, key, version, 'v'),
    leaseIn: (group, key, version) => nameIn(group, key, version, 'l'),
  }
}

/** What the name of a value tells: the namespace as messages name it, and the key. Undefined for every other name. */
export function parseValueName(cache: string, name: string): { readonly id: string; readonly key: string } | undefined {
  const head = `${cache}:{`
  const end = name.indexOf('}:', head.length)
  if (!name.startsWith(head) || !name.endsWith(':v') || end < 0) return undefined
  const tag = name.slice(head.length, end)
  const colon = tag.indexOf(':')
  if (colon < 0) return undefined
  if (end + 3 === name.length) return { id: tag.slice(0, colon), key: unescapeKey(tag.slice(colon + 1)) }
  // Of a write-behind namespace, whose hash tag names the group.
  const rest = name.slice(end + 2, -2)
  const at = rest.indexOf(':')
  if (at < 0) return undefined
  const namespace = tag.slice(0, colon)
  const schemaVersion = rest.slice(0, at)
  return {
    id: schemaVersion === '0' ? namespace : `${namespace}@${schemaVersion}`,
    key: unescapeKey(rest.slice(at + 1)),
  }
}

/** FNV-1a. Part of the keys: another function would find none of the old ones. */
function spread(key: string, count: number): number {
  let value = 0x811c9dc5
  for (let index = 0; index < key.length; index++) value = Math.imul(value ^ key.charCodeAt(index), 0x01000193)
  return (value >>> 0) % count
}
