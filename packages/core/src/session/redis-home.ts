import type { Clock } from '../clock.ts'
import { invalidation } from '../coherence/messages.ts'
import { SessionsUnavailableError } from '../errors.ts'
import type { Account } from '../pressure/account.ts'
import type { Observations } from '../read/counters.ts'
import type { Budget } from '../redis/budget.ts'
import * as scripts from '../redis/session-scripts.ts'
import { headLength, openSession, revisionAt, sealSession, userOfHead } from './envelope.ts'
import type { IndexedSession, Replaced, SessionHome } from './home.ts'
import type { LossGrace } from './loss.ts'
import type { LivingRecord, SessionRecord } from './record.ts'
import type { SessionCommands } from './session-commands.ts'
import type { SessionKeys } from './session-keys.ts'
import type { SessionCounters } from './statistics.ts'
import { UserIndex } from './user-index.ts'

/** What a home in Redis stands on. */
export interface RedisHomeParts {
  readonly commands: SessionCommands
  readonly keys: SessionKeys
  readonly loss: LossGrace
  readonly clock: Clock
  readonly counters: SessionCounters
  readonly account: Account | undefined
  readonly observations: Observations
  readonly absoluteTimeout: number
  readonly deflateFrom: number | undefined
  /** Under which the processes tell each other of sessions that have changed. */
  readonly channelId: string
}

// Longer than any save under way: by then whoever held the session has had an answer.
const tombstoneLife = 60_000
/** Sessions that are read or ended at once in bulk: some milliseconds of Redis's time, and others come between. */
const together = 32
// Of keys that have come in this walk, so that none is told twice. Beyond it some may be, where Redis grows its table.
const mostSeen = 200_000

/** Sessions in Redis and nowhere else. */
export class RedisHome implements SessionHome {
  readonly enlists = 'before'
  readonly #parts: RedisHomeParts
  readonly #index: UserIndex
  /** Handles for which Redis has just taken an index entry: the session itself need not ask the write gate again. */
  readonly #admitted = new Set<string>()

  constructor(parts: RedisHomeParts) {
    this.#parts = parts
    this.#index = new UserIndex(parts.commands, parts.keys, parts.clock, parts.absoluteTimeout)
  }

  async load(handle: string, budget: Budget): Promise<LivingRecord | undefined> {
    const { loss, account, observations } = this.#parts
    const started = performance.now()
    const found = await this.#find(handle, budget)
    observations.getSeconds.observe((performance.now() - started) / 1_000)
    if (found.kind === 'session') return found.record
    if (found.kind === 'unreadable') return undefined
    account?.absent(handle)
    if (loss.believes(found.run)) return undefined
    throw new SessionsUnavailableError('loss', Math.min(5, Math.max(1, Math.ceil(loss.left / 1_000))))
  }

  async create(handle: string, record: SessionRecord, ttl: number, budget: Budget): Promise<boolean> {
    const bytes = await this.#seal(record)
    const args = [bytes, whole(ttl), record.revision, revisionAt.start, revisionAt.end]
    const stored = (await this.#grow(scripts.createSession, handle, args, budget, bytes, isOne)) === 1
    if (stored) this.#note(handle, bytes, ttl)
    return stored
  }

  async replace(
    handle: string,
    record: SessionRecord,
    ttl: number,
    expected: string | undefined,
    budget: Budget,
  ): Promise<Replaced> {
    const bytes = await this.#seal(record)
    const revisions = [record.revision, revisionAt.start, revisionAt.end, expected ?? '']
    const args = [bytes, whole(ttl), ...revisions, ...this.#news(handle)]
    const reply = await this.#grow(scripts.replaceSession, handle, args, budget, bytes, (one) => isOne(first(one)))
    const [kind, value, left] = reply as [number, Buffer?, number?]
    if (kind === 1) {
      this.#note(handle, bytes, ttl)
      this.#relist(handle, record)
      return { kind: 'stored' }
    }
    const current = kind === 2 ? this.#open(value, left) : undefined
    return current === undefined ? { kind: 'gone' } : { kind: 'conflict', current }
  }

  async put(handle: string, record: SessionRecord, ttl: number, budget: Budget): Promise<boolean> {
    const bytes = await this.#seal(record)
    const args = [bytes, whole(ttl), ...this.#news(handle)]
    const stored = (await this.#grow(scripts.putSession, handle, args, budget, bytes, isOne)) === 1
    if (stored) this.#note(handle, bytes, ttl)
    return stored
  }

  async touch(handle: string, record: SessionRecord, ttl: number, budget: Budget): Promise<boolean> {
    const { commands, keys } = this.#parts
    const there = isOne(await commands.write(scripts.touchSession, [keys.session(handle)], [whole(ttl)], budget))
    if (there) this.#relist(handle, record)
    return there
  }

  destroy(handle: string, user: string | undefined, budget: Budget): Promise<boolean> {
    return this.#end(handle, user, budget)
  }

  async enlist(
    user: string,
    handle: string,
    createdAt: number,
    ttl: number,
    budget: Budget,
  ): Promise<readonly IndexedSession[]> {
    const listed = await this.#index.enlist(user, handle, createdAt, ttl, budget)
    this.#admitted.add(handle)
    return listed
  }

  async delist(user: string, handle: string, budget: Budget): Promise<void> {
    this.#admitted.delete(handle)
    await this.#index.delist(user, [handle], budget)
  }

  async ofUser(user: string, budget: Budget): Promise<readonly IndexedSession[]> {
    return await this.#index.living(user, await this.#index.list(user, budget), budget)
  }

  async destroyUser(user: string, except: string | undefined, budget: Budget): Promise<number> {
    const listed = await this.#index.list(user, budget)
    const ending = listed.map(({ handle }) => handle).filter((handle) => handle !== except)
    let ended = 0
    for (let start = 0; start < ending.length; start += together) {
      const some = ending.slice(start, start + together)
      const existed = await Promise.all(some.map((handle) => this.#end(handle, undefined, budget)))
      ended += existed.filter(Boolean).length
      await this.#leave(user, some, budget)
    }
    return ended
  }

  async count(): Promise<number> {
    let count = 0
    for await (const handles of this.#pages()) count += handles.length
    return count
  }

  async *all(): AsyncGenerator<readonly { readonly handle: string; readonly record: LivingRecord }[]> {
    for await (const handles of this.#pages()) {
      const found = await Promise.all(handles.map((handle) => this.#find(handle, this.#parts.commands.ownBudget())))
      yield found.flatMap((one, index) =>
        one.kind === 'session' ? [{ handle: handles[index] ?? '', record: one.record }] : [],
      )
    }
  }

  async clear(): Promise<number> {
    const { commands, keys, account } = this.#parts
    let cleared = 0
    for await (const handles of this.#pages()) {
      const existed = await Promise.all(handles.map((handle) => commands.unlink(keys.session(handle))))
      cleared += existed.filter(Boolean).length
      for (const handle of handles) account?.gone(handle)
    }
    for await (const indexes of commands.keyPages(keys.indexPattern)) {
      for (let start = 0; start < indexes.length; start += together) {
        await Promise.all(indexes.slice(start, start + together).map((key) => commands.unlink(key)))
      }
    }
    return cleared
  }

  async close(): Promise<void> {}

  async #find(handle: string, budget: Budget): Promise<Found> {
    const { commands, keys, counters } = this.#parts
    const reply = await commands.read(scripts.loadSession, [keys.session(handle)], [], budget)
    const [kind, value, ttl] = reply as [number, Buffer?, number?]
    if (kind === 0) return { kind: 'none', run: value === undefined || value.length === 0 ? undefined : String(value) }
    const record = kind === 1 ? this.#open(value, ttl) : undefined
    if (record !== undefined) return { kind: 'session', record }
    if (kind !== 1) counters.unreadable += 1
    return { kind: 'unreadable' }
  }

  /** Handles in small numbers, each once. */
  async *#pages(): AsyncGenerator<readonly string[]> {
    const { commands, keys } = this.#parts
    const seen = new Set<string>()
    for await (const page of commands.keyPages(keys.pattern)) {
      const handles: string[] = []
      for (const key of page) {
        const handle = keys.handleOfKey(key)
        if (handle === undefined || seen.has(handle)) continue
        if (seen.size < mostSeen) seen.add(handle)
        handles.push(handle)
      }
      for (let start = 0; start < handles.length; start += together) yield handles.slice(start, start + together)
    }
  }

  #seal(record: SessionRecord): Promise<Buffer> {
    return sealSession(record, this.#parts.deflateFrom)
  }

  #open(bytes: Buffer | undefined, ttl: number | undefined): LivingRecord | undefined {
    if (bytes === undefined || ttl === undefined) return undefined
    const record = openSession(bytes)
    if (typeof record !== 'string') return { ...record, ttl }
    this.#parts.counters.unreadable += 1
    return undefined
  }

  /** Where to tell the other processes that a session has changed, and what. */
  #news(handle: string): readonly [string, string] {
    const { commands, channelId } = this.#parts
    return [commands.link.channelName, invalidation(commands.link.sender, channelId, handle)]
  }

  async #end(handle: string, known: string | undefined, budget: Budget): Promise<boolean> {
    const { commands, keys, account } = this.#parts
    this.#admitted.delete(handle)
    const both = [keys.session(handle), keys.tombstone(handle)]
    const args = [tombstoneLife, headLength - 1, ...this.#news(handle)]
    const reply = await commands.write(scripts.destroySession, both, args, budget)
    const [existed, head] = reply as [number, Buffer]
    account?.gone(handle)
    if (known !== undefined) await this.#leave(known, [handle], budget)
    const user = userOfHead(head)
    if (user !== undefined && user !== known) void this.#leave(user, [handle], commands.ownBudget())
    return existed === 1
  }

  /**
   * Once the sessions have ended: a session that could not be ended keeps its entry, or whoever tries again would not find
   * it. An entry without a session is taken out when the user's sessions are next looked at.
   */
  async #leave(user: string, handles: readonly string[], budget: Budget): Promise<void> {
    await this.#index.delist(user, handles, budget).catch(() => {})
  }

  /** Accounts for what was stored: how much sessions hold, and whether Redis loses some before their time. */
  #note(handle: string, bytes: Buffer, ttl: number): void {
    const { account, clock, observations } = this.#parts
    account?.stored(handle, bytes.length, clock.now() + ttl)
    observations.payloadBytes.observe(bytes.length)
  }

  #relist(handle: string, { user, createdAt }: SessionRecord): void {
    if (user !== undefined) this.#index.relist(user, handle, createdAt)
  }

  /** A session whose index entry Redis has just taken has passed the write gate with it. */
  #grow(
    script: scripts.Script,
    handle: string,
    args: readonly (string | number | Buffer)[],
    budget: Budget,
    bytes: Buffer,
    wrote: (reply: unknown) => boolean,
  ): Promise<unknown> {
    const { commands, keys } = this.#parts
    const both = [keys.session(handle), keys.tombstone(handle)]
    if (this.#admitted.delete(handle)) return commands.write(script, both, args, budget)
    return commands.grow(script, both, args, budget, bytes.length, wrote)
  }
}

type Found =
  | { readonly kind: 'session'; readonly record: LivingRecord }
  | { readonly kind: 'unreadable' }
  /** With the run of the server that said so, where it tells. */
  | { readonly kind: 'none'; readonly run: string | undefined }

const whole = (ttl: number) => Math.max(1, Math.ceil(ttl))
const first = (reply: unknown) => (reply as readonly unknown[])[0]
const isOne = (reply: unknown) => reply === 1
