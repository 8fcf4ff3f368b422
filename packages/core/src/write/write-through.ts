import { randomBytes } from 'node:crypto'
import type { Clock, Random } from '../clock.ts'
import type { Fenced, Fences } from '../coherence/fences.ts'
import { invalidation } from '../coherence/messages.ts'
import type { PendingInvalidations } from '../coherence/pending-invalidations.ts'
import { type Codec, type Packed, seal } from '../entry/codec.ts'
import type { KeySpace } from '../entry/key.ts'
import { assertPreserved } from '../entry/preserved.ts'
import { timesOf } from '../entry/times.ts'
import { InvalidArgumentError, WriteRefusedError } from '../errors.ts'
import type { HistogramCounter } from '../histogram.ts'
import type { LocalKeeper } from '../local/local-keeper.ts'
import type { LocalNamespace } from '../local/local-tier.ts'
import type { NamespaceSettings } from '../options/namespace-options.ts'
import type { Account } from '../pressure/account.ts'
import { economise } from '../pressure/economy.ts'
import type { WriteGate } from '../pressure/write-gate.ts'
import type { Budget } from '../redis/budget.ts'
import type { EntryKeys, RedisCommands } from '../redis/commands.ts'
import { classify, isRefusedWrite } from '../redis/trouble.ts'

export interface WriteRemote {
  readonly commands: RedisCommands
  readonly gate: WriteGate
  readonly account: Account
  readonly pending: PendingInvalidations
  readonly channel: string
  readonly sender: string
}

export interface WriteParts<V> {
  readonly settings: NamespaceSettings<V>
  /** The namespace as messages name it. */
  readonly id: string
  readonly clock: Clock
  readonly random: Random
  readonly development: boolean
  readonly keys: KeySpace
  readonly codec: Codec<V>
  readonly local: LocalNamespace<V> | undefined
  readonly keeper: LocalKeeper<V>
  readonly remote: WriteRemote | undefined
  readonly fences: Fences<Fenced>
  readonly counters: { writes: number; writeErrors: number; deletes: number }
  readonly observations: { readonly payloadBytes: HistogramCounter }
  /** What a load of this namespace takes, in milliseconds: the value's next load will take that. */
  observedLoadTime(): number
}

// As a lease: renewed while the save runs, so that a killed writer blocks the loaders of its key for 2 s at most.
const intentTtl = 2_000
const renewEvery = 600
const longestRenewal = 30_000
// Seconds. A refusing Redis is tried again each second, and its essential writes are the first to return.
const retryAfter = 5

/**
 * Write-through: source, then Redis, then the other processes. An intent in Redis before the save, and a store only
 * where it is still the last one, keep Redis equal to the source whatever other writers and loaders do.
 */
export class WriteThrough<V> {
  readonly #parts: WriteParts<V>

  constructor(parts: WriteParts<V>) {
    this.#parts = parts
  }

  /**
   * Resolves when the source has the value and Redis either has it or is known not to have an older one. `within` is what
   * the caller may still wait for Redis, where this is a part of a larger call.
   */
  async set(key: string, value: V, signal: AbortSignal | undefined, within?: Budget): Promise<void> {
    const { settings, fences, counters, remote } = this.#parts
    if (this.#onlyHome && remote?.gate.shut) {
      counters.writeErrors += 1
      throw this.#refused()
    }
    const { packed, copy } = await this.#prepare(value)
    const ticket = fences.openWrite(key)
    const budget = within ?? remote?.commands.budget()
    const intent =
      remote === undefined || budget === undefined ? undefined : await this.#placeIntent(key, remote, budget)
    if (this.#onlyHome && intent === undefined) {
      fences.closeWrite(key, ticket)
      counters.writeErrors += 1
      throw this.#refused()
    }
    let keep = false
    try {
      await settings.save?.(key, value, { signal })
      counters.writes += 1
      keep =
        remote === undefined ||
        budget === undefined ||
        (await this.#reachRedis(key, value, packed, intent, remote, budget))
    } catch (error) {
      counters.writeErrors += 1
      // The source may have changed all the same.
      if (remote !== undefined && budget !== undefined) await this.#invalidate(key, remote, budget)
      throw error
    } finally {
      intent?.end()
      const alone = fences.closeWrite(key, ticket)
      if (alone && keep && this.#isSafe(intent)) this.#keepLocally(key, copy, intent?.stored ?? false)
      else this.#parts.local?.delete(key)
    }
    if (this.#isSafe(intent)) return
    counters.writeErrors += 1
    throw this.#refused()
  }

  /** Resolves when no process that can be reached will answer with what was cached. */
  async delete(key: string, within?: Budget): Promise<void> {
    const { fences, remote, local, counters } = this.#parts
    const ticket = fences.openWrite(key)
    counters.deletes += 1
    if (remote !== undefined) await this.#invalidate(key, remote, within ?? remote.commands.budget())
    fences.closeWrite(key, ticket)
    local?.delete(key)
  }

  /** Replays a write that Redis did not take. Rejects while it still does not. */
  async replay(key: string): Promise<void> {
    const { remote } = this.#parts
    if (remote === undefined) return
    await remote.commands.invalidate(
      this.#keysOf(key),
      remote.channel,
      this.#message(key, remote),
      remote.commands.budget(),
    )
  }

  /** Whether Redis is the only place that this value can be in, and losing it is not an option. */
  get #onlyHome(): boolean {
    const { settings, remote } = this.#parts
    return remote !== undefined && settings.save === undefined && settings.policy.priority === 'essential'
  }

  /** Whether the value is where the caller may believe it to be. */
  #isSafe(intent: Intent | undefined): boolean {
    return !this.#onlyHome || intent?.stored === true
  }

  #refused(): WriteRefusedError {
    const { remote, settings } = this.#parts
    const isOver = remote?.account.claim() === 'over-budget'
    const reason = isOver
      ? 'the namespace holds all that maxRedisBytes allows'
      : remote?.gate.open === true
        ? 'Redis did not confirm it'
        : 'Redis is full or refuses writes'
    return new WriteRefusedError(settings.name, reason, retryAfter)
  }

  /** The value as bytes for Redis, unless it is too large, and as a copy of our own: the caller may go on to change his. */
  async #prepare(value: V): Promise<{ readonly packed: Packed | undefined; readonly copy: V }> {
    const { codec, development, settings, remote } = this.#parts
    if (value === undefined) {
      throw new InvalidArgumentError('value', 'expected a value; use delete to drop one, or null as a value')
    }
    if (development) await assertPreserved(codec, value, settings.name)
    const { compressFrom, largest } = remote?.account.economy() ?? unlimited
    try {
      const [packed, back] = await Promise.all([codec.pack(value, compressFrom), codec.roundTrip(value)])
      if (typeof back === 'string') throw new Error(`it does not fit the schema (${back})`)
      if (packed === undefined && this.#onlyHome) throw new Error('it is larger than maxValueBytes')
      return { packed: packed !== undefined && packed.payload.length > largest ? undefined : packed, copy: back.value }
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown reason'
      throw new InvalidArgumentError('value', `expected a value that the cache can keep: ${reason}`)
    }
  }

  async #placeIntent(key: string, remote: WriteRemote, budget: Budget): Promise<Intent | undefined> {
    const keys = this.#keysOf(key)
    const token = randomBytes(12).toString('base64url')
    try {
      const outcome = await remote.gate.run(remote.account.claim(), () =>
        remote.commands.placeIntent(keys, token, intentTtl, budget),
      )
      return outcome === undefined ? new Intent(remote.commands, this.#parts.clock, keys, token) : undefined
    } catch {
      return undefined
    }
  }

  /** True where no other write came between, so that this process may keep the value. */
  async #reachRedis(
    key: string,
    value: V,
    packed: Packed | undefined,
    intent: Intent | undefined,
    remote: WriteRemote,
    budget: Budget,
  ): Promise<boolean> {
    if (intent === undefined || packed === undefined) {
      await this.#invalidate(key, remote, budget)
      return true
    }
    const times = economise(this.#timesOf(value), remote.account.economy())
    const bytes = seal(packed, times)
    const life = Math.max(1, Math.ceil(times.expiresAt - times.storedAt))
    try {
      const message = this.#message(key, remote)
      const outcome = await remote.commands.storeWrite(
        intent.keys,
        intent.token,
        bytes,
        life,
        remote.channel,
        message,
        budget,
      )
      if (outcome === 'refused') remote.gate.noteRefusal('oom', bytes.length)
      intent.stored = outcome === 'stored'
      if (intent.stored) this.#parts.observations.payloadBytes.observe(bytes.length)
      if (intent.stored) remote.account.stored(key, bytes.length, times.expiresAt)
      else remote.account.gone(key)
      return outcome !== 'unlinked'
    } catch (error) {
      this.#onFailure(key, remote, error)
      return true
    }
  }

  async #invalidate(key: string, remote: WriteRemote, budget: Budget): Promise<void> {
    remote.account.gone(key)
    const send = () => remote.commands.invalidate(this.#keysOf(key), remote.channel, this.#message(key, remote), budget)
    try {
      const outcome = remote.gate.refusesDeletions ? await remote.gate.run('essential', send) : await send()
      if (outcome !== undefined) this.#remember(key, remote)
    } catch (error) {
      this.#onFailure(key, remote, error)
    }
  }

  #onFailure(key: string, remote: WriteRemote, error: unknown): void {
    const trouble = classify(error)
    if (isRefusedWrite(trouble)) remote.gate.noteRefusal(trouble)
    this.#remember(key, remote)
  }

  /** Redis did not take it: not to be believed for this key until it has. */
  #remember(key: string, remote: WriteRemote): void {
    const { policy } = this.#parts.settings
    remote.pending.add(this.#parts.id, key, policy.ttl + Math.max(policy.staleIfError, policy.staleWhileRevalidate))
  }

  #keepLocally(key: string, value: V, inRedis: boolean): void {
    const { keeper, settings } = this.#parts
    keeper.keep(key, value, this.#timesOf(value), settings.policy, inRedis)
  }

  #timesOf(value: V) {
    const { settings, clock, random } = this.#parts
    return timesOf(value, this.#parts.observedLoadTime(), settings.policy.ttl, settings.policy, clock.now(), random)
  }

  #keysOf(key: string): EntryKeys {
    return { value: this.#parts.keys.value(key), lease: this.#parts.keys.lease(key) }
  }

  #message(key: string, remote: WriteRemote): string {
    return invalidation(remote.sender, this.#parts.id, key)
  }
}

const unlimited = { compressFrom: Number.POSITIVE_INFINITY, largest: Number.POSITIVE_INFINITY }

/** A write that has announced itself and must be waited for. */
class Intent {
  readonly keys: EntryKeys
  readonly token: string
  stored = false
  readonly #commands: RedisCommands
  readonly #clock: Clock
  readonly #until: number
  #timer: unknown

  constructor(commands: RedisCommands, clock: Clock, keys: EntryKeys, token: string) {
    this.#commands = commands
    this.#clock = clock
    this.keys = keys
    this.token = token
    this.#until = clock.now() + longestRenewal
    this.#schedule()
  }

  end(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  #schedule(): void {
    // A save that never ends must not keep the loaders of its key away for ever.
    if (this.#clock.now() >= this.#until) return
    this.#timer = this.#clock.setTimeout(() => {
      this.#schedule()
      this.#commands.renewLease(this.keys, this.token, intentTtl, this.#commands.budget()).catch(() => {})
    }, renewEvery)
  }
}
