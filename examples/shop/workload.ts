import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'

export interface Workload {
  readonly description: string
  /** The product of each request, in order. */
  readonly requests: readonly number[]
  /** Products are numbered from 1 up to this. */
  readonly products: number
}

const zipfProducts = 3_000
const zipfExponent = 1.1

/** Few products are asked for often and many seldom, as in every shop; the same sequence in every run. */
export function zipfWorkload(count: number): Workload {
  const cumulative: number[] = []
  let total = 0
  for (let rank = 1; rank <= zipfProducts; rank += 1) {
    total += rank ** -zipfExponent
    cumulative.push(total)
  }
  const random = seededRandom(1876)
  return {
    description: `Zipf ${zipfExponent} over ${zipfProducts.toLocaleString('en')} products`,
    requests: Array.from({ length: count }, () => firstAtLeast(cumulative, random() * total) + 1),
    products: zipfProducts,
  }
}

/** A recorded sequence of keys: gzip over big-endian 32-bit integers. The keys are renumbered as they first appear. */
export async function traceWorkload(path: string, count: number): Promise<Workload> {
  const bytes = await promisify(gunzip)(await readFile(path))
  if (bytes.length === 0 || bytes.length % 4 !== 0) throw new Error('it does not hold 32-bit integers')
  const length = bytes.length / 4
  const numbers = new Map<number, number>()
  const requests = Array.from({ length: count }, (_, index) => {
    const key = bytes.readInt32BE((index % length) * 4)
    const number = numbers.get(key) ?? numbers.size + 1
    numbers.set(key, number)
    return number
  })
  return {
    description: `${path}, ${numbers.size.toLocaleString('en')} products`,
    requests,
    products: numbers.size,
  }
}

function firstAtLeast(ascending: readonly number[], value: number): number {
  let low = 0
  let high = ascending.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ascending[middle] ?? Number.POSITIVE_INFINITY) >= value) high = middle
    else low = middle + 1
  }
  return low
}

// Mulberry32.
function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
