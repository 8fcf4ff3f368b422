import { randomBytes } from 'node:crypto'
import type { Clock, Random } from '../clock.ts'
import type { Fenced, Fences, WriteTicket } from '../coherence/fences.ts'
import { invalidation } from '../coherence/messages.ts'
import type { PendingInvalidations } from '../coherence/pending-invalidations.ts'
import { type Codec, createCodec, seal } from '../entry/codec.ts'
import type { GroupedKeySpace } from '../entry/key.ts'
import { assertPreserved } from '../entry/preserved.ts'
import { timesOf } from '../entry/times.ts'
import { EvictionPolicyError, InvalidArgumentError, WriteBehindRefusedError } from '../errors.ts'
import type { LocalNamespace } from '../local/local-tier.ts'
import type { BehindOperation, BehindSettings } from '../options/behind-options.ts'
import type { Logger } from '../options/logger.ts'
import type { NamespaceSettings } from '../options/namespace-options.ts'
import type { Account } from '../pressure/account.ts'
import type { WriteGate } from '../pressure/write-gate.ts'
import type { RedisCommands } from '../redis/commands.ts'
import { ParkedCommands } from '../redis/parked-commands.ts'
import { type AppendSettings, StreamCommands } from '../redis/stream-commands.ts'
import { increment } from './coalesce.ts'
import { DirectSaves } from './direct-saves.ts'
import { EvictionGuard } from './eviction-guard.ts'
import { Flushers } from './flushers.ts'
import { GatheredAppends, type NotAppended } from './gathered-appends.ts'
import { Parked } from './parked.ts'
import { kindOf, Saving } from './saving.ts'
import { type BehindHealth, type BehindStatistics, Tallies } from './tallies.ts'
import { WaitingLoads } from './waiting-loads.ts'

export interface BehindParts<V> {
  readonly settings: NamespaceSettings<V>
  readonly behind: BehindSettings<V>
  /** The namespace as messages name it. */
  readonly id: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly development: boolean
  readonly keys: GroupedKeySpace
  readonly codec: Codec<V>
  readonly local: LocalNamespace<V> | undefined
  readonly fences: Fences<Fenced>
  readonly counters: { writes: number; writeErrors: number }
  readonly remote: BehindRemote
  /** What a load of this namespace takes, in milliseconds. */
  observedLoadTime(): number
}

export interface BehindRemote {
  readonly commands: RedisCommands
  readonly gate: WriteGate
  readonly account: Account
  readonly pending: PendingInvalidations
  readonly channel: string
  readonly sender: string
}

// Seconds. A refusing Redis is tried again each second.
const retryAfter = 5
const askPolicyEvery = 30_000
const longestId = 128

/** Why Redis has not taken an operation, as far as is known. */
const reasons: Record<NotAppended | 'silent', string> = {
  silent: 'Redis does not answer',
  refused: 'Redis is full or refuses writes',
  full: 'as many operations wait as behind.maxWaiting allows',
  unconfirmed: 'Redis did not confirm it',
}

/**
 * Write-behind: an operation is answered once Redis has it, in a stream and in the cached value at once; a flusher saves it later. What Redis does
 * not take goes to the source with the same id, or is refused. Nothing is only in this process once it was answered.
 */
export class WriteBehind<V> {
  readonly loads: WaitingLoads<V>
  readonly parked: Parked<V>
  readonly #parts: BehindParts<V>
  readonly #streams: StreamCommands
  readonly #guard: EvictionGuard
  readonly #direct: DirectSaves<V>
  readonly #appendSettings: AppendSettings
  readonly #appends: readonly GatheredAppends[]
  readonly #flushers: Flushers<V>
  readonly #tallies = new Tallies()
  readonly #idHead = `${randomBytes(9).toString('base64url')}.`
  #lastId = 0
  #timer: unknown

  constructor(parts: BehindParts<V>) {
    this.#parts = parts
    const { settings, behind, keys, clock, random, logger, remote } = parts
    const { name } = settings
    this.#streams = new StreamCommands(remote.commands)
    this.#guard = new EvictionGuard(name, this.#streams, logger, behind.allowEviction)
    const saving = new Saving(name, behind, clock, random)
    this.#direct = new DirectSaves(saving, behind.batch)
    this.loads = new WaitingLoads<V>({
      ...{ streams: this.#streams, keys, clock, counters: behind.counters, tallies: this.#tallies },
      budget: () => remote.commands.budget(),
    })
    // Without the schema: an older release's value is its writer's word, and the source's to judge.
    const plain = createCodec<V>(settings.policy, undefined)
    const shared = {
      ...{ namespace: name, settings: behind, streams: this.#streams, keys, saving, clock, random, logger },
      tallies: this.#tallies,
      consumer: remote.sender,
      decode: (bytes: Buffer) => {
        const entry = plain.decode(bytes)
        if (typeof entry === 'string' || entry instanceof Promise || entry.value === undefined) return undefined
        return { value: entry.value }
      },
    }
    this.#appendSettings = {
      schemaVersion: settings.schemaVersion,
      mostWaiting: behind.maxWaiting,
      channel: parts.local === undefined ? undefined : remote.channel,
    }
    this.#appends = keys.groups.map(
      (group) =>
        new GatheredAppends(this.#streams, remote.gate, group, this.#appendSettings, (error) =>
          this.#noteUnconfirmed(error),
        ),
    )
    this.#flushers = new Flushers<V>(shared)
    this.parked = new Parked<V>({
      ...{ namespace: name, keys, gate: remote.gate, decode: shared.decode },
      ...{ mostWaiting: behind.maxWaiting, channel: this.#appendSettings.channel },
      commands: new ParkedCommands(remote.commands),
      messageOf: (key) => invalidation(remote.sender, parts.id, key),
      forgetting: (all, work) => this.#forgetting(all, work),
      wake: (group) => this.#flushers.wake(group),
    })
    this.#watchPolicy()
  }

  get health(): BehindHealth {
    return this.#flushers.health
  }

  get statistics(): BehindStatistics {
    return this.#tallies.snapshot()
  }

  get allowsEviction(): boolean {
    return this.#parts.behind.allowEviction
  }

  /** Resolves when Redis has it, or the source. Answers the number after it, where it was cached. */
  async increment(key: string, by: number, ownId: string | undefined): Promise<number | undefined> {
    const { behind, keys, fences } = this.#parts
    if (!behind.counters) throw new InvalidArgumentError('increment', 'expected behind: { counters: true }')
    if (!Number.isSafeInteger(by)) throw new InvalidArgumentError('by', 'expected a whole number, of 53 bits at most')
    const id = this.#idOf(ownId)
    const ticket = fences.openWrite(key)
    try {
      if (!this.#guard.safe) await this.#guard.assert()
      const group = keys.numberOf(key)
      const appends = this.#guard.safe ? this.#appends[group] : undefined
      const outcome = (await appends?.append(id, key, keys.value(key), by, this.#messageOf(key))) ?? 'silent'
      const appended = typeof outcome === 'object'
      if (appended) this.#noteAppended(group)
      else await this.#saveDirectly(increment(key, [id], [by], undefined), reasons[outcome])
      this.#parts.counters.writes += 1
      return appended ? outcome.value : undefined
    } catch (error) {
      throw this.#failed(id, error)
    } finally {
      this.#forget(key, ticket)
    }
  }

  async set(key: string, value: V, ownId: string | undefined): Promise<void> {
    const { behind, fences } = this.#parts
    if (behind.counters) throw new InvalidArgumentError('set', 'expected increment: these are counters')
    const id = this.#idOf(ownId)
    const sequence = this.#sequenceOf(key, value)
    const entry = await this.#prepare(value)
    const ticket = fences.openWrite(key)
    try {
      if (!this.#guard.safe) await this.#guard.assert()
      const outcome = this.#guard.safe ? await this.#appendValue(key, id, entry, sequence) : 'silent'
      if (outcome === 'appended') this.#noteAppended(this.#parts.keys.numberOf(key))
      // Older values of the key may wait, here or with another process's: only a sequence can tell the source which is newer.
      else if (sequence === undefined) throw this.#refused(reasons[outcome], id)
      else await this.#saveDirectly({ kind: 'set', key, value, ids: [id], sequence }, reasons[outcome])
      this.#parts.counters.writes += 1
    } catch (error) {
      throw this.#failed(id, error)
    } finally {
      this.#forget(key, ticket)
    }
  }

  /** Saves what waits. False where some of it still does when the time is over. */
  async drain(milliseconds: number): Promise<boolean> {
    return await this.#flushers.drain(milliseconds, this.#direct.settled())
  }

  /** Saves once more what this process may, and ends. What is left waits in Redis for another. */
  async close(milliseconds: number): Promise<void> {
    this.#parts.clock.clearTimeout(this.#timer)
    await this.#flushers.close(milliseconds, this.#direct.settled())
  }

  #failed(id: string, error: unknown): Error {
    this.#parts.counters.writeErrors += 1
    this.#tallies.refused += 1
    if (error instanceof EvictionPolicyError || error instanceof WriteBehindRefusedError) return error
    return this.#refused('the source did not take it either', id, error)
  }

  /** Reads that began before `work` ended keep nothing of what they read of these keys. */
  async #forgetting<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const tickets = keys.map((key) => [key, this.#parts.fences.openWrite(key)] as const)
    try {
      return await work()
    } finally {
      for (const [key, ticket] of tickets) this.#forget(key, ticket)
    }
  }

  #forget(key: string, ticket: WriteTicket): void {
    this.#parts.fences.closeWrite(key, ticket)
    this.#parts.local?.delete(key)
  }

  async #appendValue(
    key: string,
    id: string,
    entry: Buffer,
    sequence: number | undefined,
  ): Promise<'appended' | NotAppended> {
    const { keys, remote } = this.#parts
    const append = { id, key, value: keys.value(key), message: this.#messageOf(key) }
    const send = () =>
      this.#streams.appendValue(keys.groupOf(key), this.#appendSettings, append, keys.lease(key), entry, sequence)
    try {
      const outcome = await remote.gate.run('essential', send, (taken) => taken)
      return typeof outcome === 'string' ? 'refused' : outcome ? 'appended' : 'full'
    } catch (error) {
      this.#noteUnconfirmed(error)
      return 'unconfirmed'
    }
  }

  #noteAppended(group: number): void {
    this.#tallies.appended += 1
    this.#flushers.wake(group)
  }

  #noteUnconfirmed(error: unknown): void {
    const { logger, settings } = this.#parts
    logger.debug({ namespace: settings.name, error: kindOf(error) }, 'write-behind: not appended')
  }

  async #saveDirectly(operation: BehindOperation<V>, reason: string): Promise<void> {
    const [id] = operation.ids as readonly [string]
    if (this.#direct.full) throw this.#refused(`${reason}, and too many wait for the source`, id)
    try {
      await this.#direct.save(operation)
      this.#tallies.direct += 1
    } finally {
      // The cached value does not have it, and may not be believed until Redis has forgotten it. Where it failed, the source
      // may have it all the same.
      const { remote, settings, id: namespace } = this.#parts
      const { ttl, staleIfError, staleWhileRevalidate } = settings.policy
      remote.pending.add(namespace, operation.key, ttl + Math.max(staleIfError, staleWhileRevalidate))
    }
  }

  #refused(reason: string, id: string, cause?: unknown): WriteBehindRefusedError {
    return new WriteBehindRefusedError(this.#parts.settings.name, reason, retryAfter, id, cause)
  }

  /** What others are to be told; nothing where nobody keeps values locally. */
  #messageOf(key: string): string {
    const { local, remote, id } = this.#parts
    return local === undefined ? '' : invalidation(remote.sender, id, key)
  }

  #idOf(own: string | undefined): string {
    if (own === undefined) return this.#idHead + (this.#lastId++).toString(36)
    if (typeof own === 'string' && own.length > 0 && own.length <= longestId) return own
    throw new InvalidArgumentError('id', `expected a string of 1 to ${longestId} characters`)
  }

  #sequenceOf(key: string, value: V): number | undefined {
    const { sequence } = this.#parts.behind
    if (sequence === undefined) return undefined
    const own = sequence(value, key)
    if (Number.isSafeInteger(own) && own >= 0) return own
    throw new InvalidArgumentError('behind.sequence', 'expected it to return a whole number from 0 to 2^53 - 1')
  }

  async #prepare(value: V): Promise<Buffer> {
    const { codec, development, settings, clock, random } = this.#parts
    if (value === undefined) throw new InvalidArgumentError('value', 'expected a value; null is one')
    if (development) await assertPreserved(codec, value, settings.name)
    try {
      const [packed, back] = await Promise.all([codec.pack(value), codec.roundTrip(value)])
      if (typeof back === 'string') throw new Error(`it does not fit the schema (${back})`)
      if (packed === undefined) throw new Error('it is larger than maxValueBytes')
      const { policy } = settings
      return seal(packed, timesOf(value, this.#parts.observedLoadTime(), policy.ttl, policy, clock.now(), random))
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown reason'
      throw new InvalidArgumentError('value', `expected a value that the cache can keep: ${reason}`)
    }
  }

  #watchPolicy(): void {
    void this.#guard.ask()
    this.#timer = this.#parts.clock.setTimeout(() => this.#watchPolicy(), askPolicyEvery)
  }
}
