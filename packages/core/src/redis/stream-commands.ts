import type { EntryKeys } from '../entry/key.ts'
import type { Budget } from './budget.ts'
import type { RedisCommands } from './commands.ts'
import type { Script } from './scripts.ts'
import { type StreamEntry, toEntry } from './stream-entry.ts'
import * as scripts from './stream-scripts.ts'

/** The one consumer group of a stream. */
const group = 'flushers'

export interface StreamKeys {
  readonly stream: string
  readonly waiting: string
  readonly lock: string
  readonly parked: string
}

export interface Backlog {
  readonly depth: number
  /** Of the oldest entry, in milliseconds. */
  readonly age: number
  /** Entries that could not be saved and were put aside. */
  readonly parked: number
}

export type Taken =
  /** Another process flushes; it has the lock for so many milliseconds more at most. */
  | (Backlog & { readonly kind: 'held'; readonly lockedFor: number })
  | (Backlog & {
      readonly kind: 'taken'
      readonly entries: readonly StreamEntry[]
      readonly takenOver: number
      readonly inARow: boolean
    })

/** Entries that leave the stream together. */
export interface HandedOut {
  readonly ids: readonly string[]
  /** Whether they are, in this order, all that was taken in this turn, and none of them was handed out before. */
  readonly inARow: boolean
}

/** What is flushed of one value. */
export interface Settled {
  readonly value: string
  readonly count: number
  readonly sum: number
}

/** Why something is parked. */
export interface Reason {
  readonly text: string
  /** How often it was tried. */
  readonly attempts: number
}

export interface Waiting {
  readonly count: number
  /** Of increments. */
  readonly sum: number
  /** How far the group has been handed out. */
  readonly delivered: string
  /** Whether some of what waits may be on its way to the source. */
  readonly flushing: boolean
}

/** What of an append is the same for all operations of a namespace. */
export interface AppendSettings {
  readonly schemaVersion: number
  readonly mostWaiting: number
  /** Who is to be told; none where nobody keeps values locally. */
  readonly channel: string | undefined
}

/** One operation on its way into a stream. */
export interface Append {
  readonly id: string
  readonly key: string
  /** The value's key in Redis. */
  readonly value: string
  readonly message: string
}

export interface AppendIncrement extends Append {
  readonly by: number
}

/** What write-behind asks of Redis. Nothing blocks there, so the connections for data do. */
export class StreamCommands {
  readonly #commands: RedisCommands

  constructor(commands: RedisCommands) {
    this.#commands = commands
  }

  /** Operations on one stream. The numbers after them, each where it was cached; undefined where as many entries wait as may. */
  async appendIncrements(
    keys: StreamKeys,
    { mostWaiting, schemaVersion, channel }: AppendSettings,
    all: readonly AppendIncrement[],
  ): Promise<(number | undefined)[] | undefined> {
    const names = [keys.stream, keys.waiting]
    const args: (string | number)[] = [mostWaiting, schemaVersion, channel ?? '']
    for (const { id, key, value, by, message } of all) {
      this.#commands.noteWrite(value)
      names.push(value)
      args.push(id, key, by, message)
    }
    const [taken, ...values] = (await this.#run(scripts.appendIncrements, names, args)) as [number, ...Buffer[]]
    if (taken === 0) return undefined
    return values.map((text) => (text.length === 0 ? undefined : Number(text.toString())))
  }

  /** False where as many entries wait as may. */
  async appendValue(
    keys: StreamKeys,
    { mostWaiting, schemaVersion, channel }: AppendSettings,
    { id, key, value, message }: Append,
    lease: string,
    entry: Buffer,
    sequence: number | undefined,
  ): Promise<boolean> {
    this.#commands.noteWrite(value)
    const names = [value, keys.stream, keys.waiting, lease]
    const args = [id, key, entry, mostWaiting, schemaVersion, channel ?? '', message, sequence ?? '']
    const [taken] = (await this.#run(scripts.appendValue, names, args)) as [number]
    return taken === 1
  }

  /**
   * Takes the lock and up to `most` entries: first what is not acknowledged, whoever took it, then what is new. `turn` begins with the consumer, and
   * is new each time: what an earlier turn is late to say of the entries is not believed.
   */
  async take(keys: StreamKeys, consumer: string, turn: string, lockTtl: number, most: number): Promise<Taken> {
    const args = [group, consumer, turn, lockTtl, most]
    const names = [keys.stream, keys.lock, keys.waiting, keys.parked]
    const reply = (await this.#run(scripts.take, names, args)) as [
      ...[number, number, number, number],
      [Buffer, Buffer[]][],
      ...[number, number | undefined],
    ]
    const [kind, depth, age, fourth, entries, parked, before] = reply
    if (kind === 0) return { kind: 'held', depth, age, parked, lockedFor: fourth }
    const taken = { depth, age, parked, takenOver: fourth, inARow: before === 0 }
    return { ...taken, kind: 'taken', entries: entries.map(toEntry) }
  }

  /** New entries besides those of this turn. None where the lock is lost. */
  async takeMore({ stream, lock }: StreamKeys, consumer: string, turn: string, most: number): Promise<StreamEntry[]> {
    const entries = await this.#run(scripts.takeMore, [stream, lock], [group, consumer, turn, most])
    return (entries as [Buffer, Buffer[]][]).map(toEntry)
  }

  /** False where the lock is lost. */
  async renewLock({ lock }: StreamKeys, turn: string, lockTtl: number): Promise<boolean> {
    return (await this.#run(scripts.renewLock, [lock], [turn, lockTtl])) === 1
  }

  /** False where the lock is lost, and with it the right to say what is flushed. */
  async acknowledge(
    keys: StreamKeys,
    turn: string,
    { ids, inARow }: HandedOut,
    values: readonly Settled[],
    dropValues: boolean,
  ): Promise<boolean> {
    const names = [keys.stream, keys.lock, keys.waiting]
    const args: (string | number)[] = [group, turn, dropValues ? '1' : '0', inARow ? '1' : '0']
    for (const { value, count, sum } of values) {
      names.push(value)
      args.push(count, sum)
    }
    for (const id of ids) args.push(id)
    return (await this.#run(scripts.acknowledge, names, args)) === 1
  }

  /** How many found no room and stay where they are: all or none. Undefined where the lock is lost. */
  async park(
    keys: StreamKeys,
    turn: string,
    ids: readonly string[],
    { value, sum }: Settled,
    { text, attempts }: Reason,
    mostParked: number,
  ): Promise<number | undefined> {
    const names = [keys.stream, keys.lock, keys.waiting, keys.parked, value]
    const left = await this.#run(scripts.park, names, [group, turn, mostParked, text, sum, attempts, ...ids])
    return typeof left === 'number' && left >= 0 ? left : undefined
  }

  async releaseLock({ stream, lock }: StreamKeys, consumer: string): Promise<void> {
    await this.#run(scripts.releaseLock, [stream, lock], [group, consumer])
  }

  async look({ stream, waiting }: StreamKeys, value: string, budget: Budget): Promise<Waiting> {
    const reply = await this.#run(scripts.lookAtWaiting, [stream, waiting], [group, value], budget)
    const [count, sum, delivered, flushing] = reply as [Buffer, Buffer, Buffer, number]
    return { count: Number(count), sum: Number(sum), delivered: delivered.toString(), flushing: flushing === 1 }
  }

  /** False where the lease is lost, or something was flushed since the source was read. */
  async storeCounter(
    entryKeys: EntryKeys,
    keys: StreamKeys,
    seen: Pick<Waiting, 'delivered' | 'sum'>,
    [token, entry, ttl, channel, wake]: readonly [string, Buffer, number, string, string],
    budget: Budget,
  ): Promise<boolean> {
    const names = [entryKeys.value, entryKeys.lease, keys.stream, keys.waiting]
    const args = [token, entry, ttl, channel, wake, group, seen.delivered, seen.sum]
    return (await this.#run(scripts.storeCounter, names, args, budget)) === 1
  }

  /** The eviction policy in force; `noeviction` where there is no limit. Undefined where Redis does not tell. */
  async evictionPolicy(): Promise<string | undefined> {
    const info = await this.#commands.memoryInfo()
    if (/^maxmemory:0\r?$/m.test(info)) return 'noeviction'
    return /^maxmemory_policy:(\S+)/m.exec(info)?.[1]
  }

  #run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
    budget = this.#commands.budget(),
  ): Promise<unknown> {
    return this.#commands.writeByScript(script, keys, args, budget)
  }
}
