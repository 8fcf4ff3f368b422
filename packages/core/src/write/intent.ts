import type { Clock } from '../clock.ts'
import type { EntryKeys } from '../entry/key.ts'
import type { WriteRemote } from './write-through.ts'

// As a lease: renewed while the save runs, so that a killed writer blocks the loaders of its key for 2 s at most.
export const intentTtl = 2_000
const renewEvery = 600
const longestRenewal = 30_000

/** A write that has announced itself and must be waited for. */
export class Intent {
  readonly keys: EntryKeys
  readonly token: string
  stored = false
  readonly #remote: WriteRemote
  readonly #clock: Clock
  readonly #until: number
  #timer: unknown

  constructor(remote: WriteRemote, clock: Clock, keys: EntryKeys, token: string) {
    this.#remote = remote
    this.#clock = clock
    this.keys = keys
    this.token = token
    this.#until = clock.now() + longestRenewal
    this.#schedule()
  }

  end(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  #schedule(): void {
    // A save that never ends must not keep the loaders of its key away for ever.
    if (this.#clock.now() >= this.#until) return
    this.#timer = this.#clock.setTimeout(() => {
      this.#schedule()
      const { commands, entries } = this.#remote
      entries.renewLease(this.keys, this.token, intentTtl, commands.budget()).catch(() => {})
    }, renewEvery)
  }
}
