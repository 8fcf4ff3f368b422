import { type Clock, type Random, sleep } from '../clock.ts'
import { SourceOverloadedError } from '../errors.ts'
import type { WarmProgress } from '../options/call-options.ts'

export interface WarmCall {
  readonly concurrency: number
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((progress: WarmProgress) => void) | undefined
}

// Several processes that warm the same keys in the same order would wait for each other's loads all the way: each takes
// them in an order of its own, as far ahead as this many keys for each of its workers.
const aheadOfWorkers = 64
const overloadPause = 100
const mostPauses = 100

/** Gets every key, a bounded number at a time. Ends with the reason of `signal` where it aborts, after what has begun. */
export async function warm(
  keys: Iterable<string> | AsyncIterable<string>,
  get: (key: string) => Promise<unknown>,
  { concurrency, signal, onProgress }: WarmCall,
  clock: Clock,
  random: Random,
): Promise<WarmProgress> {
  const total = Array.isArray(keys) ? keys.length : keys instanceof Set ? keys.size : undefined
  const upcoming = new Upcoming(keys, concurrency * aheadOfWorkers, random)
  let done = 0
  let failed = 0
  const worker = async () => {
    while (!isAborted(signal)) {
      const key = await upcoming.take()
      if (key === undefined || isAborted(signal)) return
      if (!(await isWarm(key, get, signal, clock))) failed += 1
      done += 1
      onProgress?.({ done, failed, total })
    }
  }
  try {
    await Promise.all(Array.from({ length: concurrency }, worker))
  } finally {
    await upcoming.close()
  }
  signal?.throwIfAborted()
  return { done, failed, total }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

async function isWarm(
  key: string,
  get: (key: string) => Promise<unknown>,
  signal: AbortSignal | undefined,
  clock: Clock,
): Promise<boolean> {
  for (let pauses = 0; ; pauses++) {
    try {
      await get(key)
      return true
    } catch (error) {
      // Live traffic comes first: it fills the bulkhead, and warming waits.
      if (!(error instanceof SourceOverloadedError) || pauses >= mostPauses || isAborted(signal)) return false
      await sleep(clock, overloadPause)
    }
  }
}

/** Keys in an order of chance, within a bounded look ahead. */
class Upcoming {
  readonly #source: Iterator<string> | AsyncIterator<string>
  readonly #ahead: number
  readonly #random: Random
  readonly #held: string[] = []
  #filling: Promise<void> | undefined
  #ended = false

  constructor(keys: Iterable<string> | AsyncIterable<string>, ahead: number, random: Random) {
    this.#source = Symbol.asyncIterator in keys ? keys[Symbol.asyncIterator]() : keys[Symbol.iterator]()
    this.#ahead = ahead
    this.#random = random
  }

  async take(): Promise<string | undefined> {
    while (!this.#ended && this.#held.length < this.#ahead / 2) {
      this.#filling ??= this.#fill()
      await this.#filling
    }
    const at = Math.floor(this.#random() * this.#held.length)
    const key = this.#held[at]
    const last = this.#held.pop()
    if (last !== undefined && at < this.#held.length) this.#held[at] = last
    return key
  }

  async close(): Promise<void> {
    if (!this.#ended) await this.#source.return?.()
  }

  async #fill(): Promise<void> {
    try {
      while (this.#held.length < this.#ahead) {
        const next = await this.#source.next()
        if (next.done === true) {
          this.#ended = true
          return
        }
        this.#held.push(next.value)
      }
    } catch (error) {
      this.#ended = true
      throw error
    } finally {
      this.#filling = undefined
    }
  }
}
