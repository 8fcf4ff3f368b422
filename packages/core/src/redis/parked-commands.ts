import type { RedisCommands } from './commands.ts'
import * as scripts from './parked-scripts.ts'
import type { StreamKeys } from './stream-commands.ts'
import { type StreamEntry, toEntry } from './stream-entry.ts'

/** Some of what is parked of one stream. */
export interface ParkedEntries {
  /** Of all that is parked there; undefined where nothing is. */
  readonly lastId: string | undefined
  readonly entries: readonly StreamEntry[]
}

/** One parked operation on its way back. */
export interface Retry {
  readonly id: string
  readonly value: string
  readonly lease: string
  readonly message: string
}

/** What is asked of Redis about operations that could not be saved. */
export class ParkedCommands {
  readonly #commands: RedisCommands

  constructor(commands: RedisCommands) {
    this.#commands = commands
  }

  /** Both ends count; `(` before the first one leaves it out. */
  async list({ parked }: StreamKeys, first: string, last: string, most: number): Promise<ParkedEntries> {
    const budget = this.#commands.budget()
    const reply = await this.#commands.readByScript(scripts.listParked, [parked], [first, last, most], budget)
    const [, lastId, entries] = reply as [number, Buffer, [Buffer, Buffer[]][]]
    return { lastId: lastId.length === 0 ? undefined : lastId.toString(), entries: entries.map(toEntry) }
  }

  async discard({ parked }: StreamKeys, ids: readonly string[]): Promise<StreamEntry[]> {
    const budget = this.#commands.budget()
    const reply = await this.#commands.writeByScript(scripts.discardParked, [parked], ids, budget)
    return (reply as [Buffer, Buffer[]][]).map(toEntry)
  }

  /** How many; undefined where the stream has no room for all of them. */
  async retry(
    { stream, waiting, parked }: StreamKeys,
    mostWaiting: number,
    channel: string | undefined,
    all: readonly Retry[],
  ): Promise<number | undefined> {
    for (const { value } of all) this.#commands.noteWrite(value)
    const names = [stream, waiting, parked, ...all.flatMap(({ value, lease }) => [value, lease])]
    const args = [mostWaiting, channel ?? '', ...all.flatMap(({ id, message }) => [id, message])]
    const retried = await this.#commands.writeByScript(scripts.retryParked, names, args, this.#commands.budget())
    return typeof retried === 'number' && retried >= 0 ? retried : undefined
  }
}
