import { createHash } from 'node:crypto'
import type { SampleEvidence } from '../findings/evidence.ts'
import type { InspectedKey } from './sample-client.ts'
import { type Counted, groupsOf, mergeNames } from './sample-prefix.ts'

export interface TalliedSample extends SampleEvidence {
  /** What it added to Redis' `keyspace_hits`: PTTL and TYPE count as hits. */
  readonly hitsAdded: number
  /** Commands that this user may not run: their part of the sample is missing. */
  readonly denied: readonly string[]
}

const largestKept = 20
const prefixesKept = 50
// Beyond these a sample grows no wiser, only larger in memory.
const prefixesCounted = 20_000
const ttlsKept = 100_000

interface PrefixTally {
  readonly keys: number
  readonly bytes: number
  readonly withoutTtl: number
  readonly ttls: number
  readonly ttlSum: number
}

const overflow = '(other)'

function plus(one: PrefixTally, other: PrefixTally): PrefixTally {
  return {
    keys: one.keys + other.keys,
    bytes: one.bytes + other.bytes,
    withoutTtl: one.withoutTtl + other.withoutTtl,
    ttls: one.ttls + other.ttls,
    ttlSum: one.ttlSum + other.ttlSum,
  }
}

/** Counts what was seen of each key, in bounded memory. */
export class SampleTally {
  keys = 0
  readonly #showKeys: boolean
  readonly #prefixes = new Map<string, Counted<PrefixTally>>()
  readonly #ttls: number[] = []
  readonly #denied = new Set<string>()
  #hits = 0
  #largest: { readonly key: Buffer; readonly type: string; readonly bytes: number }[] = []

  constructor(showKeys: boolean) {
    this.#showKeys = showKeys
  }

  add(key: Buffer, { bytes, ttl, type, denied }: InspectedKey): void {
    for (const command of denied) this.#denied.add(command)
    // Expired or deleted since SCAN named it.
    if (ttl === -2 || type === 'none') return
    this.keys++
    this.#hits += Number(ttl !== undefined) + Number(type !== undefined)
    const expires = ttl !== undefined && ttl >= 0
    if (expires && this.#ttls.length < ttlsKept) this.#ttls.push(ttl)
    const value = {
      keys: 1,
      bytes: bytes ?? 0,
      withoutTtl: Number(ttl === -1),
      ttls: Number(expires),
      ttlSum: expires ? ttl : 0,
    }
    const groups = groupsOf(key)
    const name = groups.join('\0')
    const known = this.#prefixes.has(name) || this.#prefixes.size < prefixesCounted
    const present = this.#prefixes.get(known ? name : overflow)
    this.#prefixes.set(known ? name : overflow, {
      groups: known ? groups : [overflow],
      value: present === undefined ? value : plus(present.value, value),
    })
    if (bytes !== undefined) this.#keepLargest(key, type ?? 'unknown', bytes)
  }

  #keepLargest(key: Buffer, type: string, bytes: number): void {
    const last = this.#largest[largestKept - 1]
    if (last !== undefined && last.bytes >= bytes) return
    // A key that SCAN named twice, as it may while the table grows.
    if (this.#largest.some((entry) => entry.key.equals(key))) return
    this.#largest.push({ key, type, bytes })
    this.#largest.sort((one, other) => other.bytes - one.bytes)
    this.#largest = this.#largest.slice(0, largestKept)
  }

  evidence(): TalliedSample {
    const all = [...this.#prefixes.values()]
      .map(({ value }) => value)
      .reduce(plus, { keys: 0, bytes: 0, withoutTtl: 0, ttls: 0, ttlSum: 0 })
    const sorted = Float64Array.from(this.#ttls).sort()
    return {
      keys: this.keys,
      bytes: all.bytes,
      withoutTtl: all.withoutTtl,
      prefixes: this.#sortedPrefixes(),
      largest: this.#largest.map(({ key, type, bytes }) => ({ key: this.#nameOf(key), type, bytes })),
      ttlMilliseconds: { median: sorted[Math.floor(sorted.length / 2)], most: sorted.at(-1) },
      hitsAdded: this.#hits,
      denied: [...this.#denied],
    }
  }

  #sortedPrefixes(): SampleEvidence['prefixes'] {
    const merged = mergeNames([...this.#prefixes.values()], { keysOf: ({ keys }) => keys, merge: plus })
      .map(({ groups, value }): [string, PrefixTally] => [groups.join(':'), value])
      .sort(([, one], [, other]) => other.bytes - one.bytes || other.keys - one.keys)
    const isKept = ([prefix]: [string, PrefixTally], index: number) => index < prefixesKept && prefix !== overflow
    const rest = merged.filter((entry, index) => !isKept(entry, index)).map(([, tally]) => tally)
    const kept = merged.filter(isKept)
    if (rest.length > 0) kept.push([overflow, rest.reduce(plus)])
    return kept.map(([prefix, { keys, bytes, withoutTtl, ttls, ttlSum }]) => ({
      ...{ prefix, keys, bytes, withoutTtl },
      averageTtlMilliseconds: ttls === 0 ? undefined : Math.round(ttlSum / ttls),
    }))
  }

  #nameOf(key: Buffer): string {
    if (!this.#showKeys) return createHash('sha256').update(key).digest('hex').slice(0, 12)
    // What could steer a terminal is shown as it would be written in a program.
    const shown = key
      .subarray(0, 200)
      .toString('utf8')
      .replace(/[\p{C}\p{Z}]/gu, (sign) => (sign === ' ' ? sign : `\\u{${sign.codePointAt(0)?.toString(16)}}`))
    return key.length > 200 ? `${shown}…` : shown
  }
}
