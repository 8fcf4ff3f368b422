import type { Random } from '../clock.ts'

/** What a namespace holds in Redis, as far as this process wrote it: estimates. */
export interface Holding {
  readonly bytes: number
  readonly entries: number
}

/** One of the keys that the ledger follows, to be weighed by MEMORY USAGE. */
export interface LedgerSample {
  readonly namespace: string
  readonly key: string
  /** What Redis should answer, before any calibration. */
  readonly bytes: number
}

interface Entry {
  readonly namespace: string
  readonly key: string
  readonly hash: number
  readonly bytes: number
  /** Milliseconds of the clock. */
  readonly expiresAt: number
  /** How many keys this one stands for. */
  weight: number
  /** Others may have deleted it unheard. */
  doubted: boolean
}

const mostEntries = 2_048
// With fewer than this the sample says little; more of the keys to come are taken in.
const fewEntries = 256
// Clocks of processes and Redis differ: what is about to expire may be gone.
const slack = 1_000
// How fast old weighings are forgotten: each counts for so much of the one after it.
const memory = 0.98
// Of a key with a TTL in Redis 7.0 on jemalloc: two dictionary entries, the value object, and its share of two tables.
const perKey = 98
// MEMORY USAGE says nothing of the expiry: a dictionary entry and its share of the table.
const unweighed = 58

/**
 * How many bytes each namespace holds in Redis, without asking Redis: an adaptive sample of the keys that this process
 * wrote. Keys are taken by their hash, so that the same keys stay in the sample however often they are written; where
 * it grows beyond 2,048 it is halved, and each key left stands for twice as many.
 */
export class Ledger {
  readonly #entries = new Map<string, Entry>()
  readonly #seeds = new Map<string, number>()
  readonly #weighings = new Map<string, { estimated: number; actual: number }>()
  #divisor = 1
  #now = 0

  /** Stored: `bytes` of value under `key` until `expiresAt`, in milliseconds of the clock. */
  note(namespace: string, key: string, bytes: number, expiresAt: number): void {
    const hash = hashOf(key, this.#seedOf(namespace))
    if (hash % this.#divisor !== 0) return
    const entry = {
      namespace,
      key,
      hash,
      bytes: estimate(key, bytes),
      expiresAt,
      weight: this.#divisor,
      doubted: false,
    }
    this.#entries.set(nameOf(namespace, key), entry)
    if (this.#entries.size > mostEntries) this.#thin()
  }

  /** Deleted, or replaced by another process. */
  forget(namespace: string, key: string): void {
    if (hashOf(key, this.#seedOf(namespace)) % this.#divisor === 0) this.#entries.delete(nameOf(namespace, key))
  }

  /** What others have deleted may have been missed: of the keys so far, no early end is to be told any more. */
  doubt(): void {
    for (const entry of this.#entries.values()) entry.doubted = true
  }

  /** Redis has lost everything. */
  clear(): void {
    this.#entries.clear()
    this.#divisor = 1
  }

  /**
   * Redis does not have the key. How many early ends this stands for: 0 where the key is not followed, is doubted, or had come
   * to its end. It is not followed any more then.
   */
  missing(namespace: string, key: string, now: number): number {
    this.#now = now
    if (hashOf(key, this.#seedOf(namespace)) % this.#divisor !== 0) return 0
    const name = nameOf(namespace, key)
    const entry = this.#entries.get(name)
    if (entry === undefined) return 0
    this.#entries.delete(name)
    return entry.expiresAt - slack > now && !entry.doubted ? entry.weight : 0
  }

  /** Some of the keys that are followed, all different. */
  samples(count: number, random: Random): LedgerSample[] {
    const entries = [...this.#entries.values()]
    const chosen: LedgerSample[] = []
    for (let i = 0; i < count && i < entries.length; i++) {
      const other = i + Math.floor(random() * (entries.length - i))
      const entry = entries[other]
      const displaced = entries[i]
      if (entry === undefined || displaced === undefined) break
      entries[other] = displaced
      chosen.push({ namespace: entry.namespace, key: entry.key, bytes: entry.bytes })
    }
    return chosen
  }

  /** `actual` is what MEMORY USAGE answered for a sample: null where the key is gone, which says nothing of sizes. */
  calibrate(namespace: string, estimated: number, actual: number | null): void {
    if (actual === null || !(actual > 0) || !(estimated > 0)) return
    const { estimated: expected, actual: weighed } = this.#weighings.get(namespace) ?? { estimated: 0, actual: 0 }
    this.#weighings.set(namespace, {
      estimated: expected * memory + estimated,
      actual: weighed * memory + actual + unweighed,
    })
  }

  /** What each namespace holds that has not expired. */
  totals(now: number): Record<string, Holding> {
    this.#now = now
    this.#dropExpired()
    const totals = new Map<string, { bytes: number; entries: number }>()
    for (const { namespace, bytes, weight } of this.#entries.values()) {
      const total = totals.get(namespace)
      const held = bytes * weight * this.#correction(namespace)
      if (total === undefined) totals.set(namespace, { bytes: held, entries: weight })
      else {
        total.bytes += held
        total.entries += weight
      }
    }
    if (this.#entries.size < fewEntries && this.#divisor > 1) this.#divisor /= 2
    return Object.fromEntries(totals)
  }

  #correction(namespace: string): number {
    const weighing = this.#weighings.get(namespace)
    return weighing === undefined ? 1 : weighing.actual / weighing.estimated
  }

  /** Frees at least a quarter, so that the sweep is paid for by the keys that were taken in since the last. */
  #thin(): void {
    this.#dropExpired()
    while (this.#entries.size > mostEntries * 0.75) {
      this.#divisor *= 2
      for (const [name, entry] of this.#entries) {
        if (entry.hash % this.#divisor !== 0) this.#entries.delete(name)
        else entry.weight = Math.max(entry.weight, this.#divisor)
      }
    }
  }

  #dropExpired(): void {
    for (const [name, { expiresAt }] of this.#entries) if (expiresAt <= this.#now) this.#entries.delete(name)
  }

  #seedOf(namespace: string): number {
    let seed = this.#seeds.get(namespace)
    if (seed === undefined) {
      seed = hashOf(namespace, 0x811c9dc5)
      this.#seeds.set(namespace, seed)
    }
    return seed
  }
}

function nameOf(namespace: string, key: string): string {
  return `${namespace}\0${key}`
}

/** FNV-1a, with the end of MurmurHash3 behind it: its low bits alone, which decide here, are not even enough. */
function hashOf(text: string, seed: number): number {
  let hash = seed
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function estimate(key: string, bytes: number): number {
  return perKey + sizeClass(key.length + 4) + sizeClass(bytes + 4)
}

/** What jemalloc takes for so many bytes: four sizes to each power of two. */
function sizeClass(bytes: number): number {
  if (bytes <= 16) return 16
  const step = Math.max(16, 2 ** (Math.floor(Math.log2(bytes - 1)) - 2))
  return Math.ceil(bytes / step) * step
}
