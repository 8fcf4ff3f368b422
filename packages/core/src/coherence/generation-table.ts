import { stampsLayout } from '../entry/envelope.ts'

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

/** What the generations of a namespace are in Redis, as far as this process has read and heard. */
export class GenerationTable {
  #identity = ''
  // The identity's bytes as three numbers: a hit in Redis compares them, and makes no string for it.
  #words: readonly number[] = []
  #counts = new Map<number, number>()

  get identity(): string {
    return this.#identity
  }

  count(slot: number): number {
    return this.#counts.get(slot) ?? 0
  }

  set(slot: number, count: number): void {
    this.#counts.set(slot, count)
  }

  /** Other generations altogether: nothing has been counted yet. */
  replace(identity: string): void {
    this.#identity = identity
    const bytes = Buffer.from(identity.padEnd(stampsLayout.identity), 'latin1')
    this.#words = [0, 4, 8].map((at) => bytes.readUInt32BE(at))
    this.#counts = new Map()
  }

  counted(): IterableIterator<[slot: number, count: number]> {
    return this.#counts.entries()
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

  /** The slots of an entry that is of these generations; undefined for any other entry. */
  slotsOf(stamps: Buffer): number[] | undefined {
    const { head, slot: width } = stampsLayout
    const [first, second, third] = this.#words
    if (stamps.readUInt32BE(0) !== first || stamps.readUInt32BE(4) !== second || stamps.readUInt32BE(8) !== third) {
      return undefined
    }
    const tagged: number[] = []
    for (let at = head; at < stamps.length; at += width) {
      const slot = stamps.readUInt16BE(at)
      if (stamps.readUInt32BE(at + 2) !== this.count(slot)) return undefined
      tagged.push(slot)
    }
    return tagged
  }
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
