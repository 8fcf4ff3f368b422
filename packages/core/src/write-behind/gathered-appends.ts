import type { GroupKeys } from '../entry/key.ts'
import type { WriteGate } from '../pressure/write-gate.ts'
import type { AppendIncrement, AppendSettings, StreamCommands } from '../redis/stream-commands.ts'

interface Waiting extends AppendIncrement {
  resolve(appended: Appended | NotAppended): void
}

export interface Appended {
  /** The number after it, where it was cached. */
  readonly value: number | undefined
}

/**
 * Redis has not taken it and is as it was: the gate held it back, Redis refused it, or as many wait as may. Or nobody knows whether it has.
 */
export type NotAppended = 'refused' | 'full' | 'unconfirmed'

// One script blocks Redis while it runs.
const mostTogether = 128
// While Redis runs one half this process hears of the other. Below so many a script costs more than that is worth.
const fewestTogether = 32

/** Increments of one tick on one stream share a few scripts, each with one deadline and one breaker call, as reads share an MGET. */
export class GatheredAppends {
  readonly #streams: Pick<StreamCommands, 'appendIncrements'>
  readonly #gate: WriteGate
  readonly #group: GroupKeys
  readonly #settings: AppendSettings
  readonly #onFailure: (error: unknown) => void
  #waiting: Waiting[] = []

  constructor(
    streams: Pick<StreamCommands, 'appendIncrements'>,
    gate: WriteGate,
    group: GroupKeys,
    settings: AppendSettings,
    onFailure: (error: unknown) => void,
  ) {
    this.#streams = streams
    this.#gate = gate
    this.#group = group
    this.#settings = settings
    this.#onFailure = onFailure
  }

  append(id: string, key: string, value: string, by: number, message: string): Promise<Appended | NotAppended> {
    return new Promise((resolve) => {
      if (this.#waiting.push({ id, key, value, by, message, resolve }) === 1) process.nextTick(this.#send)
    })
  }

  readonly #send = (): void => {
    const waiting = this.#waiting
    this.#waiting = []
    const size = Math.min(mostTogether, Math.max(fewestTogether, Math.ceil(waiting.length / 2)))
    for (let from = 0; from < waiting.length; from += size) void this.#sendTogether(waiting.slice(from, from + size))
  }

  async #sendTogether(some: readonly Waiting[]): Promise<void> {
    const append = () => this.#streams.appendIncrements(this.#group, this.#settings, some)
    try {
      // A stream at its bound has written nothing, which says nothing of Redis.
      const outcome = await this.#gate.run('essential', append, (values) => values !== undefined)
      const none = outcome === undefined ? 'full' : 'refused'
      for (let index = 0; index < some.length; index++) {
        some[index]?.resolve(typeof outcome === 'object' ? { value: outcome[index] } : none)
      }
    } catch (error) {
      this.#onFailure(error)
      for (const { resolve } of some) resolve('unconfirmed')
    }
  }
}
