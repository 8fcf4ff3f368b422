import { endOfStamps, stampsLayout } from '../entry/envelope.ts'

/** Tags share this many counters, so that their number is nobody's concern: an invalidation drops 1 in 16,384 too many. */
export const slots = 16_384

/** The slot of "the source has none", which has no tags: every invalidation counts it on. */
export const absentSlot = 0

/** FNV-1a, over UTF-16 units: every process must find the same slot for a tag. */
export function slotOf(tag: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < tag.length; index++) {
    hash ^= tag.charCodeAt(index)
    hash = Math.imul(hash, 0x01000193)
  }
  // The low bits alone tell similar tags badly apart.
  return absentSlot + 1 + ((((hash >>> 16) ^ hash) >>> 0) % (slots - 1))
}

/** For all that never dropped a tag: 64 KB each would be too much for thousands of them. */
const nothingCounted = new Uint32Array(slots)

/** What the generations of a namespace are in Redis, as far as this process has read and heard. */
export class GenerationTable {
  #identity = ''
  // The identity's bytes as three small integers: a hit in Redis compares them, and makes no string for it.
  #first = 0
  #second = 0
  #third = 0
  #counts = nothingCounted

  get identity(): string {
    return this.#identity
  }

  count(slot: number): number {
    return this.#counts[slot] ?? 0
  }

  set(slot: number, count: number): void {
    if (this.#counts === nothingCounted) this.#counts = new Uint32Array(slots)
    this.#counts[slot] = count
  }

  /** Other generations altogether: nothing has been counted yet. */
  replace(identity: string): void {
    this.#identity = identity
    const bytes = Buffer.from(identity.padEnd(stampsLayout.identity), 'latin1')
    this.#first = wordAt(bytes, 0)
    this.#second = wordAt(bytes, 4)
    this.#third = wordAt(bytes, 8)
    this.#counts = nothingCounted
  }

  *counted(): IterableIterator<[slot: number, count: number]> {
    for (const [slot, count] of this.#counts.entries()) if (count > 0) yield [slot, count]
  }

  stampsOf(tagged: readonly number[]): Buffer {
    const { identity, head, slot: width } = stampsLayout
    const stamps = Buffer.allocUnsafe(head + tagged.length * width)
    stamps.write(this.#identity, 0, identity, 'latin1')
    stamps[identity] = tagged.length
    for (const [index, slot] of tagged.entries()) {
      stamps.writeUInt16BE(slot, head + index * width)
      stamps.writeUInt32BE(this.count(slot), head + index * width + 2)
    }
    return stamps
  }

  /** Whether an entry is of these generations, by its bytes from `at` on. */
  isCurrent(bytes: Buffer, at: number): boolean {
    if (wordAt(bytes, at) !== this.#first) return false
    if (wordAt(bytes, at + 4) !== this.#second || wordAt(bytes, at + 8) !== this.#third) return false
    const counts = this.#counts
    const end = endOfStamps(bytes, at)
    for (let slot = at + stampsLayout.head; slot < end; slot += stampsLayout.slot) {
      if (wordAt(bytes, slot + 2) >>> 0 !== counts[slotAt(bytes, slot)]) return false
    }
    return true
  }
}

// By hand, because Buffer's own readers check their arguments: an entry takes 10 ns to look at, and 30 with them. That
// the bytes are there `unwrap` has seen to.
function slotAt(bytes: Buffer, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

function wordAt(bytes: Buffer, at: number): number {
  return (slotAt(bytes, at) << 16) | slotAt(bytes, at + 2)
}

/** The slots that an entry is stamped with, by its bytes from `at` on. */
export function stampedSlots(bytes: Buffer, at: number): number[] {
  const tagged: number[] = []
  const end = endOfStamps(bytes, at)
  for (let slot = at + stampsLayout.head; slot < end; slot += stampsLayout.slot) {
    tagged.push(slotAt(bytes, slot))
  }
  return tagged
}

/** What Redis holds under the key of the generations: the identity, and four bytes for each slot up to the last that counts. */
export function parseGenerations(bytes: Buffer): { identity: string; counts: Map<number, number> } {
  const counts = new Map<number, number>()
  for (let slot = 0, at = stampsLayout.identity; at + 4 <= bytes.length && slot < slots; slot++, at += 4) {
    const count = bytes.readUInt32BE(at)
    if (count > 0) counts.set(slot, count)
  }
  return { identity: bytes.toString('latin1', 0, stampsLayout.identity), counts }
}

/** What the script that counts answers: the identity, and the new count of each slot that it was given. */
export function parseCounted(bytes: Buffer, slots: readonly number[]) {
  const counts = slots.map((slot, index) => [slot, bytes.readUInt32BE(stampsLayout.identity + index * 4)] as const)
  return { identity: bytes.toString('latin1', 0, stampsLayout.identity), counts }
}
