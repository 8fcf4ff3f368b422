import { createHash, randomBytes } from 'node:crypto'
import type { Namespace } from '../namespace.ts'
import { type HeaderFields, lineOf } from './header-fields.ts'
import { type Stored, VariantRegister, Variants } from './stored.ts'

/** Fields whose letter case says nothing. The order of their members does, where weights are equal. */
const caseless = new Set(['accept-encoding', 'accept-language'])

export function newVariants(names: readonly string[]): Variants {
  return new Variants(randomBytes(9).toString('base64url'), names)
}

/** Tells the requests apart that may get different replies. Cookies may be among the values, so a hash stands in the key. */
export function variantHash({ names }: Variants, fields: HeaderFields): string {
  const selecting = names.map((name) => [name, normalised(name, lineOf(fields, name))])
  return createHash('sha256').update(JSON.stringify(selecting)).digest('base64url').slice(0, 27)
}

export function variantKey(key: string, { generation }: Variants, hash: string): string {
  return `${key} ${generation} ${hash}`
}

/** RFC 9111 section 4.1. Absent and empty are not the same. */
function normalised(name: string, line: string | undefined): string | null {
  if (line === undefined) return null
  const text = line.trim()
  if (!caseless.has(name)) return text
  // No pattern that looks for spaces before a separator: a hostile header would have it try each of them anew.
  const parts = text.toLowerCase().split(/([,;=])/)
  const members = parts
    .map((part) => part.trim())
    .join('')
    .split(',')
  return members.filter((member) => member !== '').join(',')
}

/**
 * Bounds how many variants a URL has, over all processes: clients choose these headers. Where two processes admit at
 * the same moment there may be one too many.
 */
export class VariantBound {
  readonly #namespace: Namespace<Stored>
  readonly #most: number
  readonly #turns = new Map<string, Promise<boolean>>()

  constructor(namespace: Namespace<Stored>, most: number) {
    this.#namespace = namespace
    this.#most = most
  }

  /** Whether the variant may be stored. Never rejects. */
  async admit(key: string, { generation }: Variants, hash: string): Promise<boolean> {
    const register = `${key} ${generation}`
    const turn = (this.#turns.get(register) ?? Promise.resolve(true)).then(() => this.#enter(register, hash))
    this.#turns.set(register, turn)
    try {
      return await turn
    } catch {
      return false
    } finally {
      if (this.#turns.get(register) === turn) this.#turns.delete(register)
    }
  }

  async #enter(register: string, hash: string): Promise<boolean> {
    const entered = await this.#namespace.get(register)
    const hashes = entered instanceof VariantRegister ? entered.hashes : []
    if (hashes.includes(hash)) return true
    if (hashes.length >= this.#most) return false
    await this.#namespace.set(register, new VariantRegister([...hashes, hash]))
    return true
  }
}
