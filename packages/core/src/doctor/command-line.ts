/** The command was called wrongly: one line, which names the option and what it takes. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export interface CommandLine {
  readonly texts: ReadonlyMap<string, string>
  readonly flags: ReadonlySet<string>
  readonly rest: readonly string[]
}

/**
 * Reads `--name value`, `--name=value` and `--flag`; each at most once, so that no value is overridden unseen.
 *
 * @throws UsageError
 */
export function parseCommandLine(
  argv: readonly string[],
  known: { readonly texts: readonly string[]; readonly flags: readonly string[] },
): CommandLine {
  const texts = new Map<string, string>()
  const flags = new Set<string>()
  const rest: string[] = []
  const left = [...argv]
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (!word.startsWith('-') || word === '-') {
      rest.push(word)
      continue
    }
    const [name = '', ...parts] = word.split('=')
    const option = name === '-h' ? '--help' : name
    if (texts.has(option) || flags.has(option)) throw new UsageError(`${option}: was given twice`)
    const inline = parts.length > 0 ? parts.join('=') : undefined
    if (known.flags.includes(option)) {
      if (inline !== undefined) throw new UsageError(`${option}: takes no value`)
      flags.add(option)
    } else if (known.texts.includes(option)) {
      const value = inline ?? (left[0]?.startsWith('--') ? undefined : left.shift())
      if (value === undefined || value === '') throw new UsageError(`${option}: expected a value`)
      texts.set(option, value)
    } else {
      throw new UsageError(`${option}: unknown option${suggestion(option, [...known.texts, ...known.flags])}`)
    }
  }
  return { texts, flags, rest }
}

function suggestion(option: string, known: readonly string[]): string {
  const begun = option.length > 3 ? known.find((name) => name.startsWith(option)) : undefined
  const alike = begun ?? known.find((name) => editDistance(option, name) <= Math.min(2, option.length - 4))
  return alike === undefined ? '' : `; did you mean ${alike}?`
}

function editDistance(one: string, other: string): number {
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let row = 1; row <= one.length; row++) {
    const current = [row]
    for (let column = 1; column <= other.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (one[row - 1] === other[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[other.length] ?? 0
}
