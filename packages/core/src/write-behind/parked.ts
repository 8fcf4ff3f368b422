import type { GroupedKeySpace, GroupKeys } from '../entry/key.ts'
import { InvalidArgumentError, ParkedUnavailableError } from '../errors.ts'
import type { WriteGate } from '../pressure/write-gate.ts'
import type { ParkedCommands, Retry } from '../redis/parked-commands.ts'
import type { StreamEntry } from '../redis/stream-entry.ts'

interface ParkedFacts {
  /** Where it stands among what is parked: names it to `retryParked` and `discardParked`. A retry that fails parks it at another place. */
  readonly place: string
  /** The operation's own id, which it keeps on every way. */
  readonly id: string
  readonly key: string
  /** The latest error of `saveMany`, with its message. */
  readonly reason: string
  /** How often it had been tried when it was parked; 0 where it could not be read. */
  readonly attempts: number
  /** When it was written and when it was parked, by Redis's clock, in milliseconds since the epoch. */
  readonly writtenAt: number
  readonly parkedAt: number
}

/** A write-behind operation that could not be saved and was put aside. `unreadable`: written by another release, perhaps. */
export type ParkedOperation<V> = ParkedFacts &
  (
    | { readonly kind: 'increment'; readonly increment: number }
    | { readonly kind: 'set'; readonly value: V }
    | { readonly kind: 'unreadable' }
  )

export interface ParkedPage<V> {
  /** The oldest first; on a cluster one slot group after the other. */
  readonly operations: readonly ParkedOperation<V>[]
  /** To be handed to the next call as `after`; undefined after the last page. */
  readonly next: string | undefined
}

export interface ListParkedOptions {
  /** 1 to 1,000. Default 100. */
  limit?: number
  /** `next` of the page before. */
  after?: string
}

export interface ParkedParts<V> {
  readonly namespace: string
  readonly commands: Pick<ParkedCommands, 'list' | 'discard' | 'retry'>
  readonly gate: Pick<WriteGate, 'run'>
  readonly keys: GroupedKeySpace
  readonly mostWaiting: number
  readonly channel: string | undefined
  decode(bytes: Buffer): { readonly value: V } | undefined
  messageOf(key: string): string
  /** Makes this process forget what it knows of these keys while `work` changes them in Redis. */
  forgetting<T>(keys: readonly string[], work: () => Promise<T>): Promise<T>
  /** Something waits in this group again. */
  wake(group: number): void
}

interface Place {
  readonly group: number
  readonly id: string
}

// One script blocks Redis while it runs.
const mostTogether = 100
const mostListed = 1_000

/** The operations of one namespace that are parked: to be looked at, tried again, or thrown away by name. */
export class Parked<V> {
  readonly #parts: ParkedParts<V>

  constructor(parts: ParkedParts<V>) {
    this.#parts = parts
  }

  /** @throws InvalidArgumentError, ParkedUnavailableError */
  async list({ limit = 100, after }: ListParkedOptions): Promise<ParkedPage<V>> {
    if (!Number.isInteger(limit) || limit < 1 || limit > mostListed) {
      throw new InvalidArgumentError('limit', 'expected a whole number from 1 to 1,000')
    }
    const { commands, keys } = this.#parts
    const start = after === undefined ? { group: 0, id: '' } : this.#parse('after', after)
    const operations: ParkedOperation<V>[] = []
    for (let group = start.group; group < keys.groups.length && operations.length < limit; group++) {
      const first = group === start.group && start.id !== '' ? `(${start.id}` : '-'
      const { entries } = await this.#reach(() =>
        commands.list(this.#groupOf(group), first, '+', limit - operations.length),
      )
      operations.push(...entries.map((entry) => this.#operationOf(group, entry)))
    }
    return { operations, next: operations.length < limit ? undefined : operations.at(-1)?.place }
  }

  /** @throws InvalidArgumentError, ParkedUnavailableError */
  async retry(places: readonly string[] | 'all'): Promise<number> {
    let retried = 0
    if (places !== 'all') {
      for (const [group, ids] of this.#byGroup(places)) {
        for (const some of inChunks(ids)) retried += await this.#retrySome(group, await this.#entriesAt(group, some))
      }
      return retried
    }
    for (let group = 0; group < this.#parts.keys.groups.length; group++) retried += await this.#retryAll(group)
    return retried
  }

  /** @throws InvalidArgumentError, ParkedUnavailableError */
  async discard(places: readonly string[]): Promise<ParkedOperation<V>[]> {
    const discarded: ParkedOperation<V>[] = []
    for (const [group, ids] of this.#byGroup(places)) {
      for (const some of inChunks(ids)) {
        const entries = await this.#reach(() => this.#parts.commands.discard(this.#groupOf(group), some))
        discarded.push(...entries.map((entry) => this.#operationOf(group, entry)))
      }
    }
    return discarded
  }

  /** Up to what was the last one at the beginning, for those that fail again come back at the end. */
  async #retryAll(group: number): Promise<number> {
    const list = (first: string, last: string) =>
      this.#reach(() => this.#parts.commands.list(this.#groupOf(group), first, last, mostTogether))
    let retried = 0
    let { entries, lastId: last } = await list('-', '+')
    while (entries.length > 0 && last !== undefined) {
      retried += await this.#retrySome(group, entries)
      const listed = entries.at(-1)?.id
      entries = listed === undefined || listed === last ? [] : (await list(`(${listed}`, last)).entries
    }
    return retried
  }

  async #retrySome(group: number, entries: readonly StreamEntry[]): Promise<number> {
    if (entries.length === 0) return 0
    const { commands, gate, keys, mostWaiting, channel, messageOf, forgetting, wake } = this.#parts
    const names = this.#groupOf(group)
    const all = entries.map((entry): Retry => {
      const key = text(entry, 'k')
      const version = Number(text(entry, 's'))
      const [value, lease] = [keys.valueIn(names, key, version), keys.leaseIn(names, key, version)]
      return { id: entry.id, value, lease, message: messageOf(key) }
    })
    const retry = () => gate.run('essential', () => commands.retry(names, mostWaiting, channel, all), isRoom)
    const retried = await this.#reach(() => forgetting([...new Set(entries.map((one) => text(one, 'k')))], retry))
    if (retried === undefined) throw this.#unavailable('as many operations wait as behind.maxWaiting allows')
    if (typeof retried === 'string') throw this.#unavailable('Redis is full or refuses writes')
    wake(group)
    return retried
  }

  async #entriesAt(group: number, ids: readonly string[]): Promise<StreamEntry[]> {
    const { commands } = this.#parts
    const found = await this.#reach(() => Promise.all(ids.map((id) => commands.list(this.#groupOf(group), id, id, 1))))
    return found.flatMap(({ entries }) => entries)
  }

  #operationOf(group: number, entry: StreamEntry): ParkedOperation<V> {
    const facts = {
      place: `${group}/${entry.id}`,
      ...{ id: text(entry, 'o'), key: text(entry, 'k'), reason: text(entry, 'reason') },
      attempts: Number(text(entry, 'attempts')),
      writtenAt: Math.floor(leading(text(entry, 'sequence')) / 1_000),
      parkedAt: leading(entry.id),
    }
    const by = text(entry, 'b')
    if (by !== '' && Number.isSafeInteger(Number(by))) return { ...facts, kind: 'increment', increment: Number(by) }
    const bytes = entry.field('v')
    const decoded = bytes && this.#parts.decode(bytes)
    return decoded === undefined ? { ...facts, kind: 'unreadable' } : { ...facts, kind: 'set', value: decoded.value }
  }

  /** The IDs of each group. */
  #byGroup(places: readonly string[]): Map<number, string[]> {
    if (!Array.isArray(places)) throw new InvalidArgumentError('places', 'expected an array of places')
    const byGroup = new Map<number, string[]>()
    for (const place of new Set(places)) {
      const { group, id } = this.#parse('places', place)
      byGroup.set(group, [...(byGroup.get(group) ?? []), id])
    }
    return byGroup
  }

  #parse(argument: string, place: unknown): Place {
    const [, group = '', id = ''] = (typeof place === 'string' && /^(\d{1,3})\/(\d{1,16}-\d{1,16})$/.exec(place)) || []
    if (id !== '' && Number(group) < this.#parts.keys.groups.length) return { group: Number(group), id }
    throw new InvalidArgumentError(argument, 'expected what listParked has told as place or next')
  }

  #groupOf(group: number): GroupKeys {
    return this.#parts.keys.groups[group] as GroupKeys
  }

  async #reach<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#unavailable('Redis does not answer', error)
    }
  }

  #unavailable(reason: string, cause?: unknown): ParkedUnavailableError {
    return new ParkedUnavailableError(this.#parts.namespace, reason, cause)
  }
}

const isRoom = (retried: number | undefined): boolean => retried !== undefined

function text(entry: StreamEntry, name: string): string {
  return entry.text(name) ?? ''
}

function leading(id: string): number {
  return Number(id.split('-', 1)[0])
}

function inChunks(ids: readonly string[]): string[][] {
  const chunks: string[][] = []
  for (let from = 0; from < ids.length; from += mostTogether) chunks.push(ids.slice(from, from + mostTogether))
  return chunks
}
