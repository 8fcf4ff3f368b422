import type { GroupKeys } from '../entry/key.ts'
import type { StreamCommands, Taken } from '../redis/stream-commands.ts'
import { mostTaken } from './script-bounds.ts'

/** A process that is killed while it flushes is replaced after so long, in milliseconds. */
export const lockTtl = 5_000

/** The turns of one process at one stream: in each it takes the lock, or finds it held, and what it is to save with it. */
export class Turns {
  readonly #streams: Pick<StreamCommands, 'take' | 'takeMore' | 'renewLock'>
  readonly #group: GroupKeys
  readonly #consumer: string
  #count = 0

  constructor(streams: Pick<StreamCommands, 'take' | 'takeMore' | 'renewLock'>, group: GroupKeys, consumer: string) {
    this.#streams = streams
    this.#group = group
    this.#consumer = consumer
  }

  /** Of the turn that was begun last. */
  get name(): string {
    return `${this.#consumer}.${this.#count}`
  }

  /** Takes up to `most` entries; `again`: so many of them have been taken before and come first. */
  async begin(most: number, again: number): Promise<Taken> {
    this.#count += 1
    const streams = this.#streams
    const atOnce = Math.min(most, mostTaken + again)
    const first = await streams.take(this.#group, this.#consumer, this.name, lockTtl, atOnce)
    // What is handed out again may be more than this, and is older than what is new.
    if (first.kind === 'held' || !first.inARow || first.entries.length < atOnce) return first
    const entries = [...first.entries]
    while (entries.length < most) {
      const asked = Math.min(most - entries.length, mostTaken)
      // What is lost on the way is handed out again in the next turn.
      const more = await streams.takeMore(this.#group, this.#consumer, this.name, asked).catch(() => [])
      entries.push(...more)
      if (more.length < asked) break
    }
    return { ...first, entries }
  }

  async renew(): Promise<void> {
    await this.#streams.renewLock(this.#group, this.name, lockTtl)
  }
}
