import { CacheClosedError, LeaseUnavailableError, UpdateTimeoutError } from '../errors.ts'
import { Attempt } from './attempt.ts'
import { Bulkhead } from './bulkhead.ts'
import { acquireUpdateLease, type Lease } from './lease.ts'
import type { ReadParts } from './read-parts.ts'

const defaultLeaseTtl = 2_000
/** Calls of this process that wait for one key; the next is refused. */
const longestQueue = 1_000
// A message wakes those who wait; polling is for messages that get lost.
const pollFrom = 60
const pollTo = 250

/** Lets one call at a time into a key: by a queue within the process, by a lease among the processes. */
export class Exclusive<V> {
  readonly #parts: ReadParts<V>
  readonly #queues = new Map<string, Bulkhead>()

  constructor(parts: ReadParts<V>) {
    this.#parts = parts
  }

  /** Calls that have a key to themselves, or wait for one. */
  get size(): number {
    let size = 0
    for (const { running, waiting } of this.#queues.values()) size += running + waiting
    return size
  }

  /** @throws UpdateTimeoutError after `until`; SourceOverloadedError; LeaseUnavailableError unless `withoutLease` */
  async enter(key: string, until: number, wait: number, withoutLease: boolean) {
    const leaveQueue = await this.#enterQueue(key, until, wait)
    try {
      const lease = await this.#lease(key, until, wait, withoutLease)
      return {
        confirm: async () => lease === undefined || (await lease.confirm()),
        leave: () => {
          lease?.release().catch(() => {})
          leaveQueue()
        },
      }
    } catch (error) {
      leaveQueue()
      throw error
    }
  }

  async #enterQueue(key: string, until: number, wait: number): Promise<() => void> {
    const { clock, settings } = this.#parts
    const queue = this.#queues.get(key) ?? new Bulkhead(1, longestQueue, 'updates of the key in this process')
    this.#queues.set(key, queue)
    const attempt = new Attempt()
    const giveUp = () => attempt.giveUp(new UpdateTimeoutError(settings.name, wait))
    const timer = clock.setTimeout(giveUp, Math.max(0, until - clock.now()))
    try {
      const leave = await queue.enter(attempt)
      return () => {
        leave()
        if (queue.running === 0 && this.#queues.get(key) === queue) this.#queues.delete(key)
      }
    } finally {
      clock.clearTimeout(timer)
    }
  }

  async #lease(key: string, until: number, wait: number, withoutLease: boolean): Promise<Lease | undefined> {
    const { remote, clock, settings, keys, id, wakeups } = this.#parts
    if (remote === undefined) return undefined
    const { lease } = settings.policy
    const ttl = lease === false ? defaultLeaseTtl : lease.ttl
    for (;;) {
      const outcome = await acquireUpdateLease(remote, id, key, keys.update(key), ttl)
      if (outcome.kind === 'acquired') return outcome.lease
      if (outcome.kind === 'refused') {
        if (withoutLease) return undefined
        throw new LeaseUnavailableError(settings.name)
      }
      if (clock.now() >= until) throw new UpdateTimeoutError(settings.name, wait)
      if (wakeups.ended) throw new CacheClosedError()
      await this.#waitForOther(key, until)
    }
  }

  async #waitForOther(key: string, until: number): Promise<void> {
    const { clock, random, wakeups } = this.#parts
    const pause = Math.max(0, Math.min(pollFrom + random() * (pollTo - pollFrom), until - clock.now()))
    await wakeups.wait(key, clock, pause)
  }
}
