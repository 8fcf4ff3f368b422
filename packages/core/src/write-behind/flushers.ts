import { type Clock, sleep } from '../clock.ts'
import { Flusher, type FlusherParts } from './flusher.ts'
import type { BehindHealth } from './tallies.ts'

/** The flushers of one namespace in this process: one for each group. */
export class Flushers<V> {
  readonly #all: readonly Flusher<V>[]
  readonly #parts: FlusherParts<V>
  #closed = false

  constructor(parts: FlusherParts<V>) {
    this.#parts = parts
    this.#all = parts.keys.groups.map((group) => new Flusher<V>(parts, group))
  }

  get health(): BehindHealth {
    return {
      waiting: this.#all.reduce((sum, { depth }) => sum + depth, 0),
      oldestMilliseconds: Math.max(...this.#all.map(({ age }) => age)),
      flushing: this.#all.some(({ holdsLock }) => holdsLock),
      failure: this.#all.find(({ failure }) => failure !== undefined)?.failure,
    }
  }

  /** Something of this key was appended. */
  wake(key: string): void {
    this.#all[this.#parts.keys.numberOf(key)]?.wake()
  }

  /** Flushes until nothing waits; false where something does when the time is over. `before` is waited for first. */
  async drain(milliseconds: number, before: Promise<void>): Promise<boolean> {
    const { clock } = this.#parts
    const until = clock.now() + milliseconds
    const drained = async (): Promise<boolean> => {
      await before
      while (clock.now() < until && !this.#closed) {
        const outcomes = await Promise.all(this.#all.map((flusher) => flusher.flushNow()))
        if (outcomes.every(Boolean)) return true
        await sleep(clock, Math.min(pauseOfDrain, Math.max(0, until - clock.now())))
      }
      return false
    }
    return (await within(clock, milliseconds, drained())) ?? false
  }

  /** Flushes once more where this process holds the lock, and ends. */
  async close(milliseconds: number, before: Promise<void>): Promise<void> {
    const ended = async () => {
      await before
      await Promise.all(this.#all.filter(({ holdsLock }) => holdsLock).map((flusher) => flusher.flushNow()))
      await Promise.all(this.#all.map((flusher) => flusher.close()))
    }
    await within(this.#parts.clock, milliseconds, ended())
    this.#closed = true
    for (const flusher of this.#all) void flusher.close()
  }
}

const pauseOfDrain = 100

async function within<T>(clock: Clock, milliseconds: number, work: Promise<T>): Promise<T | undefined> {
  let timer: unknown
  const late = new Promise<undefined>((resolve) => {
    timer = clock.setTimeout(() => resolve(undefined), milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clock.clearTimeout(timer)
  }
}
