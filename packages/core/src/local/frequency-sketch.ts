const rows = 4
const mostCounted = 15
// A small cache needs a memory that is longer than itself: with fewer counters than this a key is forgotten before it comes again.
const fewestCounters = 2_048
const agesAfter = 10

/**
 * How often keys were asked for lately, in a few bytes a key: a count-min sketch (Cormode, Muthukrishnan, 2005) with
 * conservative update, whose counters are halved after ten requests a counter, so that yesterday's favourites give way
 * (TinyLFU: Einziger, Friedman, Manes, ACM TOS 2017). It errs upwards only.
 */
export class FrequencySketch {
  #counters = new Uint8Array(rows * fewestCounters)
  #width = fewestCounters
  #added = 0

  /** Makes room for so many keys; what is known is kept. */
  growTo(keys: number): void {
    while (this.#width < keys) {
      const wider = new Uint8Array(this.#counters.length * 2)
      for (let row = 0; row < rows; row++) {
        const counters = this.#counters.subarray(row * this.#width, (row + 1) * this.#width)
        wider.set(counters, row * 2 * this.#width)
        wider.set(counters, (row * 2 + 1) * this.#width)
      }
      this.#counters = wider
      this.#width *= 2
    }
  }

  /** 0 to 15. */
  estimate(hash: number): number {
    let least = mostCounted
    for (let row = 0; row < rows; row++) least = Math.min(least, this.#counters[this.#indexOf(hash, row)] ?? 0)
    return least
  }

  add(hash: number, times = 1): void {
    const known = this.estimate(hash)
    const count = Math.min(mostCounted, known + times)
    for (let row = 0; row < rows; row++) {
      const index = this.#indexOf(hash, row)
      if ((this.#counters[index] ?? 0) < count) this.#counters[index] = count
    }
    this.#added += times
    if (this.#added >= agesAfter * this.#width) this.#age()
  }

  #age(): void {
    const counters = this.#counters
    for (let index = 0; index < counters.length; index++) counters[index] = (counters[index] ?? 0) >> 1
    this.#added >>= 1
  }

  #indexOf(hash: number, row: number): number {
    return row * this.#width + (mix(hash ^ Math.imul(row, 0x9e3779b9)) & (this.#width - 1))
  }
}

/** FNV-1a: a string as 32 bits. */
export function hashOf(key: string): number {
  let value = 0x811c9dc5
  for (let index = 0; index < key.length; index++) value = Math.imul(value ^ key.charCodeAt(index), 0x01000193)
  return mix(value)
}

/** The finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let mixed = value ^ (value >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
