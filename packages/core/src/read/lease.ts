import { randomBytes } from 'node:crypto'
import { type Clock, sleep } from '../clock.ts'
import { wake } from '../coherence/messages.ts'
import { freshUntilBytes } from '../entry/envelope.ts'
import type { EntryKeys } from '../entry/key.ts'
import type { Account } from '../pressure/account.ts'
import type { Claim, Withheld, WriteGate } from '../pressure/write-gate.ts'
import type { Budget } from '../redis/budget.ts'
import type { RedisCommands } from '../redis/commands.ts'
import type { Acquired, EntryCommands } from '../redis/entry-commands.ts'
import type { SkipReason } from './counters.ts'

const storePause = 100

export const newToken = (): string => randomBytes(12).toString('base64url')

/** What the caller has seen under the key, as the acquiring script compares it. */
export function seenOf(bytes: Buffer | null | undefined): Buffer {
  if (bytes === null || bytes === undefined) return Buffer.from('-')
  return Buffer.concat([Buffer.from('+'), bytes.subarray(freshUntilBytes.start, freshUntilBytes.end)])
}

export interface LeaseContext {
  readonly commands: RedisCommands
  readonly entries: EntryCommands
  readonly gate: WriteGate
  readonly account: Account
  readonly clock: Clock
  readonly channel: string
  readonly sender: string
  /** Stores what a lease's holder has loaded, where that takes more than putting it there. Undefined where it does not. */
  storeUnderLease?(key: string, keys: EntryKeys, store: LeasedStore): Promise<boolean> | undefined
}

/** Token, entry, its ttl, channel, and the message that wakes those who wait. */
export type LeasedStore = readonly [token: string, entry: Buffer, ttl: number, channel: string, wake: string]

/** A lease in hand: nobody else loads this key while it lives. Renewed until it is given back. */
export class Lease {
  readonly token: string
  readonly #context: LeaseContext
  readonly #keys: EntryKeys
  readonly #namespace: string
  readonly #key: string
  readonly #ttl: number
  #liveUntil: number
  #timer: unknown
  #lost = false
  #ended = false

  /** `asked`: when Redis was asked for it, for it may have been given as early as that. */
  constructor(
    context: LeaseContext,
    namespace: string,
    key: string,
    keys: EntryKeys,
    token: string,
    ttl: number,
    asked: number,
  ) {
    this.#context = context
    this.#namespace = namespace
    this.#key = key
    this.#keys = keys
    this.token = token
    this.#ttl = ttl
    this.#liveUntil = asked + ttl
    this.#schedule()
  }

  /** Stores the entry if the lease still lives, and nothing newer is there; without it where a version says that it is newer. */
  async store(entry: Buffer, ttl: number, version: Buffer | undefined): Promise<'stored' | SkipReason> {
    this.#stop()
    return await this.#store(entry, ttl, version)
  }

  /** As `store`, again and again where Redis does not answer, for as long as it may still hold the lease, and `goesOn`. */
  async storePatiently(
    entry: Buffer,
    ttl: number,
    version: Buffer | undefined,
    goesOn: () => boolean,
  ): Promise<'stored' | SkipReason> {
    this.#stop()
    const { clock } = this.#context
    const until = clock.now() + this.#ttl
    for (;;) {
      try {
        return await this.#store(entry, ttl, version)
      } catch (error) {
        if (clock.now() + storePause >= until || !goesOn()) throw error
        await sleep(clock, storePause)
      }
    }
  }

  async #store(entry: Buffer, ttl: number, version: Buffer | undefined): Promise<'stored' | SkipReason> {
    const { commands, entries, gate, channel } = this.#context
    const leased: LeasedStore = [this.token, entry, ttl, channel, this.#wakeMessage]
    // The lease was admitted for this store: a second draw would make the load in vain for all who wait.
    const outcome = await gate.run(
      'essential',
      () =>
        this.#context.storeUnderLease?.(this.#key, this.#keys, leased) ??
        entries.storeUnderLease(this.#keys, ...leased, commands.budget(), version),
      () => true,
      entry.length,
    )
    // A withheld store left the lease where it was, a refused one has freed it in its script.
    if (outcome === 'withheld') await this.release()
    if (outcome === 'withheld' || outcome === 'refused') return reasonOf(outcome, gate)
    return outcome ? 'stored' : 'contended'
  }

  /** Whether it was found to be gone: evicted, taken, or expired while Redis could not be asked. */
  get lost(): boolean {
    return this.#lost
  }

  /** Whether it can still be held: not lost, and renewed so lately that Redis has it. */
  get live(): boolean {
    return !this.#lost && this.#context.clock.now() < this.#liveUntil
  }

  /** Asks Redis whether it is still held, and renews it. */
  async confirm(): Promise<boolean> {
    if (this.#lost || this.#ended) return false
    const { commands, entries } = this.#context
    try {
      this.#lost = !(await entries.renewLease(this.#keys, this.token, this.#ttl, commands.budget()))
      return !this.#lost
    } catch {
      return false
    }
  }

  async release(): Promise<void> {
    this.#stop()
    const { commands, entries, channel } = this.#context
    if (this.#lost) return
    await entries.releaseLease(this.#keys, this.token, channel, this.#wakeMessage, commands.budget())
  }

  get #wakeMessage(): string {
    return wake(this.#context.sender, this.#namespace, this.#key)
  }

  #stop(): void {
    this.#ended = true
    this.#context.clock.clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (this.#ended) return
    const { clock, commands, entries } = this.#context
    this.#timer = clock.setTimeout(() => {
      const asked = clock.now()
      entries.renewLease(this.#keys, this.token, this.#ttl, commands.budget()).then(
        (alive) => {
          // Evicted or taken: the store will be refused, so there is nothing left to renew.
          this.#lost = !alive
          if (alive) this.#liveUntil = asked + this.#ttl
          if (alive) this.#schedule()
        },
        () => this.#schedule(),
      )
    }, this.#ttl * 0.3)
  }
}

export type LeaseOutcome =
  | { readonly kind: 'acquired'; readonly lease: Lease }
  | { readonly kind: 'arrived'; readonly value: Buffer }
  | { readonly kind: 'held' }
  /** Redis refuses writes, does not answer, or is not asked: load without a lease, and keep the value locally. */
  | { readonly kind: 'refused'; readonly reason: SkipReason }

/** `wait` records with the lease that somebody is to be woken when it ends. */
export async function acquireLease(
  context: LeaseContext,
  namespace: string,
  key: string,
  keys: EntryKeys,
  ttl: number,
  seen: Buffer,
  wait: boolean,
  budget: Budget,
  claim: Claim = context.account.claim(),
): Promise<LeaseOutcome> {
  if (budget.left <= 0) return { kind: 'refused', reason: 'degraded' }
  const { entries, gate } = context
  return await acquire(context, namespace, key, keys, ttl, (token) =>
    gate.run(claim, () => entries.acquireLease(keys, token, ttl, seen, wait, budget), hasWritten),
  )
}

/** The right to update a key. A full Redis gives it too: see the script. */
export async function acquireUpdateLease(
  context: LeaseContext,
  namespace: string,
  key: string,
  keys: EntryKeys,
  ttl: number,
): Promise<LeaseOutcome> {
  const { commands, entries, gate } = context
  return await acquire(context, namespace, key, keys, ttl, (token) => {
    const send = () => entries.acquireUpdateLease(keys, token, ttl, commands.budget())
    return gate.refusal === 'oom' && !gate.shut ? send() : gate.run('essential', send, hasWritten)
  })
}

const hasWritten = (reply: Acquired): boolean => reply.kind === 'acquired'

async function acquire(
  context: LeaseContext,
  namespace: string,
  key: string,
  keys: EntryKeys,
  ttl: number,
  ask: (token: string) => Promise<Acquired | Withheld>,
): Promise<LeaseOutcome> {
  const token = newToken()
  const asked = context.clock.now()
  try {
    const outcome = await ask(token)
    if (outcome === 'withheld' || outcome === 'refused') {
      return { kind: 'refused', reason: reasonOf(outcome, context.gate) }
    }
    if (outcome.kind !== 'acquired') return outcome
    return { kind: 'acquired', lease: new Lease(context, namespace, key, keys, token, ttl, asked) }
  } catch {
    return { kind: 'refused', reason: 'degraded' }
  }
}

/** Why the gate did not let a store through. */
export function reasonOf(outcome: Withheld, gate: WriteGate): SkipReason {
  if (outcome === 'refused') return gate.refusal === 'oom' ? 'oom' : 'degraded'
  return gate.open ? 'admission' : 'degraded'
}
