import type { Clock } from '../clock.ts'
import type { Priority } from '../options/policy.ts'
import { type Economy, economyOf } from './economy.ts'
import type { Ledger } from './ledger.ts'
import type { MemoryMode } from './mode.ts'
import type { Claim } from './write-gate.ts'

/** Why a key that this process stored was gone before its time. */
export type EarlyEnd = 'eviction' | 'restart' | 'flush' | 'unknown'

/** What accounts share: the Redis that they hold bytes in. */
export interface AccountedRedis {
  readonly clock: Clock
  readonly ledger: Ledger
  readonly memory: MemoryMode
  /** Whether Redis has evicted keys of late. */
  readonly evicts: boolean
  /** Whether this process is told what others delete there: else a key that is gone may have been deleted. */
  readonly hears: boolean
  /** So many bytes were stored. */
  wrote(bytes: number): void
}

// What other processes said of their share is forgotten when they have been silent for so long.
const fleetMemory = 60_000
// The channel is open to everybody with access to Redis.
const mostOthers = 4_096

/** What one namespace may write to Redis, and what it holds there. */
export class Account {
  readonly id: string
  readonly budget: number | undefined
  readonly earlyEnds: Record<EarlyEnd, number> = { eviction: 0, restart: 0, flush: 0, unknown: 0 }
  readonly #priority: Priority
  readonly #redis: AccountedRedis
  readonly #others = new Map<string, { readonly bytes: number; readonly at: number }>()
  #fleetBytes = 0
  /** Stored by this process since the fleet's bytes were added up. */
  #writtenSince = 0

  constructor(id: string, priority: Priority, budget: number | undefined, redis: AccountedRedis) {
    this.id = id
    this.budget = budget
    this.#priority = priority
    this.#redis = redis
  }

  claim(): Claim {
    const over = this.budget !== undefined && this.#fleetBytes + this.#writtenSince > this.budget
    return over ? 'over-budget' : this.#priority
  }

  economy(): Economy {
    return economyOf(this.#redis.memory, this.#priority)
  }

  stored(key: string, bytes: number, expiresAt: number): void {
    this.#redis.ledger.note(this.id, key, bytes, expiresAt)
    this.#writtenSince += bytes
    this.#redis.wrote(bytes)
  }

  /** Deleted or replaced, by whomever: what this process stored there is not there any more. */
  gone(key: string): void {
    this.#redis.ledger.forget(this.id, key)
  }

  /** Redis did not have the key. */
  absent(key: string): void {
    const { ledger, clock, evicts, hears } = this.#redis
    const weight = ledger.missing(this.id, key, clock.now())
    if (weight > 0 && hears) this.earlyEnds[evicts ? 'eviction' : 'unknown'] += weight
  }

  /** All that was stored is gone at once. */
  allGone(entries: number, cause: 'restart' | 'flush'): void {
    this.earlyEnds[cause] += entries
  }

  heardOf(sender: string, bytes: number): void {
    // Without a budget nobody adds them up, or forgets them.
    if (this.budget === undefined) return
    if (this.#others.size >= mostOthers && !this.#others.has(sender)) return
    this.#others.set(sender, { bytes, at: this.#redis.clock.now() })
  }

  /** What the fleet holds, as far as its processes have said; `own` is this process's estimate. */
  settle(own: number): number {
    const now = this.#redis.clock.now()
    let sum = own
    for (const [sender, { bytes, at }] of this.#others) {
      if (Math.abs(now - at) > fleetMemory) this.#others.delete(sender)
      else sum += bytes
    }
    this.#fleetBytes = sum
    this.#writtenSince = 0
    return sum
  }

  get fleetBytes(): number {
    return this.#fleetBytes
  }
}
