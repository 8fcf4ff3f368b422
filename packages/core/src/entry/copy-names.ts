import { escapeKey } from './key.ts'

/** The names of one copy of an entry. */
export interface CopyName {
  readonly value: string
  readonly lease: string
}

const slots = 16_384
// Sixteen letters whose last four bits count from 0 to 15: of words of four of them each slot of a cluster has one that
// begins with one of the first four, for the CRC is linear and these bits are independent.
const letters = '@ABCDEFGHIJKLMNO'

/**
 * The names of a key's copies: `<cache>:{<namespace>:<escaped key>:<word>}:cv` and `…}:cl`. The word puts each into a
 * slot of its own, so that the original and its copies lie at even distances on the ring of slots: nodes that own even
 * ranges then hold even shares of them. Names depend on nothing but key and count, for whoever writes must find what
 * others have copied, whatever each knows of the cluster.
 */
export class CopyNames {
  readonly count: number
  readonly #cache: string
  readonly #id: string

  /** `id`: the namespace with its schema version. */
  constructor(cache: string, id: string, count: number) {
    this.#cache = cache
    this.#id = id
    this.count = count
  }

  of(key: string): CopyName[] {
    return Array.from({ length: this.count }, (_, index) => this.one(key, index))
  }

  /** `index`: 0 to `count` - 1. */
  one(key: string, index: number): CopyName {
    const tag = `${this.#id}:${escapeKey(key)}`
    const own = crcOf(Buffer.from(tag))
    const distance = Math.round((slots * (index + 1)) / (this.count + 1))
    const word = wordTo((own + distance) % slots, crcOf(Buffer.from(':'), own))
    const name = `${this.#cache}:{${tag}:${word}}`
    return { value: `${name}:cv`, lease: `${name}:cl` }
  }
}

let wordsBySlot: string[] | undefined

/** The word that leads from a CRC to a slot. */
function wordTo(slot: number, crc: number): string {
  wordsBySlot ??= makeWords()
  const withoutWord = crcOf(noBits, crc) % slots
  return wordsBySlot[slot ^ withoutWord] ?? ''
}

const noBits = Buffer.alloc(4)

/** By the slot of their own bits; made at the first copy, in some milliseconds. Part of the keys. */
function makeWords(): string[] {
  const words = new Array<string>(slots).fill('')
  for (let number = 0; number < slots; number++) {
    const word = [12, 8, 4, 0].map((shift) => letters[(number >> shift) & 15]).join('')
    words[crcOf(Buffer.from(word)) % slots] = word
  }
  return words
}

/** CRC-16/XMODEM, as Redis Cluster has it. */
function crcOf(bytes: Uint8Array, crc = 0): number {
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? (crc << 1) & 0xffff : ((crc << 1) ^ 0x1021) & 0xffff
  }
  return crc
}
