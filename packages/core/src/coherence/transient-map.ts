// V8's Map makes a new table whenever it has forgotten as many entries as it holds, and the old table points to the new
// one. Where one entry comes and goes at a time that is every few calls, and old tables that wait for a full collection
// keep alive what they point to: measured, a third of what reads leave behind was promoted so. Forgotten keys therefore
// stay, without their value, until there are many of them, and then a new Map takes the place of this one.
const mostForgotten = 1_024

/** A Map for entries that live a moment. */
export class TransientMap<V extends object> {
  #map = new Map<string, V | undefined>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: string): V | undefined {
    return this.#map.get(key)
  }

  set(key: string, value: V): void {
    if (this.#map.get(key) === undefined) this.#size += 1
    this.#map.set(key, value)
  }

  delete(key: string): void {
    if (this.#map.get(key) === undefined) return
    this.#size -= 1
    this.#map.set(key, undefined)
    if (this.#map.size - this.#size > mostForgotten + this.#size) this.#map = new Map(this.#entries())
  }

  clear(): void {
    this.#map = new Map()
    this.#size = 0
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this.#entries()) yield value
  }

  *#entries(): IterableIterator<[string, V]> {
    for (const [key, value] of this.#map) if (value !== undefined) yield [key, value]
  }
}
