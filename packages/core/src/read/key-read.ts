import type { LocalEntry } from '../local/local-tier.ts'
import type { CallSettings } from '../options/namespace-options.ts'
import type { Policy } from '../options/policy.ts'
import type { Reader } from '../redis/shared-reads.ts'
import type { SkipReason } from './counters.ts'
import type { Errand } from './errand.ts'
import type { Flight } from './flight.ts'
import type { Fetch } from './read-parts.ts'

/** Who goes on when Redis has answered. */
export interface KeyReadOwner<V> {
  onValue(read: KeyRead<V>, bytes: Buffer | null, seconds: number): void
  onTrouble(read: KeyRead<V>): void
}

/** One key on its way to its value. A class, so that a Redis hit makes one object and no closures. */
export class KeyRead<V> implements Reader {
  readonly key: string
  readonly redisKey: string
  readonly call: CallSettings<V>
  readonly fetch: Fetch<V> | undefined
  /** What the local tier holds, where that could not be the answer. */
  readonly kept: LocalEntry<V> | undefined
  readonly flight: Flight<V>
  readonly started: number
  /** Why what is loaded will not be stored, where there is no right to. */
  hindrance: SkipReason = 'contended'
  /** Whether what comes from Redis can be told from what was dropped; always, where nothing can be. */
  ready: boolean | Promise<boolean> = true
  /** Where nobody waits for it but who sent it: told when all that it sets off has ended, for it is not over with its answer. */
  errand: Errand | undefined
  readonly #owner: KeyReadOwner<V>

  constructor(
    owner: KeyReadOwner<V>,
    key: string,
    redisKey: string,
    call: CallSettings<V>,
    fetch: Fetch<V> | undefined,
    kept: LocalEntry<V> | undefined,
    flight: Flight<V>,
    started: number,
  ) {
    this.#owner = owner
    this.key = key
    this.redisKey = redisKey
    this.call = call
    this.fetch = fetch
    this.kept = kept
    this.flight = flight
    this.started = started
  }

  get policy(): Policy {
    return this.call.policy
  }

  onValue(bytes: Buffer | null, seconds: number): void {
    this.#owner.onValue(this, bytes, seconds)
  }

  onTrouble(): void {
    this.#owner.onTrouble(this)
  }
}
