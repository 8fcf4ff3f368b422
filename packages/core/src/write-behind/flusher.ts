import type { Clock, Random } from '../clock.ts'
import type { GroupedKeySpace, GroupKeys } from '../entry/key.ts'
import type { BehindOperation, BehindSettings } from '../options/behind-options.ts'
import type { Logger } from '../options/logger.ts'
import type { Settled, StreamCommands, StreamEntry } from '../redis/stream-commands.ts'
import { type Batched, coalesce, type Unreadable } from './coalesce.ts'
import { kindOf, reasonOf, type Saving } from './saving.ts'
import type { Tallies } from './tallies.ts'

export interface FlusherParts<V> {
  readonly namespace: string
  readonly settings: BehindSettings<V>
  readonly streams: Pick<StreamCommands, 'take' | 'renewLock' | 'acknowledge' | 'park' | 'releaseLock'>
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

// A process that is killed while it flushes is replaced after so long.
const lockTtl = 5_000
const renewEvery = lockTtl / 3
const idlePause = 1_000
const firstRetry = 100
// Below the lock's ttl, so that it is kept and the source is tried by one process, not by all of them in turn.
const longestRetry = 3_000
// Bad operations stay with the group until they are parked, and must leave room for others beside them.
const mostCarried = 10

/**
 * Saves what waits in one stream. Of all processes one at a time does, who holds the lock, and by one batch at a time: what is of one
 * key reaches the source in the order in which it was written. The lock is for order and for peace, not for exactness: that is the source's, by ids and sequences.
 */
export class Flusher<V> {
  readonly #parts: FlusherParts<V>
  readonly #group: GroupKeys
  /** How often the operation of a key has failed, while others were saved. */
  readonly #failures = new Map<string, number>()
  #carried = 0
  #failedRounds = 0
  #idleRounds = 0
  #round: Promise<void> | undefined
  #timer: unknown
  #nextAt = 0
  #closed = false
  depth = 0
  age = 0
  holdsLock = false
  failure: string | undefined

  constructor(parts: FlusherParts<V>, group: GroupKeys) {
    this.#parts = parts
    this.#group = group
    this.#schedule(0)
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
      await this.#round
      this.#cancel()
      const pause = await this.#run()
      if (pause === undefined) return false
      if (!this.holdsLock) return this.depth === 0
    } while (this.depth > 0 && !this.#closed)
    return true
  }

  /** Lets a batch that has begun end, and gives the lock back. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancel()
    await this.#round
    if (this.holdsLock) await this.#parts.streams.releaseLock(this.#group, this.#parts.consumer).catch(() => {})
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
    const { streams, consumer, settings, tallies, random, clock } = this.#parts
    const most = settings.batch + Math.min(this.#carried, mostCarried * settings.batch)
    const taken = await streams.take(this.#group, consumer, lockTtl, most)
    this.depth = taken.depth
    this.age = taken.age
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
    const settled = await this.#keepingLock(() => this.#save(taken.entries))
    this.depth = Math.max(0, taken.depth - settled)
    tallies.lagSeconds.observe(Math.max(0, taken.age + clock.now() - began) / 1_000)
    return taken.entries.length >= most ? 0 : settings.delay
  }

  /** How many entries have left the stream. */
  async #save(entries: readonly StreamEntry[]): Promise<number> {
    const { saving, settings, tallies, decode } = this.#parts
    const { batched, unreadable } = coalesce(entries, decode)
    let settled = 0
    for (const one of unreadable) settled += await this.#parkUnreadable(one)
    if (batched.length === 0) return settled
    const operationOf = ({ operation }: Batched<V>): BehindOperation<V> => operation
    if (this.#failedRounds === 0 && this.#carried === 0) {
      try {
        await saving.saveAll(batched.map(operationOf))
      } catch (error) {
        // Most failures are the source's, and pass. The next round finds out whose this one is.
        tallies.retried += 1
        this.#carried = entries.length
        throw error
      }
      this.#carried = 0
      return settled + (await this.#acknowledge(batched))
    }
    const { saved, failed, error } = await saving.saveApart(batched, operationOf)
    if (saved.length > 0) settled += await this.#acknowledge(saved)
    if (saved.length < batched.length) tallies.retried += 1
    this.#carried = error === undefined ? 0 : entries.length
    for (const { one, error: why } of failed) {
      const { key } = one.operation
      const failures = (this.#failures.get(key) ?? 0) + 1
      if (failures >= settings.attempts) {
        settled += await this.#park(one.entries, this.#settledOf(one), reasonOf(why), kindOf(why))
        this.#failures.delete(key)
      } else {
        this.#failures.set(key, failures)
        this.#carried += one.entries.length
      }
    }
    if (error !== undefined) throw error
    for (const { operation } of saved) this.#failures.delete(operation.key)
    return settled
  }

  async #acknowledge(saved: readonly Batched<V>[]): Promise<number> {
    const { streams, consumer, tallies, settings } = this.#parts
    const ids = saved.flatMap(({ entries }) => entries.map(({ id }) => id))
    const drop = settings.sequence !== undefined
    const settled = saved.map((one) => this.#settledOf(one))
    // Where the lock was lost another process saves them once more, and the source drops them.
    this.holdsLock = await streams.acknowledge(this.#group, consumer, ids, settled, drop)
    tallies.saved += ids.length
    tallies.batches += 1
    return ids.length
  }

  #settledOf({ operation, entries, schemaVersion }: Batched<V>): Settled {
    const sum = operation.kind === 'increment' ? operation.increment : 0
    return { value: this.#parts.keys.valueOf(operation.key, schemaVersion), count: entries.length, sum }
  }

  #parkUnreadable({ entry, key, schemaVersion }: Unreadable): Promise<number> {
    const value = this.#parts.keys.valueOf(key, schemaVersion)
    return this.#park([entry], { value, count: 1, sum: 0 }, 'unreadable', 'unreadable')
  }

  async #park(entries: readonly StreamEntry[], settled: Settled, reason: string, kind: string): Promise<number> {
    const { streams, consumer, settings, tallies, logger, namespace } = this.#parts
    const ids = entries.map(({ id }) => id)
    const lost = await streams.park(this.#group, consumer, ids, settled, reason, settings.maxParked)
    if (lost === undefined) return 0
    tallies.parked += ids.length
    tallies.parkedLost += lost
    logger.error(
      { namespace, operations: ids.length, error: kind },
      'write-behind: operations could not be saved and are parked',
    )
    if (lost > 0)
      logger.error({ namespace, operations: lost }, 'write-behind: parked operations are lost: more than maxParked')
    return ids.length
  }

  async #keepingLock<T>(work: () => Promise<T>): Promise<T> {
    const { streams, consumer, clock } = this.#parts
    let timer: unknown
    const renewLater = () => {
      timer = clock.setTimeout(() => {
        renewLater()
        streams.renewLock(this.#group, consumer, lockTtl).catch(() => {})
      }, renewEvery)
    }
    renewLater()
    try {
      return await work()
    } finally {
      clock.clearTimeout(timer)
    }
  }
}
