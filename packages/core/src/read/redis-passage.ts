import type { Entry } from '../entry/codec.ts'
import type { Unreadable } from '../entry/envelope.ts'
import type { LocalEntry } from '../local/local-tier.ts'
import { stalenessOf } from '../options/namespace-options.ts'
import type { ErrandOutcome } from './errand.ts'
import type { KeyRead } from './key-read.ts'
import { acquireLease, seenOf } from './lease.ts'
import type { Loading, StoringRight } from './loading.ts'
import { handOut, type ReadParts, type ReadRemote, type Reserve } from './read-parts.ts'

/** What was found under a key in Redis. By its bytes the lease's script tells whether it has changed since. */
export type Look<V> =
  | { readonly kind: 'entry'; readonly entry: Entry<V>; readonly bytes: Buffer }
  | { readonly kind: 'absent'; readonly bytes: Buffer | null }
  | { readonly kind: 'trouble' }

/** How the way through Redis ended: the callers have their answer, or the source must be asked. */
export type Passed<V> = 'answered' | { readonly reserve: Reserve<V> | undefined; readonly right: StoringRight }

// A message wakes those who wait for another's load; polling is for messages that get lost.
const pollFrom = 60
const pollTo = 250

const absent = { kind: 'absent', bytes: null } as const

/** The leg of a read that leads through Redis: what is there, and else who may load it. */
export class RedisPassage<V> {
  readonly #parts: ReadParts<V>
  readonly #remote: ReadRemote
  readonly #loading: Loading<V>

  constructor(parts: ReadParts<V>, remote: ReadRemote, loading: Loading<V>) {
    this.#parts = parts
    this.#remote = remote
    this.#loading = loading
  }

  /** Reads what Redis answered. Where that is a fresh entry, the callers have it when this returns. */
  look(read: KeyRead<V>, bytes: Buffer | null): Look<V> | Promise<Look<V>> | 'answered' {
    if (bytes === null) {
      if (!this.#remote.commands.hasReader) this.#remote.account.absent(read.key)
      return absent
    }
    const decoded = this.#parts.codec.decode(bytes)
    if (decoded instanceof Promise || typeof decoded === 'string') return this.#toLook(decoded, bytes)
    if (this.#isOutdated(decoded, bytes)) return { kind: 'absent', bytes }
    const now = this.#parts.clock.now()
    if (read.flight.wanted && this.#settleFresh(read, decoded, bytes, now, true)) {
      if (!this.#isEarly(read, decoded, now)) return 'answered'
    }
    return { kind: 'entry', entry: decoded, bytes }
  }

  async pass(read: KeyRead<V>, firstLook: Look<V>): Promise<Passed<V>> {
    const { clock, counters, id, keys, local } = this.#parts
    const { flight, key, policy, fetch, kept, started } = read
    const budget = this.#remote.commands.budget(clock.now() - started)
    const until = clock.now() + this.#longestWait(read)
    let look = firstLook
    let reserve = this.#reserveOf(kept)
    if (look.kind !== 'entry' && this.#isMarked(kept) && reserve !== undefined) {
      this.#answerStale(read, reserve)
      // Where it was marked again since Redis was asked, the next one asks again.
      if (look.kind === 'absent' && kept !== undefined && !flight.touched) local?.expire(kept)
    }
    // What is loaded before it is known by what it stands could not be stored.
    if (read.ready === false && this.#putsOff(read, 'late')) return 'answered'
    while (look.kind !== 'trouble') {
      if (look.kind === 'entry') {
        // Answered by `look` and here nevertheless: its early refresh was drawn there.
        if (look !== firstLook || !flight.settled) {
          const now = clock.now()
          const isCurrent = !this.#isOutdated(look.entry, look.bytes)
          const isFresh = this.#settleFresh(read, look.entry, look.bytes, now, isCurrent)
          if (isFresh && !this.#isEarly(read, look.entry, now)) return 'answered'
          if (!isFresh) this.#answerStale(read, look.entry)
        }
        reserve = look.entry
      }
      if (reserve !== undefined && this.#loading.failures.has(key)) {
        if (this.#putsOff(read, 'held') || this.#loading.answerReserve(read, reserve)) return 'answered'
      }
      if (policy.lease === false) return { reserve, right: 'plain' }
      if (fetch === undefined) return { reserve, right: 'none' }
      const entryKeys = { value: keys.value(key), lease: keys.lease(key) }
      const seen = seenOf(look.bytes)
      const wait = !flight.settled && (read.errand === undefined || flight.wanted)
      const outcome = await acquireLease(this.#remote, id, key, entryKeys, policy.lease.ttl, seen, wait, budget)
      // A reader may only have lagged behind: where there is one, the primary's word counts.
      if (outcome.kind === 'acquired' && look.kind === 'absent' && look.bytes === null) this.#remote.account.absent(key)
      if (outcome.kind === 'acquired') return { reserve, right: outcome.lease }
      if (outcome.kind === 'refused') {
        if (this.#putsOff(read, outcome.reason === 'degraded' ? 'late' : 'refused')) return 'answered'
        read.hindrance = outcome.reason
        return { reserve, right: 'none' }
      }
      if (outcome.kind === 'arrived') {
        look = await this.#toLook(this.#parts.codec.decode(outcome.value), outcome.value)
        continue
      }
      fetch.dropOut(key)
      if (flight.settled || this.#putsOff(read, 'held')) return 'answered'
      const isOver = clock.now() >= until || this.#parts.wakeups.ended
      if (isOver) return flight.wanted ? { reserve, right: 'none' } : 'answered'
      counters.leaseWaits += 1
      await this.#waitForOther(key, until)
    }
    counters.redisTroubles += 1
    if (this.#putsOff(read, 'late')) return 'answered'
    read.hindrance = 'unreachable'
    return this.#answerKept(read) ? 'answered' : { reserve, right: 'none' }
  }

  /** Whoever sent it comes back later; what somebody waits for goes on. */
  #putsOff({ errand, flight }: KeyRead<V>, outcome: ErrandOutcome): boolean {
    if (errand === undefined || flight.wanted) return false
    errand.outcome = outcome
    return true
  }

  /** A local entry that is not believed any more is old from now on, however young it is. */
  #reserveOf(kept: LocalEntry<V> | undefined): Reserve<V> | undefined {
    const { local, clock } = this.#parts
    if (kept === undefined || (local?.trusts(kept) && !local.isMarked(kept))) return kept
    return { ...kept, freshUntil: Math.min(kept.freshUntil, clock.now()) }
  }

  #isMarked(kept: LocalEntry<V> | undefined): boolean {
    const { local } = this.#parts
    return kept !== undefined && (local?.isMarked(kept) ?? false) && (local?.trusts(kept) ?? false)
  }

  async #toLook(decoded: Entry<V> | Unreadable | Promise<Entry<V> | Unreadable>, bytes: Buffer): Promise<Look<V>> {
    const { counters, logger, settings } = this.#parts
    const entry = decoded instanceof Promise ? await this.#withinLoadTimeout(decoded) : decoded
    if (typeof entry !== 'string') {
      return this.#isOutdated(entry, bytes) ? { kind: 'absent', bytes } : { kind: 'entry', entry, bytes }
    }
    counters.unreadable += 1
    logger.debug({ namespace: settings.name, reason: entry }, 'unreadable entry in Redis')
    return { kind: 'absent', bytes }
  }

  #isOutdated(entry: Entry<V>, bytes: Buffer): boolean {
    const { generations } = this.#parts
    return generations !== undefined && !generations.believes(bytes, entry.stampsAt)
  }

  /** A schema that validates asynchronously and never ends must not hold its key for ever. */
  #withinLoadTimeout(decoded: Promise<Entry<V> | Unreadable>): Promise<Entry<V> | Unreadable> {
    const { clock, settings } = this.#parts
    return new Promise((resolve) => {
      const timer = clock.setTimeout(() => resolve('schema-mismatch'), settings.policy.loadTimeout)
      const end = (entry: Entry<V> | Unreadable) => {
        clock.clearTimeout(timer)
        resolve(entry)
      }
      decoded.then(end, () => end('schema-mismatch'))
    })
  }

  /** Answers with a fresh entry and keeps it. A refresh wants a newer one than the one that it is to replace. */
  #settleFresh(
    { flight, key, policy, kept }: KeyRead<V>,
    entry: Entry<V>,
    bytes: Buffer,
    now: number,
    isCurrent: boolean,
  ): boolean {
    const { counters, keeper, local, generations } = this.#parts
    if (now >= entry.freshUntil) return false
    if (!flight.wanted && kept?.freshUntil === entry.freshUntil) return false
    if (flight.wanted && !flight.settled) {
      counters.redisHits += 1
      if (entry.value === undefined) counters.negativeHits += 1
    }
    this.#loading.observe(entry.loadTime)
    if (local !== undefined && isCurrent && !flight.voided) {
      keeper.keep(key, entry.value, entry, policy, true, generations?.standingOf(bytes, entry.stampsAt))
    }
    if (flight.touched) local?.mark(key)
    flight.answer(entry.value)
    return true
  }

  #isEarly(read: KeyRead<V>, entry: Entry<V>, now: number): boolean {
    // Ahead of now: the clock was set back, and how old it is is not known.
    if (read.call.refreshFrom !== undefined) return Math.abs(now - entry.storedAt) >= read.call.refreshFrom
    return read.fetch !== undefined && this.#loading.isEarly(entry, read.policy, now)
  }

  #answerStale({ flight, policy }: KeyRead<V>, reserve: Reserve<V>): void {
    const { clock, counters, settings } = this.#parts
    const until = reserve.freshUntil + stalenessOf(settings, reserve.value, policy).staleWhileRevalidate
    if (flight.settled || !flight.wanted || clock.now() >= until) return
    counters.staleHits += 1
    flight.answerInstead(handOut(reserve), until)
  }

  /** Redis cannot be asked: an entry whose local time is over but whose own is not is still the best answer. */
  #answerKept({ flight, kept }: KeyRead<V>): boolean {
    const { local, clock, counters } = this.#parts
    if (!flight.wanted || kept === undefined || !local?.trusts(kept) || local.isMarked(kept)) return false
    if (clock.now() >= kept.freshUntil) return false
    counters.localHits += 1
    flight.answer(handOut(kept))
    return true
  }

  async #waitForOther(key: string, until: number): Promise<void> {
    const { clock, random, wakeups } = this.#parts
    const pause = Math.max(0, Math.min(pollFrom + random() * (pollTo - pollFrom), until - clock.now()))
    await wakeups.wait(key, clock, pause)
  }

  #longestWait({ policy }: KeyRead<V>): number {
    return policy.lease === false ? 0 : Math.max(policy.lease.wait, 2 * this.#loading.observedTime)
  }
}
