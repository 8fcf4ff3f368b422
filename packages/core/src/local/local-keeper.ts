import type { Clock } from '../clock.ts'
import type { Times } from '../entry/envelope.ts'
import { earliestRefresh } from '../entry/times.ts'
import type { Policy } from '../options/policy.ts'
import type { LocalNamespace, Standing } from './local-tier.ts'

/** Decides for how long a value is kept in this process, and puts it there. */
export class LocalKeeper<V> {
  readonly #local: LocalNamespace<V> | undefined
  readonly #localTtl: number
  readonly #clock: Clock
  readonly #hearsOthers: () => boolean

  /** `hearsOthers`: whether writes of other processes reach this one; where not, entries are a stale reserve only. */
  constructor(local: LocalNamespace<V> | undefined, localTtl: number, clock: Clock, hearsOthers: () => boolean) {
    this.#local = local
    this.#localTtl = localTtl
    this.#clock = clock
    this.#hearsOthers = hearsOthers
  }

  keep(
    key: string,
    value: V | undefined,
    times: Times,
    policy: Policy,
    inRedis: boolean,
    standing?: Standing | undefined,
  ): void {
    if (this.#local === undefined) return
    const { freshUntil } = times
    // What Redis did not take must serve for its whole time, or every local expiry would be another load.
    const localUntil = inRedis ? Math.min(freshUntil, this.#clock.now() + this.#localTtl) : freshUntil
    const mayRefreshEarly = policy.earlyExpiration !== false && times.loadTime > 0
    try {
      this.#local.set(
        key,
        value,
        {
          storedAt: times.storedAt,
          loadTime: times.loadTime,
          freshUntil,
          expiresAt: times.expiresAt,
          localUntil,
          quietUntil: mayRefreshEarly ? Math.min(localUntil, earliestRefresh(times)) : localUntil,
        },
        this.#hearsOthers(),
        standing,
      )
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
      // DataCloneError: a value that can neither be frozen nor cloned is handed out once and kept nowhere.
      this.#local.delete(key)
    }
  }
}
