import { freezeDeeply } from '../local/freeze.ts'
import type { LocalEntry } from '../local/local-tier.ts'
import { type CallSettings, stalenessOf } from '../options/namespace-options.ts'
import { Errand, endedErrand } from './errand.ts'
import { Flight } from './flight.ts'
import { KeyRead, type KeyReadOwner } from './key-read.ts'
import { Loading } from './loading.ts'
import { type Fetch, handOut, type ReadParts } from './read-parts.ts'
import { type Look, RedisPassage } from './redis-passage.ts'

/** Cache-aside: local tier, single flight, Redis, lease, source. */
export class CacheAside<V> implements KeyReadOwner<V> {
  readonly loading: Loading<V>
  readonly #parts: ReadParts<V>
  readonly #passage: RedisPassage<V> | undefined

  constructor(parts: ReadParts<V>) {
    this.#parts = parts
    this.loading = new Loading(parts)
    this.#passage = parts.remote && new RedisPassage(parts, parts.remote, this.loading)
  }

  /** Answers what the local tier's hot path could not. */
  get(key: string, call: CallSettings<V>, fetch: Fetch<V> | undefined): Promise<V | undefined> {
    const { local, fences, clock } = this.#parts
    const kept = local?.peek(key)
    if (kept !== undefined && this.#answersLocally(kept, key, call, fetch)) {
      return Promise.resolve(handOut(kept))
    }
    const joined = fences.findRead(key)
    if (joined !== undefined) {
      this.#parts.counters.joined += 1
      fetch?.dropOut(key)
      return this.#share(joined.join(clock.now()))
    }
    const flight = this.#start(key, call, fetch, kept, true)
    return local?.clones ? this.#share(flight.promise) : flight.promise
  }

  /** Sees to it that Redis has a fresh value of a key, or one as young as `call` wants it. Never rejects. */
  prepare(key: string, call: CallSettings<V>, fetch: Fetch<V>, goesOn: () => boolean): Promise<Errand> {
    if (this.#parts.fences.findRead(key) !== undefined) {
      fetch.dropOut(key)
      return Promise.resolve(endedErrand('held'))
    }
    if (this.#parts.remote === undefined && call.refreshFrom === undefined && this.#isKeptFresh(key)) {
      fetch.dropOut(key)
      return Promise.resolve(endedErrand('found'))
    }
    return new Promise((resolve) => {
      this.#start(key, call, fetch, undefined, false, new Errand('found', goesOn, resolve))
    })
  }

  /** @internal A fresh hit ends here, without a promise but the caller's. All else goes the long way. */
  onValue(read: KeyRead<V>, bytes: Buffer | null, seconds: number): void {
    if (typeof read.ready !== 'boolean') {
      void read.ready.then((isReady) => {
        read.ready = isReady
        this.onValue(read, bytes, seconds)
      })
      return
    }
    const look = this.#passage?.look(read, bytes)
    if (look === 'answered') {
      this.#parts.observations.getSeconds.observe(seconds)
      read.fetch?.dropOut(read.key)
      this.#parts.fences.closeRead(read.key, read.flight)
      read.errand?.end()
    } else void this.#travel(read, look)
  }

  /** @internal */
  onTrouble(read: KeyRead<V>): void {
    void this.#travel(read, trouble)
  }

  #isKeptFresh(key: string): boolean {
    const { local, clock } = this.#parts
    const kept = local?.peek(key)
    return kept !== undefined && local?.trusts(kept) === true && clock.now() < kept.freshUntil
  }

  #answersLocally(kept: LocalEntry<V>, key: string, call: CallSettings<V>, fetch: Fetch<V> | undefined): boolean {
    const { local, clock, counters, settings } = this.#parts
    if (!local?.trusts(kept) || local.isMarked(kept)) return false
    const now = clock.now()
    if (now < kept.localUntil) {
      counters.localHits += 1
      if (fetch !== undefined && this.loading.isEarly(kept, call.policy, now)) this.#refresh(key, call, fetch, kept)
      else fetch?.dropOut(key)
      return true
    }
    if (now < kept.freshUntil) return false
    const { staleIfError, staleWhileRevalidate } = stalenessOf(settings, kept.value, call.policy)
    const failedJustNow = now < kept.freshUntil + staleIfError && this.loading.failures.has(key)
    if (!failedJustNow && now >= kept.freshUntil + staleWhileRevalidate) return false
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
    errand?: Errand,
  ): Flight<V> {
    const { remote, fences, clock, keys, generations } = this.#parts
    const flight = new Flight<V>(wanted)
    const read = new KeyRead(this, key, keys.value(key), call, fetch, kept, flight, clock.now())
    read.errand = errand
    fences.openRead(key, flight)
    if (remote === undefined) void this.#travel(read, undefined)
    else if (remote.trusts(key)) {
      // Beside the read, not before it: one wait for both.
      if (generations !== undefined) read.ready = generations.ready()
      if (remote.copies === undefined) remote.commands.read(read)
      else remote.copies.read(read)
    } else void this.#travel(read, trouble)
    return flight
  }

  /** `look`: what was found in Redis, undefined where there is none. */
  async #travel(read: KeyRead<V>, look: Look<V> | Promise<Look<V>> | undefined): Promise<void> {
    const { flight, key, fetch, kept } = read
    if (flight.wanted) this.#observe(read)
    try {
      const passed =
        this.#passage === undefined || look === undefined
          ? ({ reserve: kept, right: 'none' } as const)
          : await this.#passage.pass(read, await look)
      if (passed === 'answered') return
      if (fetch === undefined) {
        if (flight.wanted && !flight.settled) {
          this.#parts.counters.misses += 1
          this.#parts.counters.missesAnswered += 1
        }
        flight.answer(undefined)
        return
      }
      await this.loading.run(read, fetch, passed.reserve, passed.right)
    } catch (error) {
      if (flight.wanted && !flight.settled) this.#parts.counters.getErrors += 1
      flight.fail(error)
    } finally {
      fetch?.dropOut(key)
      this.#parts.fences.closeRead(key, flight)
      if (!flight.settled) this.#lookAgain(read)
      read.errand?.end()
    }
  }

  /** Notes how long the caller waits, until whoever answers does. */
  #observe({ flight, started }: KeyRead<V>): void {
    const { clock, observations } = this.#parts
    const note = () => observations.getSeconds.observe(Math.max(0, clock.now() - started) / 1_000)
    flight.promise.then(note, note)
  }

  /** A refresh that gave up leaves those who joined it at the last moment without an answer. */
  #lookAgain({ flight, key, call, fetch }: KeyRead<V>): void {
    if (!flight.wanted) flight.answer(undefined)
    else
      this.get(key, call, fetch).then(
        (value) => flight.answer(value),
        (error: unknown) => flight.fail(error),
      )
  }

  /** The value of a flight for one of several callers: frozen, or a clone where it cannot be. */
  #share(answer: Promise<V | undefined>): Promise<V | undefined> {
    const clones = this.#parts.local?.clones ?? false
    return answer.then((value) => (clones || !freezeDeeply(value) ? structuredClone(value) : value))
  }
}

const trouble = { kind: 'trouble' } as const
