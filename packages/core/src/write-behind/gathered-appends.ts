import type { GroupKeys } from '../entry/key.ts'
import type { WriteGate } from '../pressure/write-gate.ts'
import type { AppendIncrement, AppendSettings, StreamCommands } from '../redis/stream-commands.ts'

interface Waiting {
  readonly append: AppendIncrement
  resolve(appended: AppendedIncrement | NotAppended): void
  reject(error: unknown): void
}

export interface AppendedIncrement {
  /** The number after it, where it was cached. */
  readonly value: number | undefined
}

/** Redis has not taken it, and is as it was: the gate held it back, Redis refused it, or as many wait as may. */
export type NotAppended = 'refused' | 'full'

// One script blocks Redis while it runs.
const mostTogether = 128
// While Redis runs one half this process hears of the other. Below so many a script costs more than that is worth.
const fewestTogether = 32

/** Increments of one tick on one stream share one script, one deadline and one breaker call, as reads share an MGET. */
export class GatheredAppends {
  readonly #streams: Pick<StreamCommands, 'appendIncrements'>
  readonly #gate: WriteGate
  readonly #group: GroupKeys
  readonly #settings: AppendSettings
  #waiting: Waiting[] = []

  constructor(
    streams: Pick<StreamCommands, 'appendIncrements'>,
    gate: WriteGate,
    group: GroupKeys,
    settings: AppendSettings,
  ) {
    this.#streams = streams
    this.#gate = gate
    this.#group = group
    this.#settings = settings
  }

  append(append: AppendIncrement): Promise<AppendedIncrement | NotAppended> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ append, resolve, reject })
      if (this.#waiting.length === 1) process.nextTick(() => this.#send())
    })
  }

  #send(): void {
    const waiting = this.#waiting
    this.#waiting = []
    const size = Math.min(mostTogether, Math.max(fewestTogether, Math.ceil(waiting.length / 2)))
    for (let from = 0; from < waiting.length; from += size) void this.#sendTogether(waiting.slice(from, from + size))
  }

  async #sendTogether(some: readonly Waiting[]): Promise<void> {
    try {
      const all = some.map(({ append }) => append)
      const append = () => this.#streams.appendIncrements(this.#group, this.#settings, all)
      // A stream at its bound has written nothing, which says nothing of Redis.
      const outcome = await this.#gate.run('essential', append, (values) => values !== undefined)
      const none = outcome === undefined ? 'full' : typeof outcome === 'string' ? 'refused' : undefined
      const values = typeof outcome === 'object' ? outcome : []
      some.forEach(({ resolve }, index) => {
        resolve(none ?? { value: values[index] })
      })
    } catch (error) {
      for (const { reject } of some) reject(error)
    }
  }
}
