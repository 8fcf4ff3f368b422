import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/** Requests in order, a number for each key. */
export interface Trace {
  readonly name: string
  readonly requests: Int32Array
}

/** The recordings in the folder PLIMSOLL_TRACES (`*.bin.gz`: big-endian 32-bit integers, one a request), else made ones. */
export function readTraces(folder = process.env['PLIMSOLL_TRACES']): Trace[] {
  if (!folder) return [zipf(), crawled()]
  const files = readdirSync(folder).filter((file) => file.endsWith('.bin.gz'))
  return files.sort().map((file) => ({ name: file.replace('.bin.gz', ''), requests: decode(join(folder, file)) }))
}

function decode(file: string): Int32Array {
  const bytes = gunzipSync(readFileSync(file))
  return Int32Array.from({ length: bytes.length >> 2 }, (_, index) => bytes.readInt32BE(index * 4))
}

const keys = 20_000
const requests = 300_000

function zipf(): Trace {
  const random = randomOf(1)
  const draw = zipfOf(keys, random)
  return { name: 'zipf', requests: Int32Array.from({ length: requests }, draw) }
}

/** Visitors by Zipf's law, and a crawler that walks over everything. */
function crawled(): Trace {
  const random = randomOf(2)
  const draw = zipfOf(keys, random)
  let page = 0
  const next = () => (random() < 0.5 ? draw() : page++ % keys)
  return { name: 'crawled', requests: Int32Array.from({ length: requests }, next) }
}

function zipfOf(count: number, random: () => number): () => number {
  const cumulated = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1)
    cumulated[rank] = sum
  }
  return () => {
    const drawn = random() * sum
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((cumulated[middle] ?? 0) < drawn) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** mulberry32: the same requests in every run. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
