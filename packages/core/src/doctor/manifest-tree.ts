import { LineCounter, parseAllDocuments } from 'yaml'
import { assertReadable, UnreadableInputError } from './unreadable-input.ts'

export type Tree = Readonly<Record<string, unknown>>

export interface Place {
  readonly path: readonly string[]
  readonly tree: Tree
}

// Far beyond any chart; what nests deeper was made to harm.
const deepest = 40
// Aliases may multiply a small file into gigabytes.
const mostAliases = 100

/**
 * The documents of a YAML file, of which JSON is a part.
 *
 * @throws UnreadableInputError
 */
export function readDocuments(text: string): readonly Tree[] {
  assertReadable(text)
  const json = asJson(text)
  if (json !== undefined) return [json].filter(isTree)
  try {
    const lines = new LineCounter()
    // The library's own messages quote the line, which may hold a password. Its search for equal keys takes quadratic time;
    // the last one counts without it, as it does for Helm.
    const documents = [
      ...parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, merge: true, uniqueKeys: false }),
    ]
    for (const { errors } of documents) {
      const [error] = errors
      if (error === undefined) continue
      const { line } = lines.linePos(error.pos[0])
      throw new UnreadableInputError(`is not YAML: line ${line} (${saying(error.code)})${template(text)}`)
    }
    return documents.map((document) => document.toJS({ maxAliasCount: mostAliases }) as unknown).filter(isTree)
  } catch (error) {
    if (error instanceof UnreadableInputError) throw error
    throw new UnreadableInputError(`is nested or aliased beyond what can be read${template(text)}`)
  }
}

/** As kubectl prints it: far quicker read than as YAML. */
function asJson(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function saying(code: string): string {
  return code.toLowerCase().replaceAll('_', ' ')
}

function template(text: string): string {
  return text.includes('{{') ? '; it is a Helm template: give values.yaml, or what `helm template` prints' : ''
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The map under a path of names; empty where there is none. */
export function treeAt(tree: Tree, ...path: readonly string[]): Tree {
  let place: unknown = tree
  for (const name of path) place = isTree(place) ? place[name] : undefined
  return isTree(place) ? place : {}
}

export function listAt(tree: Tree, name: string): readonly Tree[] {
  const list = tree[name]
  return Array.isArray(list) ? list.filter(isTree) : []
}

export function textAt(tree: Tree, name: string): string | undefined {
  const text = tree[name]
  return typeof text === 'string' ? text : undefined
}

/** Every map inside, the outermost first. Lists are not entered: Helm values hold extra containers there, not Redis. */
export function places(tree: Tree, path: readonly string[] = []): readonly Place[] {
  if (path.length > deepest) return []
  const inside = Object.entries(tree).flatMap(([name, value]) => (isTree(value) ? places(value, [...path, name]) : []))
  return [{ path, tree }, ...inside]
}
