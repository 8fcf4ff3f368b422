/** Reads numbers out of named texts, and remembers which of them cannot be true. */
export class Numbers {
  readonly implausible: string[] = []
  readonly #text: (name: string) => string | undefined

  constructor(text: (name: string) => string | undefined) {
    this.#text = text
  }

  /** A count or a size. Negative numbers are subtractions that went below zero, as are those close to 2^64. */
  count(name: string): number | undefined {
    const value = this.signed(name)
    if (value === undefined || value >= 0) return value
    return this.reject(name)
  }

  /** Whole, and below zero where that has a meaning: fragmentation is so where Redis is swapped out. */
  signed(name: string): number | undefined {
    const text = this.#text(name)
    if (text === undefined || text === '') return undefined
    // A decimal beyond 2^53 never rounds to a number below it, so that no big integers are needed to tell.
    const value = /^-?\d{1,20}$/.test(text) ? Number(text) : Number.NaN
    return Number.isSafeInteger(value) ? value : this.reject(name)
  }

  ratio(name: string): number | undefined {
    const text = this.#text(name)
    if (text === undefined || text === '') return undefined
    const value = /^\d{1,20}(\.\d{1,30})?%?$/.test(text) ? Number.parseFloat(text) : Number.NaN
    return value <= 1e6 ? value : this.reject(name)
  }

  reject(name: string): undefined {
    if (!this.implausible.includes(name)) this.implausible.push(name)
    return undefined
  }
}
