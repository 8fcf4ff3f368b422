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
    const { maxWaiting, maxParked } = this.#parts.settings
    const [depths, parked] = [this.#all.map(({ depth }) => depth), this.#all.map((one) => one.parked)]
    return {
      waiting: sum(depths),
      waitingShare: Math.max(...depths) / maxWaiting,
      oldestMilliseconds: Math.max(...this.#all.map(({ age }) => age)),
      parked: sum(parked),
      parkedShare: Math.max(...parked) / maxParked,
      flushing: this.#all.some(({ holdsLock }) => holdsLock),
      failure: this.#all.find(({ failure }) => failure !== undefined)?.failure,
    }
  }

  /** Something was appended in this group. */
  wake(group: number): void {
    this.#all[group]?.wake()
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

  /** Flushes once more what no other process does, and ends: what a source that hangs has in hand is given up. */
  async close(milliseconds: number, before: Promise<void>): Promise<void> {
    const { clock, saving, logger, namespace } = this.#parts
    const flushed = async () => {
      await before
      await Promise.all(this.#all.map((flusher) => flusher.flushNow()))
    }
    await within(clock, milliseconds, flushed())
    this.#closed = true
    const left = sum(this.#all.map(({ holdsLock, failure, depth }) => (holdsLock || failure !== undefined ? depth : 0)))
    if (left > 0) {
      logger.warn(
        { namespace, waiting: left },
        'write-behind: closed before all was saved; it waits in Redis for another',
      )
    }
    saving.end()
    await Promise.all(this.#all.map((flusher) => flusher.close()))
  }
}

const pauseOfDrain = 100

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}

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
