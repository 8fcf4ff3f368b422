const identifiers = [
  /^\d+$/,
  /^[0-9a-f]{8,}$/i,
  /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i,
  // Mail addresses, tokens, dates, numbered names: no words that a programmer gave.
  /@/,
  /^(?=.*\d.*\d.*\d).{8,}$/,
  /^.{33,}$/,
]

/** Where a key has no group to name it by. */
export const ungrouped = '(no prefix)'

/**
 * The groups that a key's name begins with: what stands before its last colon, with `*` in the place of identifiers, so
 * that `session:42:cart` and `session:43:cart` are `session:*`. In a hash tag all after its first colon is an
 * identifier: `shop:{product:42}:v` is `shop:{product:*}`.
 */
export function groupsOf(key: Buffer): readonly string[] {
  const name = key.subarray(0, 512).toString('utf8')
  const tag = /^([^{]*)\{([^}]+)\}/s.exec(name)
  if (tag !== null) {
    const [, before = '', inside = ''] = tag
    const [namespace = '', ...identifier] = inside.split(':')
    const tagged = identifier.length === 0 ? '{*}' : `{${collapse(namespace)}:*}`
    return [...before.split(':').slice(0, -1).map(collapse), tagged]
  }
  const groups = name.split(':').slice(0, -1).map(collapse)
  return groups.length === 0 ? [ungrouped] : groups
}

function collapse(group: string): string {
  // What stands for a version of a namespace's values is no mail address.
  const word = group.replace(/@\d{1,6}$/, '')
  const printable = /^[\w.\-/@ %+=~!#$&|]*$/.test(word)
  return !printable || identifiers.some((pattern) => pattern.test(word)) ? '*' : group
}

/** What was counted for the keys whose names begin with the same groups. */
export interface Counted<T> {
  readonly groups: readonly string[]
  readonly value: T
}

// More names than this in one place are no names of groups but those of users, carts or pages.
const mostNames = 50
// A name that so few keys bear may be somebody's as well.
const fewKeys = 3

/** Puts together what names of users and the like keep apart: `*` takes the place of names that vary or are rare. */
export function mergeNames<T>(
  counted: readonly Counted<T>[],
  { keysOf, merge }: { keysOf(value: T): number; merge(one: T, other: T): T },
): Counted<T>[] {
  const depth = Math.max(0, ...counted.slice(0, 1_000).map(({ groups }) => groups.length), 8)
  let merged = [...counted]
  for (let level = 0; level < depth; level++) {
    const names = new Map<string, Set<string>>()
    for (const { groups } of merged) {
      const name = groups[level]
      const above = join(groups.slice(0, level))
      if (name !== undefined) names.set(above, (names.get(above) ?? new Set()).add(name))
    }
    merged = starred(
      merged,
      level,
      merge,
      ({ groups }) => (names.get(join(groups.slice(0, level)))?.size ?? 0) > mostNames,
    )
  }
  for (let level = depth - 1; level > 0; level--) {
    merged = starred(merged, level, merge, ({ groups, value }) => groups.length > level && keysOf(value) < fewKeys)
  }
  return merged
}

function starred<T>(
  counted: readonly Counted<T>[],
  level: number,
  merge: (one: T, other: T) => T,
  isStarred: (entry: Counted<T>) => boolean,
): Counted<T>[] {
  const next = new Map<string, Counted<T>>()
  for (const entry of counted) {
    const name = entry.groups[level]
    // Tags have their identifier hidden, and what stands in parentheses is no name.
    const groups =
      name !== undefined && !/^[({]/.test(name) && isStarred(entry) ? entry.groups.with(level, '*') : entry.groups
    const joined = join(groups)
    const present = next.get(joined)
    next.set(joined, { groups, value: present === undefined ? entry.value : merge(present.value, entry.value) })
  }
  return [...next.values()]
}

/** A colon will not do: a tag holds one. */
function join(groups: readonly string[]): string {
  return groups.join('\0')
}
