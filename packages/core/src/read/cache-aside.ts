import type { Entry } from '../entry/codec.ts'
import type { Unreadable } from '../entry/envelope.ts'
import { freezeDeeply } from '../local/freeze.ts'
import type { LocalEntry } from '../local/local-tier.ts'
import type { CallSettings } from '../options/namespace-options.ts'
import type { Policy } from '../options/policy.ts'
import type { Reader } from '../redis/shared-reads.ts'
import { isTimeToRefresh } from './early-expiration.ts'
import { Flight } from './flight.ts'
import { acquireLease, seenOf } from './lease.ts'
import { Loading, type StoringRight } from './loading.ts'
import type { Fetch, ReadParts, ReadRemote, Reserve } from './read-parts.ts'

/** What was found under a key in Redis. By its bytes the lease's script tells whether it has changed since. */
type Look<V> =
  | { readonly kind: 'entry'; readonly entry: Entry<V>; readonly bytes: Buffer }
  | { readonly kind: 'absent'; readonly bytes: Buffer | null }
  | { readonly kind: 'trouble' }

const absent = { kind: 'absent', bytes: null } as const
const trouble = { kind: 'trouble' } as const

/** How the way through Redis ended: the callers are answered, or the source must be asked. */
type Passage<V> = 'answered' | { readonly reserve: Reserve<V> | undefined; readonly right: StoringRight }

// A message wakes those who wait for another's load; polling is for messages that get lost.
const pollFrom = 60
const pollTo = 250

/** Cache-aside: local tier, single flight, Redis, lease, source. */
export class CacheAside<V> {
  readonly loading: Loading<V>
  readonly #parts: ReadParts<V>

  constructor(parts: ReadParts<V>) {
    this.#parts = parts
    this.loading = new Loading(parts)
  }

  /** Answers what the local tier's hot path could not. */
  get(key: string, call: CallSettings<V>, fetch: Fetch<V> | undefined): Promise<V | undefined> {
    const { local, fences } = this.#parts
    const kept = local?.peek(key)
    if (kept !== undefined && this.#answersLocally(kept, key, call, fetch)) {
      return Promise.resolve(kept.cloned ? structuredClone(kept.value) : kept.value)
    }
    const joined = fences.findRead(key)
    if (joined !== undefined) {
      joined.wanted = true
      fetch?.dropOut(key)
      return this.#share(joined)
    }
    const flight = this.#start(key, call, fetch, kept, true)
    return local?.clones ? this.#share(flight) : flight.promise
  }

  #answersLocally(kept: LocalEntry<V>, key: string, call: CallSettings<V>, fetch: Fetch<V> | undefined): boolean {
    const { local, clock, counters } = this.#parts
    if (!local?.trusts(kept)) return false
    const now = clock.now()
    if (now < kept.localUntil) {
      counters.localHits += 1
      if (fetch !== undefined && this.#isEarly(kept, call.policy)) this.#refresh(key, call, fetch, kept)
      else fetch?.dropOut(key)
      return true
    }
    if (now < kept.freshUntil) return false
    const failedJustNow = now < kept.freshUntil + call.policy.staleIfError && this.loading.failures.has(key)
    if (!failedJustNow && now >= kept.freshUntil + call.policy.staleWhileRevalidate) return false
    counters.staleHits += 1
    if (fetch !== undefined) this.#refresh(key, call, fetch, kept)
    return true
  }

  /** Loads in the background, unless somebody does already or just failed to. */
  #refresh(key: string, call: CallSettings<V>, fetch: Fetch<V>, kept: LocalEntry<V>): void {
    if (this.#parts.fences.findRead(key) !== undefined || this.loading.failures.has(key)) fetch.dropOut(key)
    else this.#start(key, call, fetch, kept, false)
  }

  #start(
    key: string,
    call: CallSettings<V>,
    fetch: Fetch<V> | undefined,
    kept: LocalEntry<V> | undefined,
    wanted: boolean,
  ): Flight<V> {
    const flight = new Flight<V>(wanted)
    const { remote, fences, clock, keys } = this.#parts
    fences.openRead(key, flight)
    if (remote === undefined) {
      void this.#travel(flight, key, call, fetch, kept, undefined, 0)
    } else if (!remote.trusts(key)) {
      void this.#travel(flight, key, call, fetch, kept, trouble, 0)
    } else {
      remote.commands.read(new KeyRead(this, flight, key, call, fetch, kept, keys.value(key), clock.now()))
    }
    return flight
  }

  /** @internal A fresh hit ends here, without a promise but the caller's. All else goes the long way. */
  onValue(read: KeyRead<V>, bytes: Buffer | null): void {
    const { flight, key, call, fetch, kept, started } = read
    let look: Look<V> | Promise<Look<V>>
    if (bytes === null) look = absent
    else {
      const decoded = this.#parts.codec.decode(bytes)
      if (!(decoded instanceof Promise) && typeof decoded !== 'string') {
        if (flight.wanted && this.#settleFresh(flight, key, decoded, call.policy, kept)) {
          if (fetch === undefined || !this.#isEarly(decoded, call.policy)) {
            fetch?.dropOut(key)
            this.#parts.fences.closeRead(key, flight)
            return
          }
        }
        look = { kind: 'entry', entry: decoded, bytes }
      } else look = this.#toLook(decoded, bytes)
    }
    void this.#travel(flight, key, call, fetch, kept, look, started)
  }

  /** @internal */
  onTrouble({ flight, key, call, fetch, kept, started }: KeyRead<V>): void {
    void this.#travel(flight, key, call, fetch, kept, trouble, started)
  }

  async #travel(
    flight: Flight<V>,
    key: string,
    call: CallSettings<V>,
    fetch: Fetch<V> | undefined,
    kept: LocalEntry<V> | undefined,
    look: Look<V> | Promise<Look<V>> | undefined,
    started: number,
  ): Promise<void> {
    const { remote, fences } = this.#parts
    try {
      const passage =
        remote === undefined || look === undefined
          ? ({ reserve: kept, right: 'none' } as const)
          : await this.#passRedis(flight, key, call.policy, fetch, kept, remote, await look, started)
      if (passage === 'answered') return
      if (fetch === undefined) {
        if (flight.wanted) this.#parts.counters.misses += 1
        flight.answer(undefined)
        return
      }
      await this.loading.run(flight, key, call.policy, fetch, passage.reserve, passage.right)
    } catch (error) {
      flight.fail(error)
    } finally {
      fetch?.dropOut(key)
      fences.closeRead(key, flight)
      // A refresh that gave up leaves those who joined it at the last moment without an answer: they look again.
      if (!flight.settled) this.#abandon(flight, key, call, fetch)
    }
  }

  async #passRedis(
    flight: Flight<V>,
    key: string,
    policy: Policy,
    fetch: Fetch<V> | undefined,
    kept: LocalEntry<V> | undefined,
    remote: ReadRemote,
    firstLook: Look<V>,
    started: number,
  ): Promise<Passage<V>> {
    const { clock, counters, id, keys } = this.#parts
    const budget = remote.commands.budget(clock.now() - started)
    let look = firstLook
    let reserve: Reserve<V> | undefined = kept
    const until = clock.now() + this.#longestWait(policy)
    while (look.kind !== 'trouble') {
      if (look.kind === 'entry') {
        const isFresh = this.#settleFresh(flight, key, look.entry, policy, kept)
        if (isFresh && (fetch === undefined || !this.#isEarly(look.entry, policy))) return 'answered'
        reserve = look.entry
        if (!isFresh) this.#answerStale(flight, reserve, policy)
      }
      if (
        reserve !== undefined &&
        this.loading.failures.has(key) &&
        this.loading.answerReserve(flight, reserve, policy)
      ) {
        return 'answered'
      }
      if (policy.lease === false) return { reserve, right: 'plain' }
      if (fetch === undefined) return { reserve, right: 'none' }
      const entryKeys = { value: keys.value(key), lease: keys.lease(key) }
      const outcome = await acquireLease(
        remote,
        id,
        key,
        entryKeys,
        policy.lease.ttl,
        seenOf(look.bytes),
        !flight.settled,
        budget,
      )
      if (outcome.kind === 'acquired') return { reserve, right: outcome.lease }
      if (outcome.kind === 'refused') return { reserve, right: 'none' }
      if (outcome.kind === 'arrived') {
        look = await this.#toLook(this.#parts.codec.decode(outcome.value), outcome.value)
        continue
      }
      fetch.dropOut(key)
      if (flight.settled) return 'answered'
      if (clock.now() >= until) return flight.wanted ? { reserve, right: 'none' } : 'answered'
      counters.leaseWaits += 1
      await this.#waitForOther(key, until)
    }
    counters.redisTroubles += 1
    if (flight.wanted && kept !== undefined && this.#answerKept(flight, kept)) return 'answered'
    return { reserve, right: 'none' }
  }

  async #toLook(decoded: Entry<V> | Unreadable | Promise<Entry<V> | Unreadable>, bytes: Buffer): Promise<Look<V>> {
    const { counters, logger, settings } = this.#parts
    const entry = decoded instanceof Promise ? await decoded : decoded
    if (typeof entry !== 'string') return { kind: 'entry', entry, bytes }
    counters.unreadable += 1
    logger.debug({ namespace: settings.name, reason: entry }, 'unreadable entry in Redis')
    return { kind: 'absent', bytes }
  }

  /** Answers with a fresh entry and keeps it. A refresh wants a newer one than the one that it is to replace. */
  #settleFresh(
    flight: Flight<V>,
    key: string,
    entry: Entry<V>,
    policy: Policy,
    kept: LocalEntry<V> | undefined,
  ): boolean {
    const { clock, counters, keeper } = this.#parts
    if (clock.now() >= entry.freshUntil) return false
    if (!flight.wanted && kept?.freshUntil === entry.freshUntil) return false
    if (flight.wanted && !flight.settled) counters.redisHits += 1
    this.loading.observe(entry.loadTime)
    if (!flight.voided) keeper.keep(key, entry.value, entry, policy, true)
    flight.answer(entry.value)
    return true
  }

  #answerStale(flight: Flight<V>, reserve: Reserve<V>, policy: Policy): void {
    const { clock, counters } = this.#parts
    if (flight.settled || !flight.wanted || clock.now() >= reserve.freshUntil + policy.staleWhileRevalidate) return
    counters.staleHits += 1
    flight.answer(reserve.value)
  }

  /** Redis cannot be asked: an entry whose local time is over but whose own is not is still the best answer. */
  #answerKept(flight: Flight<V>, kept: LocalEntry<V>): boolean {
    const { local, clock, counters } = this.#parts
    if (!local?.trusts(kept) || clock.now() >= kept.freshUntil) return false
    counters.localHits += 1
    flight.answer(kept.value)
    return true
  }

  #abandon(flight: Flight<V>, key: string, call: CallSettings<V>, fetch: Fetch<V> | undefined): void {
    if (!flight.wanted) flight.answer(undefined)
    else this.get(key, call, fetch).then(flight.answer.bind(flight), flight.fail.bind(flight))
  }

  async #waitForOther(key: string, until: number): Promise<void> {
    const { clock, random, wakeups } = this.#parts
    const pause = Math.max(0, Math.min(pollFrom + random() * (pollTo - pollFrom), until - clock.now()))
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(() => {
        forget()
        resolve()
      }, pause)
      const forget = wakeups.add(key, () => {
        clock.clearTimeout(timer)
        resolve()
      })
    })
  }

  #isEarly(times: Reserve<V>, policy: Policy): boolean {
    const { clock, random, remote, counters } = this.#parts
    if (policy.earlyExpiration === false || times.loadTime === 0) return false
    // While writes are held back every load is this process's own: none is to be made before its time.
    if (remote !== undefined && !remote.gate.open) return false
    const early = isTimeToRefresh(clock.now(), times, policy.earlyExpiration.beta, random)
    if (early) counters.earlyRefreshes += 1
    return early
  }

  /** The value of a flight for one of several callers: frozen, or a clone where it cannot be. */
  #share(flight: Flight<V>): Promise<V | undefined> {
    const clones = this.#parts.local?.clones ?? false
    return flight.promise.then((value) => (clones || !freezeDeeply(value) ? structuredClone(value) : value))
  }

  #longestWait(policy: Policy): number {
    return policy.lease === false ? 0 : Math.max(policy.lease.wait, 2 * this.loading.observedTime)
  }
}

/** One key on its way to Redis and back. A class, so that a hit makes one object and no closures. */
class KeyRead<V> implements Reader {
  readonly flight: Flight<V>
  readonly key: string
  readonly call: CallSettings<V>
  readonly fetch: Fetch<V> | undefined
  readonly kept: LocalEntry<V> | undefined
  readonly redisKey: string
  readonly started: number
  readonly #owner: CacheAside<V>

  constructor(
    owner: CacheAside<V>,
    flight: Flight<V>,
    key: string,
    call: CallSettings<V>,
    fetch: Fetch<V> | undefined,
    kept: LocalEntry<V> | undefined,
    redisKey: string,
    started: number,
  ) {
    this.#owner = owner
    this.flight = flight
    this.key = key
    this.call = call
    this.fetch = fetch
    this.kept = kept
    this.redisKey = redisKey
    this.started = started
  }

  onValue(bytes: Buffer | null): void {
    this.#owner.onValue(this, bytes)
  }

  onTrouble(): void {
    this.#owner.onTrouble(this)
  }
}
