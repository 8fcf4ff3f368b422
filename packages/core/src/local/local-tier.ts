import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import type { Times } from '../entry/envelope.ts'
import { type Evictable, evict, noteHit, noteMiss } from './eviction.ts'
import { freezeDeeply } from './freeze.ts'
import { hashOf } from './frequency-sketch.ts'
import { HotKeys } from './hot-keys.ts'
import { RetentionDuel } from './retention.ts'
import { sizeOf, sizeOfString } from './size-of.ts'

/** The times of a local entry: those of the value, and those that hold for this process. */
export interface LocalTimes extends Times {
  /** Until then it is answered without a look at anything else. */
  readonly quietUntil: number
  /** Until then it is fresh for this process: the end of its `ttl` or of the local one, whichever is nearer. */
  readonly localUntil: number
}

export interface LocalEntry<V> extends LocalTimes, Evictable {
  quietUntil: number
  localUntil: number
  freshUntil: number
  readonly value: V | undefined
  /** Settled once and handed to every hit: a hit allocates nothing. */
  promise: Promise<V | undefined> | undefined
  /** Hits get a clone each, because the option says so or because the value cannot be frozen. */
  readonly cloned: boolean
  /** The epoch in which it was last known to stand; one of an earlier epoch is looked at again. */
  epoch: number
  /** The doubts there were when it was put; with more of them it is only a stale reserve. */
  readonly doubts: number
  readonly standing: Standing | undefined
}

/** What an entry is dropped by besides its key: the slots of its tags, and the changes known before its value was read. */
export interface Standing {
  readonly mark: number
  readonly slots: readonly number[]
}

// An entry object with its promise and its slots in lru-cache's map and lists, measured at 300 to 400 bytes.
const entryBytes = 400

/** Its object with an array of small integers. */
const standingBytes = (standing: Standing) => 56 + 8 * standing.slots.length

// A replaced entry is old garbage, which V8 leaves lying about until the heap has grown several times over: where entries
// turn over fast, resident memory was measured at over twice what is live. The bound is meant for resident memory.
const garbageFactor = 2.5

// The local end of an entry that was marked: over, whatever the time.
const marked = Number.NEGATIVE_INFINITY

/** One value must not empty the tier. */
const largestShare = 8

// How many evictions pass before the trial of retentions is told of another size.
const resizedAfter = 256

/**
 * The in-process tier of one cache: its namespaces under one bound in bytes. Where the bound is hit, the namespace that
 * holds the most gives way, so that a flood in one does not wash out the others; which of its entries is told by the
 * retention that serves its traffic best.
 */
export class LocalTier {
  readonly maxBytes: number
  readonly #namespaces: LocalNamespace<unknown>[] = []
  #bytes = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get entries(): number {
    return this.#namespaces.reduce((sum, namespace) => sum + namespace.size, 0)
  }

  namespace<V>(
    clock: Clock,
    clone: boolean,
    hotKeys = new HotKeys(clock),
    stands: (standing: Standing | undefined) => boolean = () => true,
  ): LocalNamespace<V> {
    const namespace = new LocalNamespace<V>(this, clock, clone, hotKeys, stands)
    this.#namespaces.push(namespace as LocalNamespace<unknown>)
    return namespace
  }

  /** @internal Books a change of size and makes room where the bound is passed. */
  account(bytes: number): void {
    this.#bytes += bytes
    while (this.#bytes > this.maxBytes) {
      let largest: LocalNamespace<unknown> | undefined
      for (const namespace of this.#namespaces) {
        if (largest === undefined || namespace.bytes > largest.bytes) largest = namespace
      }
      const freed = largest?.evictOne() ?? 0
      if (freed === 0) return
      this.#bytes -= freed
    }
  }

  /** Turns every entry into a stale reserve: writes may have been missed. */
  distrust(): void {
    for (const namespace of this.#namespaces) namespace.distrust()
  }

  clear(): void {
    for (const namespace of this.#namespaces) namespace.clear()
  }
}

export class LocalNamespace<V> {
  readonly #tier: LocalTier
  readonly #clock: Clock
  readonly #clone: boolean
  readonly #hotKeys: HotKeys
  readonly #stands: (standing: Standing | undefined) => boolean
  readonly #entries: LRUCache<string, LocalEntry<V>>
  /** Undefined until an entry had to give way: what fits needs no choice. */
  #duel: RetentionDuel | undefined
  #epoch = 0
  #doubts = 0
  #markedBefore = 0
  #untilNoted = 1
  #closed = false
  hits = 0
  evictions = 0
  /** Entries that were dropped because another process wrote their key, and those that writes may have been missed for. */
  invalidated = 0
  doubted = 0
  /** Entries that Redis is to be asked about, because it told that something happened to them there. */
  marked = 0

  constructor(
    tier: LocalTier,
    clock: Clock,
    clone: boolean,
    hotKeys: HotKeys,
    stands: (standing: Standing | undefined) => boolean,
  ) {
    this.#tier = tier
    this.#clock = clock
    this.#clone = clone
    this.#hotKeys = hotKeys
    this.#stands = stands
    this.#entries = new LRUCache<string, LocalEntry<V>>({
      // The tier sees to the bound, for which entry gives way is its choice: here is room for one more.
      maxSize: tier.maxBytes + Math.floor(tier.maxBytes / largestShare),
      maxEntrySize: Math.floor(tier.maxBytes / largestShare),
    })
  }

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#entries.calculatedSize
  }

  /** Whether every caller gets a clone of its own. */
  get clones(): boolean {
    return this.#clone
  }

  get statistics() {
    return {
      entries: this.size,
      bytes: this.bytes,
      evictions: this.evictions,
      invalidations: {
        'written-elsewhere': this.invalidated,
        doubt: this.doubted,
        'touched-in-redis': this.marked,
      },
    }
  }

  /** The hot path: a promise where the entry can be answered as it is, else undefined and `peek` tells more. */
  hit(key: string): Promise<V | undefined> | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.epoch !== this.#epoch || this.#clock.now() >= entry.quietUntil) return undefined
    this.hits += 1
    entry.hits += 1
    this.#untilNoted -= 1
    if (this.#untilNoted === 0) this.#untilNoted = this.#hotKeys.noteHit(key)
    if (this.#duel !== undefined && (entry.hash & this.#duel.sampleMask) === 0) noteHit(entry, this.#duel)
    if (entry.cloned) return Promise.resolve(structuredClone(entry.value))
    entry.promise ??= Promise.resolve(entry.value)
    return entry.promise
  }

  /** The entry in whatever state, as long as it is kept. */
  peek(key: string): LocalEntry<V> | undefined {
    const entry = this.#entries.peek(key)
    if (entry === undefined) return undefined
    const isOver = this.#clock.now() >= entry.expiresAt
    if (isOver || (entry.epoch !== this.#epoch && !this.#stands(entry.standing))) {
      if (!isOver) this.invalidated += 1
      this.delete(key)
      return undefined
    }
    if (entry.epoch < this.#markedBefore) entry.quietUntil = entry.localUntil = marked
    // Looked at once an epoch: from now on it is a hit again.
    if (this.trusts(entry)) entry.epoch = this.#epoch
    return entry
  }

  trusts(entry: LocalEntry<V>): boolean {
    return entry.doubts === this.#doubts
  }

  /** Whether Redis must be asked before it is answered. */
  isMarked(entry: LocalEntry<V>): boolean {
    return entry.localUntil === marked
  }

  /**
   * Stores a value and freezes it, which the caller who loaded it sees too. Untrusted entries are a stale reserve only:
   * the channel that would tell of other processes' writes is down.
   *
   * @throws DataCloneError where a value that must be cloned cannot be.
   */
  set(key: string, value: V | undefined, times: LocalTimes, trusted = true, standing?: Standing | undefined): void {
    if (this.#closed) return
    const cloned = this.#clone || !freezeDeeply(value)
    const replaced = this.#entries.peek(key)
    const hash = replaced?.hash ?? hashOf(key)
    if (this.#duel !== undefined) noteMiss(hash, this.#duel)
    const entry: LocalEntry<V> = {
      storedAt: times.storedAt,
      quietUntil: times.quietUntil,
      localUntil: times.localUntil,
      freshUntil: times.freshUntil,
      expiresAt: times.expiresAt,
      loadTime: times.loadTime,
      value: cloned ? structuredClone(value) : value,
      promise: undefined,
      cloned,
      epoch: trusted ? this.#epoch : this.#epoch - 1,
      doubts: trusted ? this.#doubts : this.#doubts - 1,
      standing,
      hash,
      hits: replaced?.hits ?? 0,
      counted: replaced?.counted ?? 0,
    }
    const before = this.#entries.calculatedSize
    const bytes =
      entryBytes + sizeOfString(key) + sizeOf(value) + (standing === undefined ? 0 : standingBytes(standing))
    this.#entries.set(key, entry, { size: Math.ceil(garbageFactor * bytes) })
    this.#tier.account(this.#entries.calculatedSize - before)
  }

  /** Whether there was one. */
  delete(key: string): boolean {
    const before = this.#entries.calculatedSize
    const deleted = this.#entries.delete(key)
    this.#tier.account(this.#entries.calculatedSize - before)
    return deleted
  }

  /** Another process wrote the key. */
  invalidate(key: string): void {
    if (this.delete(key)) this.invalidated += 1
  }

  /**
   * Something happened to the key in Redis: a write, an eviction, the end of its time. The entry stays, and a hit costs no
   * comparison more: its local time is over.
   */
  mark(key: string): void {
    const entry = this.#entries.peek(key)
    if (entry === undefined || entry.localUntil === marked) return
    entry.quietUntil = entry.localUntil = marked
    this.marked += 1
  }

  /** Redis was asked about a marked entry and holds nothing: that was its end. From now on it is stale like any other. */
  expire(entry: LocalEntry<V>): void {
    entry.freshUntil = Math.min(entry.freshUntil, this.#clock.now())
    entry.quietUntil = entry.localUntil = entry.freshUntil
  }

  /** Marks every entry, each when it is next asked for. */
  markAll(): void {
    this.#epoch += 1
    this.#markedBefore = this.#epoch
    this.marked += this.#entries.size
  }

  /** Some entries may not stand any more: each is looked at before it is answered again. */
  reconsider(): void {
    this.#epoch += 1
  }

  distrust(): void {
    this.#epoch += 1
    this.#doubts += 1
    this.doubted += this.#entries.size
  }

  clear(): void {
    const before = this.#entries.calculatedSize
    this.#entries.clear()
    this.#tier.account(-before)
  }

  /** Keeps nothing from now on: a write or a load that ends later would make hits. */
  close(): void {
    this.#closed = true
    this.clear()
  }

  /** @internal Answers the bytes freed; the tier books them. */
  evictOne(): number {
    const before = this.#entries.calculatedSize
    this.#duel ??= new RetentionDuel()
    if (this.evictions++ % resizedAfter === 0) this.#duel.resize(this.#entries.size)
    evict(this.#entries, this.#duel, this.#clock)
    return before - this.#entries.calculatedSize
  }
}
