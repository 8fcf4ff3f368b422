/**
 * How a read ended that nobody waits for. `found`: a fresh value is there. `unstored`: loaded, and Redis is not known to
 * have taken it. Of what follows nothing was loaded: `held`, another one loads the key; `late`, Redis could not be asked;
 * `refused`, it gives no lease.
 */
export type ErrandOutcome = 'found' | 'loaded' | 'unstored' | 'failed' | 'held' | 'late' | 'refused'

/**
 * A read that nobody waits for, and that has time: it never loads without a lease where there are leases, it does not
 * sleep until another's load has ended, and it tries again to store what it has loaded. Where somebody comes to wait for
 * the same key after all, it is a read like any other from then on.
 */
export class Errand {
  outcome: ErrandOutcome
  /** What the load threw. */
  error: unknown
  /** Whether it may still try again to store. */
  readonly goesOn: () => boolean
  readonly #onEnd: (errand: Errand) => void

  constructor(outcome: ErrandOutcome, goesOn: () => boolean, onEnd: (errand: Errand) => void) {
    this.outcome = outcome
    this.goesOn = goesOn
    this.#onEnd = onEnd
  }

  end(): void {
    this.#onEnd(this)
  }
}

/** One that ended before it began. */
export function endedErrand(outcome: ErrandOutcome, error?: unknown): Errand {
  const errand = new Errand(
    outcome,
    () => false,
    () => {},
  )
  errand.error = error
  return errand
}
