import { randomBytes } from 'node:crypto'
import type { Clock, Random } from '../clock.ts'
import type { Fenced, Fences } from '../coherence/fences.ts'
import type { Generations } from '../coherence/generations.ts'
import { type PendingInvalidations, wholeNamespace } from '../coherence/pending-invalidations.ts'
import { slotsOf } from '../coherence/tags.ts'
import { type Codec, type Packed, seal } from '../entry/codec.ts'
import type { CopyNames } from '../entry/copy-names.ts'
import type { EntryKeys, KeySpace } from '../entry/key.ts'
import { assertPreserved } from '../entry/preserved.ts'
import { timesOf } from '../entry/times.ts'
import { versionOf } from '../entry/version.ts'
import { InvalidArgumentError, WriteRefusedError } from '../errors.ts'
import type { HistogramCounter } from '../histogram.ts'
import type { LocalKeeper } from '../local/local-keeper.ts'
import type { LocalNamespace, Standing } from '../local/local-tier.ts'
import type { NamespaceSettings } from '../options/namespace-options.ts'
import type { Account } from '../pressure/account.ts'
import { economise } from '../pressure/economy.ts'
import type { WriteGate } from '../pressure/write-gate.ts'
import type { Budget } from '../redis/budget.ts'
import type { RedisCommands } from '../redis/commands.ts'
import type { EntryCommands } from '../redis/entry-commands.ts'
import { Intent, intentTtl } from './intent.ts'
import { Invalidating } from './invalidating.ts'

export interface WriteRemote {
  readonly commands: RedisCommands
  readonly entries: EntryCommands
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
  /** Where hot keys have copies. */
  readonly copies?: CopyNames | undefined
  readonly codec: Codec<V>
  readonly local: LocalNamespace<V> | undefined
  readonly keeper: LocalKeeper<V>
  readonly remote: WriteRemote | undefined
  /** Where the namespace can be cleared, or has tags. */
  readonly generations: Generations | undefined
  readonly fences: Fences<Fenced>
  readonly counters: { writes: number; writeErrors: number; deletes: number }
  readonly observations: { readonly payloadBytes: HistogramCounter }
  /** What a load of this namespace takes, in milliseconds: the value's next load will take that. */
  observedLoadTime(): number
}

// Seconds. A refusing Redis is tried again each second, and its essential writes are the first to return.
const retryAfter = 5

/** How one write differs from a plain one. */
export interface WriteCall {
  readonly signal: AbortSignal | undefined
  /** Handed to `save`: the value that an update has read. */
  readonly replaces?: unknown
  /** Takes the key instead of a message of its own: the news of many are told together. */
  readonly news?: string[]
  /** What the caller may still wait for Redis, where this is a part of a larger call. */
  readonly within?: Budget
}

/** A value in all the shapes that it takes. */
interface Prepared<V> {
  /** For Redis; undefined where it is too large. */
  readonly packed: Packed | undefined
  /** Of our own, for the caller may go on to change his. */
  readonly copy: V
  readonly version: Buffer | undefined
  readonly slots: readonly number[]
}

/**
 * Write-through: source, then Redis, then the other processes. An intent in Redis before the save, and a store only
 * where it is still the last one, keep Redis equal to the source whatever other writers and loaders do.
 */
export class WriteThrough<V> {
  readonly #parts: WriteParts<V>
  readonly #invalidating: Invalidating | undefined

  constructor(parts: WriteParts<V>) {
    this.#parts = parts
    const { remote, id, keys, settings, copies } = parts
    this.#invalidating = remote && new Invalidating(remote, id, keys, settings.policy, copies)
  }

  /** Resolves when the source has the value and Redis either has it or is known not to have an older one. */
  async set(key: string, value: V, call: WriteCall): Promise<void> {
    const { settings, fences, counters, remote, generations, clock } = this.#parts
    if (this.#onlyHome && remote?.gate.shut) {
      counters.writeErrors += 1
      throw this.#refused()
    }
    const prepared = await this.#prepare(key, value)
    const ticket = fences.openWrite(key)
    const budget = call.within ?? remote?.commands.budget()
    const ready = generations?.ready()
    const invalidating = this.#invalidating
    const intent =
      remote === undefined || budget === undefined || invalidating === undefined
        ? undefined
        : await this.#placeIntent(invalidating.keysOf(key), remote, budget)
    if (typeof ready === 'object') {
      const since = clock.now()
      await ready
      // Beside the intent it cost nothing.
      budget?.spend(Math.max(0, clock.now() - since))
    }
    const standing = generations && { mark: generations.mark, slots: prepared.slots }
    if (this.#onlyHome && intent === undefined) {
      fences.closeWrite(key, ticket)
      counters.writeErrors += 1
      throw this.#refused()
    }
    let keep = false
    try {
      await settings.save?.(key, value, { signal: call.signal, replaces: call.replaces })
      counters.writes += 1
      keep =
        remote === undefined ||
        budget === undefined ||
        invalidating === undefined ||
        (await this.#reachRedis(key, value, prepared, standing, intent, remote, invalidating, budget, call.news))
    } catch (error) {
      counters.writeErrors += 1
      // The source may have changed all the same.
      if (budget !== undefined) await invalidating?.one(key, budget, call.news)
      throw error
    } finally {
      intent?.end()
      const alone = fences.closeWrite(key, ticket)
      if (alone && keep && this.#isSafe(intent)) {
        this.#keepLocally(key, prepared.copy, intent?.stored ?? false, standing)
        if (ticket.touched) this.#parts.local?.mark(key)
      } else this.#parts.local?.delete(key)
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
    if (remote !== undefined) await this.#invalidating?.one(key, within ?? remote.commands.budget())
    fences.closeWrite(key, ticket)
    local?.delete(key)
  }

  /** Drops many, and tells the others of them in as few messages as they fit into. */
  async deleteMany(keys: readonly string[]): Promise<void> {
    const { fences, local, counters } = this.#parts
    const tickets = keys.map((key) => fences.openWrite(key))
    counters.deletes += keys.length
    await this.#invalidating?.many(keys)
    for (const [index, key] of keys.entries()) {
      fences.closeWrite(key, tickets[index] ?? { touched: false })
      local?.delete(key)
    }
  }

  /** Tells the others of keys whose news were held back. */
  async tell(keys: readonly string[]): Promise<void> {
    await this.#invalidating?.tell(keys)
  }

  /** Replays a write that Redis did not take. Rejects while it still does not. */
  async replay(key: string): Promise<void> {
    if (key === wholeNamespace) await this.#parts.generations?.replay()
    else await this.#invalidating?.replay(key)
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

  async #prepare(key: string, value: V): Promise<Prepared<V>> {
    const { codec, development, settings, remote } = this.#parts
    if (value === undefined) {
      throw new InvalidArgumentError('value', 'expected a value; use delete to drop one, or null as a value')
    }
    const slots = slotsOf(settings.tags, key, value)
    const version = versionOf(settings.version, value)
    if (development) await assertPreserved(codec, value, settings.name)
    const { compressFrom, largest } = remote?.account.economy() ?? unlimited
    try {
      const [packed, back] = await Promise.all([codec.pack(value, compressFrom), codec.roundTrip(value)])
      if (typeof back === 'string') throw new Error(`it does not fit the schema (${back})`)
      if (packed === undefined && this.#onlyHome) throw new Error('it is larger than maxValueBytes')
      const isLarge = packed !== undefined && packed.payload.length > largest
      return { packed: isLarge ? undefined : packed, copy: back.value, version, slots }
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown reason'
      throw new InvalidArgumentError('value', `expected a value that the cache can keep: ${reason}`)
    }
  }

  async #placeIntent(keys: EntryKeys, remote: WriteRemote, budget: Budget): Promise<Intent | undefined> {
    const token = randomBytes(12).toString('base64url')
    try {
      const outcome = await remote.gate.run(remote.account.claim(), () =>
        remote.entries.placeIntent(keys, token, intentTtl, budget),
      )
      return outcome === undefined ? new Intent(remote, this.#parts.clock, keys, token) : undefined
    } catch {
      return undefined
    }
  }

  /** True where no other write came between, so that this process may keep the value. */
  async #reachRedis(
    key: string,
    value: V,
    { packed, version }: Prepared<V>,
    standing: Standing | undefined,
    intent: Intent | undefined,
    remote: WriteRemote,
    invalidating: Invalidating,
    budget: Budget,
    news: string[] | undefined,
  ): Promise<boolean> {
    const stamps = standing && this.#parts.generations?.stampsOf(standing)
    // Dropped while it was being saved, or unknown how it would be: what a reader could not believe is not stored.
    const isOutdated = standing !== undefined && stamps === undefined
    if (intent === undefined || packed === undefined || isOutdated) {
      await invalidating.one(key, budget, news)
      return true
    }
    const times = economise(this.#timesOf(value), remote.account.economy())
    const bytes = seal(packed, times, { version, stamps })
    const life = Math.max(1, Math.ceil(times.expiresAt - times.storedAt))
    try {
      const { keys, token } = intent
      const outcome = await invalidating.throughCopies([key], invalidating.messages(key, news), budget, ([told = '']) =>
        remote.entries.storeWrite(
          ...([keys, token, bytes, life, remote.channel, told, budget, version, this.#onlyHome] as const),
        ),
      )
      if (outcome === 'refused') remote.gate.noteRefusal('oom', bytes.length)
      intent.stored = outcome === 'stored'
      if (intent.stored) this.#parts.observations.payloadBytes.observe(bytes.length)
      if (intent.stored) remote.account.stored(key, bytes.length, times.expiresAt)
      else remote.account.gone(key)
      // The source has what is newer, and so has Redis.
      if (outcome === 'superseded') intent.stored = true
      return outcome === 'stored' || outcome === 'refused'
    } catch (error) {
      invalidating.failed([key], error)
      return true
    }
  }

  #keepLocally(key: string, value: V, inRedis: boolean, standing: Standing | undefined): void {
    const { keeper, settings, generations } = this.#parts
    if (standing !== undefined && generations?.stands(standing) === false) this.#parts.local?.delete(key)
    else keeper.keep(key, value, this.#timesOf(value), settings.policy, inRedis, standing)
  }

  #timesOf(value: V) {
    const { settings, clock, random } = this.#parts
    return timesOf(value, this.#parts.observedLoadTime(), settings.policy.ttl, settings.policy, clock.now(), random)
  }
}

const unlimited = { compressFrom: Number.POSITIVE_INFINITY, largest: Number.POSITIVE_INFINITY }
