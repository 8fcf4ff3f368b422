import { isTree, type Tree } from './manifest-tree.ts'

/** The settings of redis.conf that decide how much memory Redis takes, word by word as they were written. */
export interface WrittenSettings {
  readonly maxmemory?: string
  readonly 'maxmemory-policy'?: string
  readonly save?: string
  readonly appendonly?: string
}

const names = ['maxmemory', 'maxmemory-policy', 'save', 'appendonly'] as const
type Name = (typeof names)[number]

function isName(word: string): word is Name {
  return (names as readonly string[]).includes(word)
}

const words = /"((?:[^"\\]|\\.)*)"|'([^']*)'|\S+/g

function split(line: string): string[] {
  return [...line.matchAll(words)].map(([whole, double, single]) => double ?? single ?? whole)
}

// Several lines of save add up in one file; an empty one takes back those before it.
function add(settings: Partial<Record<Name, string>>, name: Name, values: readonly string[]): void {
  const value = values.join(' ')
  if (name !== 'save') settings[name] = values[0] ?? ''
  else settings.save = value === '' || !settings.save ? value : `${settings.save} ${value}`
}

/** Of the text of a redis.conf; the last word counts. */
export function settingsOfConf(text: string): WrittenSettings {
  const settings: Partial<Record<Name, string>> = {}
  for (const line of text.split(/\r?\n/)) {
    const [first = '', ...values] = split(line.trim())
    const name = first.toLowerCase()
    if (isName(name) && values.length > 0) add(settings, name, values)
  }
  return settings
}

/**
 * Of a command line: `--maxmemory 200mb` in any cut that a manifest uses, be it an argument each, one for both, or the
 * text after `sh -c`.
 */
export function settingsOfArguments(list: readonly unknown[]): WrittenSettings {
  const settings: Partial<Record<Name, string>> = {}
  const all = list.flatMap((item) => (item === '' ? [''] : split(String(item))))
  all.forEach((word, index) => {
    const name = word.startsWith('--') ? word.slice(2).toLowerCase() : ''
    if (!isName(name)) return
    const values: string[] = []
    for (const value of all.slice(index + 1)) {
      if (value.startsWith('--') || /^[&|;]/.test(value)) break
      values.push(value.replace(/;$/, ''))
      if (name !== 'save') break
    }
    if (values.length > 0) add(settings, name, values)
  })
  return settings
}

/** Of a map as some charts have it: `config: { maxmemory: 200mb, maxmemory-policy: allkeys-lru }`. */
export function settingsOfMap(tree: Tree): WrittenSettings {
  const settings: Partial<Record<Name, string>> = {}
  for (const [key, value] of Object.entries(tree)) {
    const name =
      key === 'maxmemoryPolicy' || key === 'maxMemoryPolicy'
        ? 'maxmemory-policy'
        : key === 'maxMemory'
          ? 'maxmemory'
          : key
    // `save: {…}` and `appendonly: []` are something else; YAML reads an unquoted no as text, false as a boolean.
    if (isName(name) && value !== null && !isTree(value) && !Array.isArray(value)) {
      settings[name] = value === true ? 'yes' : value === false ? 'no' : String(value).replace(/^""$/, '')
    }
  }
  // Without either the map is of something else: many programs know a "save".
  return settings.maxmemory === undefined && settings['maxmemory-policy'] === undefined ? {} : settings
}

/** Whether a text is a piece of redis.conf, by its name and its content. */
export function looksLikeConf(name: string, text: string): boolean {
  if (/^\s*(maxmemory|maxmemory-policy|appendonly)\s+\S/m.test(text)) return true
  return /conf/i.test(name) && /^\s*save\s+("|\d)/m.test(text)
}

export function isEmpty(settings: WrittenSettings): boolean {
  return names.every((name) => settings[name] === undefined)
}
