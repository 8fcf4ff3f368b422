import type { Random } from '../clock.ts'

interface PutBack {
  readonly keys: readonly string[]
  readonly from: number
}

/**
 * Keys in batches, and those in an order of chance within a bounded look ahead. Processes that are given the same keys
 * cut the same batches, and seldom meet at one of them.
 */
export class Upcoming {
  readonly #source: Iterator<string> | AsyncIterator<string>
  readonly #size: number
  readonly #ahead: number
  readonly #random: Random
  readonly #fresh: (readonly string[])[] = []
  readonly #later: PutBack[] = []
  #filling: Promise<void> | undefined
  #ended = false

  /** `size`: keys of a batch. `ahead`: batches to choose from. */
  constructor(keys: Iterable<string> | AsyncIterable<string>, size: number, ahead: number, random: Random) {
    this.#source = Symbol.asyncIterator in keys ? keys[Symbol.asyncIterator]() : keys[Symbol.iterator]()
    this.#size = size
    this.#ahead = ahead
    this.#random = random
  }

  /** The next batch. A number where there is none yet: when to ask again. Undefined where there will be none. */
  async take(now: number): Promise<readonly string[] | number | undefined> {
    // What was put back comes last, or a few keys that nobody can load would keep all others from being tried.
    if (this.#later.length < this.#ahead) {
      while (!this.#ended && this.#fresh.length < this.#ahead / 2) {
        this.#filling ??= this.#fill()
        await this.#filling
      }
      const batch = this.#takeByChance()
      if (batch !== undefined) return batch
    }
    const due = this.#later.findIndex(({ from }) => from <= now)
    if (due >= 0) return this.#later.splice(due, 1)[0]?.keys
    if (this.#later.length === 0) return undefined
    return Math.min(...this.#later.map(({ from }) => from))
  }

  putBack(keys: readonly string[], from: number): void {
    this.#later.push({ keys, from })
  }

  async close(): Promise<void> {
    if (!this.#ended) await this.#source.return?.()
  }

  #takeByChance(): readonly string[] | undefined {
    const at = Math.floor(this.#random() * this.#fresh.length)
    const batch = this.#fresh[at]
    const last = this.#fresh.pop()
    if (last !== undefined && at < this.#fresh.length) this.#fresh[at] = last
    return batch
  }

  async #fill(): Promise<void> {
    let batch: string[] = []
    try {
      while (this.#fresh.length < this.#ahead) {
        const next = await this.#source.next()
        if (next.done === true) {
          this.#ended = true
          break
        }
        batch.push(next.value)
        if (batch.length < this.#size) continue
        this.#fresh.push(batch)
        batch = []
      }
      if (batch.length > 0) this.#fresh.push(batch)
    } catch (error) {
      this.#ended = true
      throw error
    } finally {
      this.#filling = undefined
    }
  }
}
