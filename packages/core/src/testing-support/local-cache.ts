import { type Cache, createCache } from '../cache.ts'
import { sleep } from '../clock.ts'
import type { CacheOptions } from '../options/cache-options.ts'
import { SteppingClock } from './stepping-clock.ts'

/** A cache without Redis, whose time and chance are the test's: no jitter, and nothing is refreshed early. */
export function openLocalCache(options: Partial<CacheOptions> = {}): { clock: SteppingClock; cache: Cache } {
  const clock = new SteppingClock()
  return { clock, cache: createCache({ name: 'test', clock, random: () => 0, ...options }) }
}

/** A promise that the test settles. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

export function deferred<T>(): Deferred<T> {
  let resolve = (_: T): void => {}
  let reject = (_: unknown): void => {}
  const promise = new Promise<T>((fulfil, refuse) => {
    resolve = fulfil
    reject = refuse
  })
  // Who looks at it late finds the rejection all the same.
  promise.catch(() => {})
  return { promise, resolve, reject }
}

/** A source of truth that takes its time, may be away, and counts what it is asked. */
export class FakeSource<V> {
  readonly rows = new Map<string, V>()
  loads = 0
  saves = 0
  takes = 0
  error: Error | undefined
  readonly #clock: SteppingClock

  constructor(clock: SteppingClock) {
    this.#clock = clock
  }

  readonly load = async (key: string): Promise<V | undefined> => {
    this.loads += 1
    // Read first and answered late, as a busy database does.
    const row = this.rows.get(key)
    await this.#work()
    return row
  }

  readonly save = async (key: string, value: V): Promise<void> => {
    this.saves += 1
    await this.#work()
    this.rows.set(key, value)
  }

  async #work(): Promise<void> {
    const { error } = this
    if (this.takes > 0) await sleep(this.#clock, this.takes)
    if (error !== undefined) throw error
  }
}
