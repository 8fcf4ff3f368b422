import { slotsOf } from '../coherence/tags.ts'
import { seal } from '../entry/codec.ts'
import type { Times } from '../entry/envelope.ts'
import { assertPreserved } from '../entry/preserved.ts'
import { timesOf } from '../entry/times.ts'
import { versionOf } from '../entry/version.ts'
import { LoadTimeoutError, SourceOverloadedError, SourceUnavailableError } from '../errors.ts'
import type { Standing } from '../local/local-tier.ts'
import { stalenessOf } from '../options/namespace-options.ts'
import type { Policy } from '../options/policy.ts'
import { economise } from '../pressure/economy.ts'
import { countSkip, type SkipReason } from './counters.ts'
import { isTimeToRefresh } from './early-expiration.ts'
import type { Errand } from './errand.ts'
import { FailureBackoff } from './failure-backoff.ts'
import type { Flight } from './flight.ts'
import type { KeyRead } from './key-read.ts'
import { type Lease, reasonOf } from './lease.ts'
import { Context } from './load-context.ts'
import { type Fetch, handOut, type ReadParts, type Reserve } from './read-parts.ts'

/**
 * Under which right a loaded value may be stored in Redis: a lease, none needed (`lease: false`), that it is newer than
 * what is there, or none had.
 */
export type StoringRight = Lease | 'plain' | 'newer' | 'none'

/** The last leg of a read: the source is asked, the callers are answered, the value is kept. */
export class Loading<V> {
  readonly failures: FailureBackoff
  readonly #parts: ReadParts<V>
  #observed = 0

  constructor(parts: ReadParts<V>) {
    this.#parts = parts
    this.failures = new FailureBackoff(parts.clock)
  }

  /** What a load of this namespace takes, smoothed, in milliseconds. */
  get observedTime(): number {
    return this.#observed
  }

  observe(loadTime: number): void {
    if (loadTime > 0) this.#observed = smooth(this.#observed, loadTime)
  }

  async run(read: KeyRead<V>, fetch: Fetch<V>, reserve: Reserve<V> | undefined, given: StoringRight): Promise<void> {
    const { flight, key, policy } = read
    const { clock, counters, observations, development, codec, settings, generations } = this.#parts
    const isOrdered = settings.version !== undefined && read.hindrance === 'contended'
    const right = given === 'none' && isOrdered ? 'newer' : given
    const mark = generations?.mark ?? 0
    const asked = !flight.settled && flight.wanted
    if (asked) counters.misses += 1
    const soft =
      reserve === undefined
        ? undefined
        : clock.setTimeout(() => this.#onSoftTimeout(read, reserve), policy.softLoadTimeout)
    const context = new Context<V>(reserve && handOut(reserve), this.failures.has(key))
    const started = clock.now()
    counters.loads += 1
    try {
      const value = await fetch.load(key, context, policy.loadTimeout)
      // A load of 0 ms would never be refreshed early.
      const loadTime = Math.max(1, clock.now() - started)
      this.failures.forget(key)
      this.observe(loadTime)
      observations.loadSeconds.observe(loadTime / 1_000)
      if (development && value !== undefined) {
        await assertPreserved(codec, value, settings.name)
        slotsOf(settings.tags, key, value)
        versionOf(settings.version, value)
      }
      counters.loadsDone += 1
      if (asked && !flight.settled) counters[read.hindrance === 'unreachable' ? 'bypasses' : 'missesAnswered'] += 1
      await this.#settle(read, value, smooth(reserve?.loadTime ?? 0, loadTime), context, right, mark)
    } catch (error) {
      this.#countFailure(error, clock.now() - started)
      if (read.errand !== undefined) {
        read.errand.outcome = 'failed'
        read.errand.error = error
      }
      if (typeof right === 'object') right.release().catch(() => {})
      // Being turned away says nothing of the key, and a note that were renewed at each failure would never end.
      if (!(error instanceof SourceUnavailableError) && !this.failures.has(key)) this.failures.note(key)
      if (reserve === undefined || !this.answerReserve(read, reserve)) {
        if (asked && !flight.settled) counters.getErrors += 1
        flight.fail(error)
      }
    } finally {
      clock.clearTimeout(soft)
    }
  }

  #countFailure(error: unknown, milliseconds: number): void {
    const { counters, observations } = this.#parts
    counters.loadErrors += 1
    const turnedAway = error instanceof SourceOverloadedError
    if (turnedAway) counters.loadsTurnedAway += 1
    if (turnedAway || error instanceof SourceUnavailableError) {
      counters.loadsShed += 1
      return
    }
    if (error instanceof LoadTimeoutError) counters.loadTimeouts += 1
    observations.loadSeconds.observe(milliseconds / 1_000)
  }

  /** Whether a fresh value is due to be refreshed before its time; drawn anew for each get. */
  isEarly(times: Times, policy: Policy, now: number): boolean {
    const { random, remote, counters } = this.#parts
    if (policy.earlyExpiration === false || times.loadTime === 0) return false
    // While writes are held back every load is this process's own: none is to be made before its time.
    if (remote !== undefined && !remote.gate.wide) return false
    const early = isTimeToRefresh(now, times, policy.earlyExpiration.beta, random)
    if (early) counters.earlyRefreshes += 1
    return early
  }

  /** Answers with the older value where `staleIfError` allows. */
  answerReserve(read: KeyRead<V>, reserve: Reserve<V>): boolean {
    const { staleIfError } = stalenessOf(this.#parts.settings, reserve.value, read.policy)
    return this.#answerInstead(read, reserve, staleIfError)
  }

  #answerInstead({ flight }: KeyRead<V>, reserve: Reserve<V>, allowed: number): boolean {
    const until = reserve.freshUntil + allowed
    if (this.#parts.clock.now() >= until) return false
    if (!flight.settled) {
      this.#parts.counters.staleHits += 1
      flight.answerInstead(handOut(reserve), until)
    }
    return true
  }

  #onSoftTimeout(read: KeyRead<V>, reserve: Reserve<V>): void {
    const { staleIfError, staleWhileRevalidate } = stalenessOf(this.#parts.settings, reserve.value, read.policy)
    if (read.flight.wanted) this.#answerInstead(read, reserve, Math.max(staleIfError, staleWhileRevalidate))
  }

  async #settle(
    { flight, key, policy, hindrance, errand }: KeyRead<V>,
    value: V | undefined,
    loadTime: number,
    context: Context<V>,
    right: StoringRight,
    mark: number,
  ): Promise<void> {
    const { counters, remote, clock, random, fences, settings } = this.#parts
    const staleness = stalenessOf(settings, value, policy)
    const kept = Math.max(staleness.staleIfError, staleness.kept ?? 0)
    const life = { ...policy, staleWhileRevalidate: staleness.staleWhileRevalidate, staleIfError: kept }
    const times = timesOf(value, loadTime, context.chosenTtl ?? policy.ttl, life, clock.now(), random)
    const found = this.#standingOf(key, value, mark)
    const standing = found === 'unknown' ? undefined : found
    const lasts = !context.skipped && found !== 'unknown' && times.expiresAt > times.storedAt
    const storable = lasts && right !== 'none' && remote !== undefined && this.#mayStore(flight, key, right)
    const keep = (outcome: 'stored' | SkipReason) => this.#keep(flight, key, value, times, policy, standing, outcome)
    if (lasts) keep(storable ? 'stored' : right === 'none' ? hindrance : 'unreachable')
    // What is kept nowhere is the answer to those who asked before it, and to nobody after.
    else fences.closeRead(key, flight)
    flight.answer(value)
    let outcome: 'stored' | SkipReason = right === 'none' ? hindrance : 'contended'
    try {
      if (storable) outcome = await this.#store(flight, key, value, times, right, standing, errand)
      else if (typeof right === 'object') await right.release()
    } catch {
      outcome = 'degraded'
      // The caller has the value; Redis will be asked again when the next one wants it. A lease must end all the same.
      if (typeof right === 'object') right.release().catch(() => {})
    }
    if (storable && outcome !== 'stored') keep(outcome)
    if (errand !== undefined) errand.outcome = remote === undefined || outcome === 'stored' ? 'loaded' : 'unstored'
    if (remote === undefined) return
    if (outcome === 'stored') counters.stores += 1
    else if (lasts) countSkip(counters, outcome)
    else counters.storesSkipped += 1
  }

  /** Keeps a value in this process, by what became of it on its way to Redis. */
  #keep(
    flight: Flight<V>,
    key: string,
    value: V | undefined,
    times: Times,
    policy: Policy,
    standing: Standing | undefined,
    outcome: 'stored' | SkipReason,
  ): void {
    if (flight.voided) return
    const { keeper, local, remote } = this.#parts
    const tracks = remote?.tracks ?? false
    // What Redis did not take must serve for its whole time. But nobody tells of the end of what it does not hold: where
    // others write too, and Redis was only late, it is asked again by and by.
    const isPassing = outcome === 'unreachable' || outcome === 'degraded'
    keeper.keep(key, value, times, policy, outcome === 'stored' || (tracks && isPassing), standing)
    // Somebody else was at work on the key, and may have been no process of ours.
    if (flight.touched || (tracks && outcome === 'contended')) local?.mark(key)
  }

  /** By what the value stands, where anything but its key can drop it; `unknown` where its tags cannot be told. */
  #standingOf(key: string, value: V | undefined, mark: number): Standing | 'unknown' | undefined {
    const { generations, settings } = this.#parts
    if (generations === undefined) return undefined
    try {
      return { mark, slots: slotsOf(settings.tags, key, value) }
    } catch {
      return 'unknown'
    }
  }

  /** A lease is void in Redis itself once somebody writes; without one only what this process heard of counts. */
  #mayStore(flight: Flight<V>, key: string, right: Lease | 'plain' | 'newer'): boolean {
    return (typeof right === 'object' || !flight.voided) && (this.#parts.remote?.trusts(key) ?? false)
  }

  async #store(
    flight: Flight<V>,
    key: string,
    value: V | undefined,
    times: Times,
    right: Lease | 'plain' | 'newer',
    standing: Standing | undefined,
    errand: Errand | undefined,
  ): Promise<'stored' | SkipReason> {
    const { remote, clock, codec, observations, settings, generations } = this.#parts
    if (remote === undefined) return 'unreachable'
    const economy = remote.account.economy()
    let packed: Awaited<ReturnType<typeof codec.pack>>
    let version: Buffer | undefined
    let unfit: SkipReason = 'oversize'
    try {
      packed = await codec.pack(value, economy.compressFrom)
      version = value === undefined ? undefined : versionOf(settings.version, value)
    } catch {
      packed = undefined
      unfit = 'unserializable'
    }
    const remoteTimes = economise(times, economy)
    const life = Math.ceil(remoteTimes.expiresAt - clock.now())
    const stamps = standing && generations?.stampsOf(standing)
    const isOutdated = generations !== undefined && stamps === undefined
    if (packed === undefined || packed.payload.length > economy.largest || life <= 0 || isOutdated) {
      if (typeof right === 'object') await right.release()
      if (isOutdated) return 'contended'
      return life <= 0 ? 'degraded' : unfit
    }
    const bytes = seal(packed, remoteTimes, { version, stamps })
    const outcome =
      typeof right !== 'object'
        ? await this.#storeWithoutLease(flight, key, bytes, life, version, right)
        : errand === undefined
          ? await right.store(bytes, life, version)
          : await right.storePatiently(bytes, life, version, errand.goesOn)
    if (outcome === 'stored') {
      observations.payloadBytes.observe(bytes.length)
      remote.account.stored(key, bytes.length, remoteTimes.expiresAt)
    }
    return outcome
  }

  async #storeWithoutLease(
    flight: Flight<V>,
    key: string,
    bytes: Buffer,
    life: number,
    version: Buffer | undefined,
    right: 'plain' | 'newer',
  ): Promise<'stored' | SkipReason> {
    const { remote, keys } = this.#parts
    // Packing may have taken a while.
    if (remote === undefined || !this.#mayStore(flight, key, right)) return 'contended'
    // Nothing orders "the source has none".
    if (version === undefined && right === 'newer') return 'contended'
    const { commands, entries, gate, account } = remote
    const entry = { value: keys.value(key), lease: keys.lease(key) }
    const outcome = await gate.run(
      account.claim(),
      async () => {
        if (version !== undefined) {
          return await entries.storeVersion(entry, bytes, life, version, right === 'plain', commands.budget())
        }
        await entries.store(entry, bytes, life, commands.budget())
        return true
      },
      (isStored) => isStored,
      bytes.length,
    )
    if (typeof outcome === 'string') return reasonOf(outcome, gate)
    return outcome ? 'stored' : 'contended'
  }
}

function smooth(before: number, now: number): number {
  return before === 0 ? now : before * 0.5 + now * 0.5
}
