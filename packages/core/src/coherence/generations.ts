import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Standing } from '../local/local-tier.ts'
import type { RedisCommands } from '../redis/commands.ts'
import { GenerationTable, parseCounted, parseGenerations, stampedSlots } from './generation-table.ts'
import { type GenerationsMessage, generationsHead } from './messages.ts'
import { type PendingInvalidations, wholeNamespace } from './pending-invalidations.ts'

export interface GenerationsRemote {
  readonly commands: Pick<RedisCommands, 'readGenerations' | 'countGenerations' | 'replaceGenerations' | 'budget'>
  readonly pending: PendingInvalidations
  readonly clock: Clock
  readonly channelName: string
  readonly sender: string
  readonly channel: 'off' | 'connected' | 'lost'
}

// A bound on one script and on one message.
const largestBatch = 200
// While one answer is under way. With more it is not believed, and asked for again.
const mostHeard = 1_000

const newIdentity = () => randomBytes(9).toString('base64url')

/**
 * Drops a whole namespace, or all values of a tag, by counting instead of deleting. Every entry in Redis carries the
 * namespace's identity and the counts of its tags as they were before its value was read from the source; it is believed
 * only while they still are. The process holds the counts, the channel keeps them right, and they are read again
 * whenever a message may have been missed. An identity that is gone from Redis comes back as another one by chance, so
 * that what was stored before is a miss and not a hit.
 *
 * Within the process a log of changes does the same, with or without Redis: a value stands while none of its slots has
 * changed since it was read.
 */
export class Generations {
  readonly #id: string
  readonly #redisKey: string
  readonly #remote: GenerationsRemote | undefined
  readonly #longestLife: number
  readonly #checkEvery: number
  readonly #onChange: (isAll: boolean) => void
  readonly #table = new GenerationTable()
  /** What Redis has not been told yet; an object of its own for each time, for a replay settles only what it has told. */
  readonly #untold = new Map<number | 'all', object>()
  readonly #changedAt = new Map<number, number>()
  #changes = 0
  /** A load began before anything was known of Redis: what it finds has nothing to be compared with. */
  #isUnknownLoaded = false
  #allChangedAt = 0
  #knownUntil = Number.NEGATIVE_INFINITY
  /**
   * The counts are known until the channel is doubted, and Redis has been told everything. All that a hit asks: whether the channel is connected takes
   * longer to find out.
   */
  #isSettled = false
  #doubts = 0
  #asking: Promise<boolean> | undefined
  #underWay = 0
  /** What was told while the first answer was under way. */
  #heard: GenerationsMessage[] = []

  /**
   * `longestLife`: for how long an entry can be in Redis. `checkEvery`: where there is no channel, how old the counts may
   * be; both in milliseconds. `onChange`: what is under way or held for the namespace may not stand any more.
   */
  constructor(
    id: string,
    redisKey: string,
    remote: GenerationsRemote | undefined,
    times: { readonly longestLife: number; readonly checkEvery: number },
    onChange: (isAll: boolean) => void,
  ) {
    this.#id = id
    this.#redisKey = redisKey
    this.#remote = remote
    this.#longestLife = times.longestLife
    this.#checkEvery = times.checkEvery
    this.#onChange = onChange
  }

  /** Before the source is asked: what changes from now on may not be in its answer. */
  get mark(): number {
    this.#isUnknownLoaded ||= this.#table.identity === ''
    return this.#changes
  }

  stands({ mark, slots }: Standing): boolean {
    if (mark === this.#changes) return true
    if (this.#allChangedAt > mark) return false
    return slots.every((slot) => (this.#changedAt.get(slot) ?? 0) <= mark)
  }

  /** Whether an entry in Redis is to be believed, by the stamps in its bytes from `at` on. */
  believes(bytes: Buffer, at: number): boolean {
    if (at === 0 || !this.#table.isCurrent(bytes, at)) return false
    return this.#isSettled || (this.#known && !this.#isUntold(stampedSlots(bytes, at)))
  }

  /** By what an entry that is believed now may be kept. */
  standingOf(bytes: Buffer, at: number): Standing {
    return { mark: this.#changes, slots: stampedSlots(bytes, at) }
  }

  /** What an entry is stored with; undefined where it is not to be stored. */
  stampsOf(standing: Standing): Buffer | undefined {
    const { slots } = standing
    if (!this.#known || !this.stands(standing) || this.#isUntold(slots)) return undefined
    return this.#table.stampsOf(slots)
  }

  /** Whether the counts are right for a read that begins now; a promise where Redis must be asked for them, which never rejects. */
  ready(): boolean | Promise<boolean> {
    return this.#isSettled || this.#readyOrAsk()
  }

  #readyOrAsk(): boolean | Promise<boolean> {
    const remote = this.#remote
    if (remote === undefined) return false
    if (remote.channel !== 'lost' && this.#known) return true
    // Not heard of is not unchanged: without the channel each read asks anew, those of one tick together.
    this.#asking ??= this.#ask(remote)
    return this.#asking
  }

  /** Resolves when no process that can be reached believes what was stored under these tags. */
  async invalidate(slots: readonly number[]): Promise<void> {
    this.#change(slots)
    if (this.#remote === undefined) return
    for (const slot of slots) this.#untold.set(slot, {})
    this.#isSettled = false
    await this.#tellOrRemember(this.#remote)
  }

  /** Resolves when no process that can be reached believes what was stored in this namespace. */
  async clear(): Promise<void> {
    this.#changeAll()
    if (this.#remote === undefined) return
    this.#untold.set('all', {})
    this.#isSettled = false
    await this.#tellOrRemember(this.#remote)
  }

  /** Rejects while Redis does not take it. */
  async replay(): Promise<void> {
    if (this.#remote !== undefined) await this.#tell(this.#remote)
  }

  onMessage(message: GenerationsMessage): void {
    const { identity, counts } = message
    if (this.#table.identity === '') {
      // Nothing of Redis is believed yet. Whether the first answer is older than this is to be seen when it is here.
      if (this.#heard.length === mostHeard) this.#forget()
      else if (this.#underWay > 0) this.#heard.push(message)
      this.#changeAll()
    } else if (identity !== this.#table.identity) {
      // Whether it is newer than what is known, Redis must say.
      this.#table.replace(identity)
      this.#forget()
      this.#changeAll()
    } else this.#heed(counts)
  }

  /** Messages may have been missed. */
  onDoubt(): void {
    this.#forget()
  }

  get #known(): boolean {
    if (this.#knownUntil === Number.POSITIVE_INFINITY) return true
    return this.#remote !== undefined && this.#remote.clock.now() < this.#knownUntil
  }

  #isUntold(slots: readonly number[]): boolean {
    return this.#untold.has('all') || slots.some((slot) => this.#untold.has(slot))
  }

  #forget(): void {
    this.#knownUntil = Number.NEGATIVE_INFINITY
    this.#isSettled = false
    this.#doubts += 1
    this.#asking = undefined
  }

  #change(slots: readonly number[]): void {
    this.#changes += 1
    for (const slot of slots) this.#changedAt.set(slot, this.#changes)
    this.#onChange(false)
  }

  #changeAll(): void {
    this.#changes += 1
    this.#allChangedAt = this.#changes
    this.#changedAt.clear()
    this.#onChange(true)
  }

  #heed(counts: readonly (readonly [number, number])[]): void {
    const newer = counts.filter(([slot, count]) => count > this.#table.count(slot))
    for (const [slot, count] of newer) this.#table.set(slot, count)
    if (newer.length > 0) this.#change(newer.map(([slot]) => slot))
  }

  async #ask(remote: GenerationsRemote): Promise<boolean> {
    const { commands, channelName, clock } = remote
    const doubts = this.#doubts
    const before = this.#changes
    const asked = clock.now()
    this.#underWay += 1
    const answer = commands.readGenerations(
      this.#redisKey,
      newIdentity(),
      channelName,
      generationsHead(remote.sender, this.#id),
      commands.budget(),
    )
    if (remote.channel === 'lost') queueMicrotask(() => this.#stopSharing(doubts))
    try {
      const bytes = await answer
      // What came between may be missing in this answer.
      if (doubts !== this.#doubts) return false
      if (!this.#adopt(bytes, before)) return false
      this.#knownUntil = remote.channel === 'off' ? asked + this.#checkEvery : Number.POSITIVE_INFINITY
      this.#noteSettled()
      return true
    } catch {
      // Without the channel what was known when Redis last answered may have been counted on since.
      if (doubts === this.#doubts) this.#knownUntil = Number.NEGATIVE_INFINITY
      this.#noteSettled()
      return false
    } finally {
      if (doubts === this.#doubts) this.#asking = undefined
      this.#underWay -= 1
      if (this.#underWay === 0) this.#heard = []
    }
  }

  #stopSharing(doubts: number): void {
    if (doubts === this.#doubts) this.#asking = undefined
  }

  /** Whether the answer is the latest that is known. */
  #adopt(bytes: Buffer, before: number): boolean {
    const { identity, counts } = parseGenerations(bytes)
    if (this.#table.identity === '') return this.#adoptFirst(identity, counts)
    if (identity !== this.#table.identity) {
      this.#table.replace(identity)
      for (const [slot, count] of counts) this.#table.set(slot, count)
      this.#changeAll()
      return true
    }
    // Less than was known when Redis was asked: it came back with older data, and so did its entries.
    for (const [slot, count] of this.#table.counted()) {
      if ((counts.get(slot) ?? 0) < count && (this.#changedAt.get(slot) ?? 0) <= before) {
        void this.clear()
        return false
      }
    }
    this.#heed([...counts])
    return true
  }

  #adoptFirst(identity: string, counts: ReadonlyMap<number, number>): boolean {
    const heard = this.#heard
    this.#heard = []
    if (heard.length > 0 && heard.at(-1)?.identity !== identity) return false
    this.#table.replace(identity)
    for (const [slot, count] of counts) this.#table.set(slot, count)
    // Else whoever reads for the first time would have to forget what he is reading.
    if (this.#isUnknownLoaded) this.#changeAll()
    for (const message of heard) if (message.identity === identity) this.#heed(message.counts)
    return true
  }

  async #tellOrRemember(remote: GenerationsRemote): Promise<void> {
    try {
      await this.#tell(remote)
    } catch {
      remote.pending.add(this.#id, wholeNamespace, this.#longestLife)
    }
  }

  async #tell(remote: GenerationsRemote): Promise<void> {
    const { commands, channelName, sender } = remote
    const head = generationsHead(sender, this.#id)
    const untold = [...this.#untold]
    if (this.#untold.has('all')) {
      const identity = newIdentity()
      await commands.replaceGenerations(this.#redisKey, identity, channelName, head, commands.budget())
      this.#settle(untold)
      this.onMessage({ kind: 'generations', sender, namespace: this.#id, identity, counts: [] })
      return
    }
    for (let from = 0; from < untold.length; from += largestBatch) {
      const some = untold.slice(from, from + largestBatch)
      const slots = some.map(([slot]) => Number(slot))
      const budget = commands.budget()
      const reply = await commands.countGenerations(this.#redisKey, newIdentity(), channelName, head, slots, budget)
      const { identity, counts } = parseCounted(reply, slots)
      this.#settle(some)
      this.onMessage({ kind: 'generations', sender, namespace: this.#id, identity, counts })
    }
  }

  #settle(told: readonly (readonly [number | 'all', object])[]): void {
    for (const [slot, time] of told) if (this.#untold.get(slot) === time) this.#untold.delete(slot)
    this.#noteSettled()
  }

  #noteSettled(): void {
    const isKnown = this.#knownUntil === Number.POSITIVE_INFINITY && this.#remote?.channel === 'connected'
    this.#isSettled = isKnown && this.#untold.size === 0
  }
}
