import type { EntryKeys } from '../entry/key.ts'
import { Budget } from './budget.ts'
import type { RedisCommands } from './commands.ts'
import * as scripts from './scripts.ts'
import type { Client } from './topology.ts'

/** `superseded`: what is there is newer. */
export type StoredWrite = 'unlinked' | 'stored' | 'refused' | 'superseded'

const storedWrites: readonly StoredWrite[] = ['unlinked', 'stored', 'refused', 'superseded']

export type Acquired =
  | { readonly kind: 'acquired' }
  | { readonly kind: 'held' }
  | { readonly kind: 'arrived'; readonly value: Buffer }

/** What is asked of Redis about entries and their leases: loads, writes, invalidations. */
export class EntryCommands {
  readonly #commands: RedisCommands

  constructor(commands: RedisCommands) {
    this.#commands = commands
  }

  async acquireLease(
    keys: EntryKeys,
    token: string,
    ttl: number,
    seen: string | Buffer,
    wait: boolean,
    budget: Budget,
  ): Promise<Acquired> {
    const args = [token, ttl, seen, wait ? '1' : '0']
    const reply = await this.#script(keys, scripts.acquireLease, [keys.value, keys.lease], args, budget)
    const [kind, value] = reply as [number, Buffer?]
    if (kind === 2 && value !== undefined) return { kind: 'arrived', value }
    return { kind: kind === 1 ? 'acquired' : 'held' }
  }

  /** A lease that a full Redis gives too. */
  async acquireUpdateLease(keys: EntryKeys, token: string, ttl: number, budget: Budget): Promise<Acquired> {
    const args = [token, ttl, '-', '1']
    const reply = await this.#script(keys, scripts.acquireUpdateLease, [keys.value, keys.lease], args, budget)
    const [kind] = reply as [number]
    return { kind: kind === 1 ? 'acquired' : 'held' }
  }

  /** False where the lease is lost. */
  async renewLease(keys: EntryKeys, token: string, ttl: number, budget: Budget): Promise<boolean> {
    return (await this.#script(keys, scripts.renewLease, [keys.lease], [token, ttl], budget)) === 1
  }

  /** False where nothing was stored: the lease is lost, or what is there is newer. */
  async storeUnderLease(
    keys: EntryKeys,
    token: string,
    entry: Buffer,
    ttl: number,
    channel: string,
    wake: string,
    budget: Budget,
    version?: Buffer,
  ): Promise<boolean> {
    const args = [token, entry, ttl, channel, wake]
    const { script, args: all } =
      version === undefined
        ? { script: scripts.storeUnderLease, args }
        : { script: scripts.storeVersionUnderLease, args: [...args, version, '0'] }
    return (await this.#script(keys, script, [keys.value, keys.lease], all, budget)) === 1
  }

  async releaseLease(keys: EntryKeys, token: string, channel: string, wake: string, budget: Budget): Promise<void> {
    await this.#script(keys, scripts.releaseLease, [keys.lease], [token, channel, wake], budget)
  }

  /** Without a lease: whether it was stored, because it is newer than what is there, or `fill` allows it where there is nothing. */
  async storeVersion(
    keys: EntryKeys,
    entry: Buffer,
    ttl: number,
    version: Buffer,
    fill: boolean,
    budget: Budget,
  ): Promise<boolean> {
    const args = ['', entry, ttl, '', '', version, fill ? '1' : '0']
    return (await this.#script(keys, scripts.storeVersionUnderLease, [keys.value, keys.lease], args, budget)) === 1
  }

  /** A plain SET, for namespaces without leases. */
  async store(keys: EntryKeys, entry: Buffer, ttl: number, budget: Budget): Promise<void> {
    await this.#commands.write(keys.value, (client) => client.set(keys.value, entry, 'PX', ttl), budget)
  }

  async placeIntent(keys: EntryKeys, token: string, ttl: number, budget: Budget): Promise<void> {
    this.#commands.noteWrite(keys.value)
    await this.#script(keys, scripts.placeIntent, [keys.lease], [token, ttl], budget)
  }

  /**
   * Without a message nothing is published: the news of many are told together. `alone`: Redis alone holds the value, and
   * keeps the older one where it does not take this.
   */
  async storeWrite(
    keys: EntryKeys,
    token: string,
    entry: Buffer,
    ttl: number,
    channel: string,
    message: string,
    budget: Budget,
    version: Buffer | undefined,
    alone: boolean,
  ): Promise<StoredWrite> {
    this.#commands.noteWrite(keys.value)
    const args = [token, entry, ttl, channel, message, alone ? '1' : '0']
    const { script, args: all } =
      version === undefined
        ? { script: scripts.storeWrite, args }
        : { script: scripts.storeVersionWrite, args: [...args, version] }
    const reply = await this.#script(keys, script, [keys.value, keys.lease], all, budget)
    return storedWrites[Number(reply)] ?? 'unlinked'
  }

  async invalidate(keys: EntryKeys, channel: string, message: string, budget: Budget): Promise<void> {
    this.#commands.noteWrite(keys.value)
    const args = message === '' ? [channel] : [channel, message]
    await this.#script(keys, scripts.invalidate, [keys.value, keys.lease], args, budget)
  }

  /** Many at once, all with the same news: where keys lie in slots of their own they are deleted one by one, and then told. */
  async invalidateMany(
    entries: readonly EntryKeys[],
    channel: string,
    messages: readonly string[],
    budget: Budget,
  ): Promise<void> {
    const [first] = entries
    if (first === undefined) return
    for (const { value } of entries) this.#commands.noteWrite(value)
    if (this.#commands.topology.kind !== 'cluster') {
      const keys = entries.flatMap(({ value, lease }) => [value, lease])
      await this.#script(first, scripts.invalidate, keys, [channel, ...messages], budget)
      return
    }
    const { left } = budget
    await Promise.all(
      entries.map((keys) =>
        this.#script(keys, scripts.invalidate, [keys.value, keys.lease], [channel], new Budget(left)),
      ),
    )
    for (const message of messages) await this.#commands.publish(channel, message)
  }

  /** Forgets values and leases, each pair in a slot of its own, by commands that are sent together. */
  async unlinkEntries(entries: readonly EntryKeys[], budget: Budget): Promise<void> {
    const [first] = entries
    if (first === undefined) return
    const unlinkAll = (client: Client) => Promise.all(entries.map(({ value, lease }) => client.unlink(value, lease)))
    await this.#commands.write(first.value, unlinkAll, budget)
  }

  #script(
    entry: EntryKeys,
    script: scripts.Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
    budget: Budget,
  ): Promise<unknown> {
    // By the value's key, whichever keys the script takes: lease, intent and store of one entry keep their order.
    return this.#commands.write(entry.value, (client) => scripts.runScript(client, script, keys, args), budget)
  }
}
