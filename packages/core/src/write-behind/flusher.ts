import type { Clock, Random } from '../clock.ts'
import type { GroupedKeySpace, GroupKeys } from '../entry/key.ts'
import type { BehindOperation, BehindSettings } from '../options/behind-options.ts'
import type { Logger } from '../options/logger.ts'
import type { Settled, StreamCommands, Taken } from '../redis/stream-commands.ts'
import type { StreamEntry } from '../redis/stream-entry.ts'
import { type Batched, coalesce, type Share } from './coalesce.ts'
import { NotReadable, ParkedFull, Parking } from './parking.ts'
import { kindOf, type Saving } from './saving.ts'
import { mostAcknowledged } from './script-bounds.ts'
import type { Tallies } from './tallies.ts'
import { lockTtl, Turns } from './turns.ts'
import { whileRenewing } from './while-renewing.ts'

export interface FlusherParts<V> {
  readonly namespace: string
  readonly settings: BehindSettings<V>
  readonly streams: Pick<StreamCommands, 'take' | 'takeMore' | 'renewLock' | 'acknowledge' | 'park' | 'releaseLock'>
  readonly keys: GroupedKeySpace
  readonly saving: Saving<V>
  readonly tallies: Tallies
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** This process, as a consumer and as a holder of locks. */
  readonly consumer: string
  decode(bytes: Buffer): { readonly value: V } | undefined
}

const renewEvery = lockTtl / 3
const idlePause = 1_000
const firstRetry = 100
// Below the lock's ttl, so that it is kept and the source is tried by one process, not by all of them in turn.
const longestRetry = 3_000
// Batches. Bad operations stay with the group until they are parked, and must leave room for others beside them.
const mostCarried = 10
// Entries. They come by one script, which is to be answered in time.
const mostClaimed = 10_000

/**
 * Saves what waits in one stream. Of all processes one at a time does, who holds the lock, and by one batch at a time: what is of one
 * key reaches the source in the order in which it was written. The lock is for order and for peace, not for exactness: that is the source's, by ids and sequences.
 */
export class Flusher<V> {
  readonly #parts: FlusherParts<V>
  readonly #group: GroupKeys
  readonly #parking: Parking
  readonly #turns: Turns
  /** How often the operation of a key has failed, while others were saved. */
  readonly #failures = new Map<string, number>()
  #carried = 0
  #failedRounds = 0
  #idleRounds = 0
  #round: Promise<void> | undefined
  #timer: unknown
  #nextAt = 0
  #closed = false
  /** Of the oldest entry when it was looked at, and when that was. */
  #ageThen = 0
  #lookedAt = 0
  depth = 0
  parked = 0
  holdsLock = false
  failure: string | undefined

  constructor(parts: FlusherParts<V>, group: GroupKeys) {
    this.#parts = parts
    this.#group = group
    this.#parking = new Parking(parts, group)
    this.#turns = new Turns(parts.streams, group, parts.consumer)
    this.#schedule(0)
  }

  /** For how long the oldest entry has waited, in milliseconds: it goes on waiting while nobody can look. */
  get age(): number {
    return this.depth === 0 ? 0 : this.#ageThen + Math.max(0, this.#parts.clock.now() - this.#lookedAt)
  }

  /** Something was appended here: not later than `delay` from now. */
  wake(): void {
    this.#idleRounds = 0
    if (this.#failedRounds > 0) return
    const { clock, settings } = this.#parts
    if (this.#timer !== undefined && this.#nextAt > clock.now() + settings.delay) this.#schedule(settings.delay)
  }

  /** Saves what waits now, as far as this process may. False where it could not. */
  async flushNow(): Promise<boolean> {
    do {
      // Of several that wait for it only one may go on: two rounds at once would acknowledge one batch twice.
      while (this.#round !== undefined) await this.#round
      if (this.#closed) return false
      this.#cancel()
      const pause = await this.#run()
      if (pause === undefined) return false
      if (!this.holdsLock) return this.depth === 0
    } while (this.depth > 0)
    return true
  }

  /** Lets a batch that has begun end, and gives the lock back. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancel()
    await this.#round
    // Whether it has it or not: a look that failed may have taken it.
    await this.#parts.streams.releaseLock(this.#group, this.#parts.consumer).catch(() => {})
    this.holdsLock = false
  }

  #cancel(): void {
    this.#parts.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #schedule(pause: number): void {
    this.#cancel()
    if (this.#closed) return
    const { clock } = this.#parts
    this.#nextAt = clock.now() + pause
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined
      void this.#run()
    }, pause)
  }

  /** One round, after which the next is due. Answers the pause until then, undefined where something failed. */
  async #run(): Promise<number | undefined> {
    let done = () => {}
    this.#round = new Promise<void>((resolve) => {
      done = resolve
    })
    const { random } = this.#parts
    let pause: number | undefined
    try {
      pause = await this.#flush()
      this.#failedRounds = 0
      this.failure = undefined
    } catch (error) {
      this.#noteFailure(error)
    }
    const retry = Math.min(longestRetry, firstRetry * 2 ** Math.min(10, this.#failedRounds - 1))
    this.#schedule(pause ?? retry * (0.75 + random() / 4))
    this.#round = undefined
    done()
    return pause
  }

  #noteFailure(error: unknown): void {
    const { logger, namespace } = this.#parts
    const kind = kindOf(error)
    // Each kind once: it is tried again many times.
    if (kind !== this.failure) logger.warn({ namespace, error: kind }, 'write-behind: what waits could not be saved')
    this.failure = kind
    this.#failedRounds += 1
  }

  async #flush(): Promise<number> {
    const { settings, tallies, random, clock } = this.#parts
    const again = Math.min(this.#carried, mostCarried * settings.batch, mostClaimed)
    const most = settings.batch + again
    const taken = await this.#turns.begin(most, again).catch((error: unknown) => {
      this.holdsLock = false
      // It may have been too much to be answered in time, and would be the next time.
      this.#carried = 0
      throw error
    })
    this.depth = taken.depth
    this.parked = taken.parked
    this.#ageThen = taken.age
    this.#lookedAt = clock.now()
    this.holdsLock = taken.kind === 'taken'
    if (taken.kind === 'held') {
      this.#carried = 0
      this.#failures.clear()
      return Math.min(idlePause, Math.max(settings.delay, taken.lockedFor)) * (1 + random())
    }
    tallies.takenOver += taken.takenOver
    if (taken.entries.length === 0) {
      this.#idleRounds += 1
      return Math.max(settings.delay, Math.min(idlePause, settings.delay * 2 ** Math.min(10, this.#idleRounds)))
    }
    this.#idleRounds = 0
    const began = clock.now()
    const settled = await whileRenewing(
      clock,
      renewEvery,
      () => this.#turns.renew(),
      () => this.#save(taken),
    )
    this.depth = Math.max(0, taken.depth - settled)
    tallies.lagSeconds.observe(Math.max(0, taken.age + clock.now() - began) / 1_000)
    return taken.entries.length < taken.depth ? 0 : settings.delay
  }

  /** How many entries have left the stream. */
  async #save({ entries, inARow }: Extract<Taken, { kind: 'taken' }>): Promise<number> {
    const { decode, keys } = this.#parts
    const { batched, unreadable } = coalesce(entries, decode)
    const isCalm = this.#failedRounds === 0 && this.#carried === 0
    this.#carried = 0
    this.#parking.full = false
    let settled = 0
    for (const { entry, key, schemaVersion } of unreadable) {
      const value = keys.valueIn(this.#group, key, schemaVersion)
      settled += await this.#park([entry], { value, count: 1, sum: 0 }, new NotReadable('no operation of ours'), 0)
    }
    settled += await (isCalm
      ? this.#saveTogether(batched, entries, inARow && unreadable.length === 0)
      : this.#saveApart(batched))
    if (this.#parking.full) throw new ParkedFull()
    return settled
  }

  async #saveTogether(
    batched: readonly Batched<V>[],
    entries: readonly StreamEntry[],
    inARow: boolean,
  ): Promise<number> {
    if (batched.length === 0) return 0
    const { saving, tallies } = this.#parts
    try {
      await saving.saveAll(batched.map(operationOf))
    } catch (error) {
      // Most failures are the source's, and pass. The next round finds out whose this one is.
      tallies.retried += 1
      this.#carry(batched)
      throw error
    }
    return await this.#acknowledge(batched, inARow ? entries : undefined)
  }

  async #saveApart(batched: readonly Batched<V>[]): Promise<number> {
    const { saving, settings, tallies } = this.#parts
    const { saved, failed, error } = await saving.saveApart(batched, operationOf)
    let settled = saved.length > 0 ? await this.#acknowledge(saved) : 0
    if (saved.length < batched.length) tallies.retried += 1
    if (error !== undefined) {
      this.#carry(batched)
      throw error
    }
    for (const { operation } of saved) this.#failures.delete(operation.key)
    for (const { one, error: why } of failed) {
      const { key } = one.operation
      const failures = (this.#failures.get(key) ?? 0) + 1
      this.#failures.set(key, failures)
      if (failures < settings.attempts) this.#carry([one])
      else {
        for (const share of one.shares) {
          settled += await this.#park(share.entries, this.#settledOf(key, share), why, failures)
        }
        // What found no room is known to be bad already.
        if (!this.#parking.full) this.#failures.delete(key)
      }
    }
    return settled
  }

  /** These stay in the stream, and come again beside what is new. */
  #carry(batched: readonly Batched<V>[]): void {
    for (const { shares } of batched) for (const { entries } of shares) this.#carried += entries.length
  }

  /** `inARow`: the entries of `saved` as they were taken, and nothing else. Answers how many have left the stream. */
  async #acknowledge(saved: readonly Batched<V>[], inARow?: readonly StreamEntry[]): Promise<number> {
    this.#parts.tallies.batches += 1
    if (saved.length <= mostAcknowledged) return await this.#acknowledgeTogether(saved, inARow)
    let left = 0
    for (let from = 0; from < saved.length; from += mostAcknowledged) {
      left += await this.#acknowledgeTogether(saved.slice(from, from + mostAcknowledged), undefined)
    }
    return left
  }

  async #acknowledgeTogether(
    saved: readonly Batched<V>[],
    inARow: readonly StreamEntry[] | undefined,
  ): Promise<number> {
    const { streams, tallies, settings } = this.#parts
    const ids = inARow?.map(({ id }) => id) ?? []
    const settled: Settled[] = []
    for (const { operation, shares } of saved) {
      for (const share of shares) {
        settled.push(this.#settledOf(operation.key, share))
        if (inARow === undefined) for (const { id } of share.entries) ids.push(id)
      }
    }
    const drop = settings.sequence !== undefined
    const handedOut = { ids, inARow: inARow !== undefined }
    // Where the lock was lost another process saves them once more, and the source drops them.
    this.holdsLock = await streams.acknowledge(this.#group, this.#turns.name, handedOut, settled, drop)
    tallies.saved += ids.length
    return ids.length
  }

  #settledOf(key: string, { schemaVersion, entries, sum }: Share): Settled {
    return { value: this.#parts.keys.valueIn(this.#group, key, schemaVersion), count: entries.length, sum }
  }

  async #park(entries: readonly StreamEntry[], settled: Settled, error: unknown, attempts: number): Promise<number> {
    const left = await this.#parking.park(this.#turns.name, entries, settled, error, attempts)
    this.#carried += entries.length - left
    this.parked += left
    return left
  }
}

function operationOf<V>({ operation }: Batched<V>): BehindOperation<V> {
  return operation
}
