import CircuitBreaker from 'opossum'

export type BreakerState = 'closed' | 'open' | 'half-open'

export interface BreakerOptions {
  readonly name: string
  /** Opens after this many failures with no success between them: a share of a busy window would notice a hang late. */
  readonly consecutiveFailures: number
  /** Milliseconds from opening to the next trial. */
  readonly resetAfter: number
  /** Whether this error says that the other side is in trouble. All other errors count as answers. */
  isTrouble(error: unknown): boolean
  /**
   * Runs in the background as the trial of a half-open breaker. Without it the next caller is the trial, for a source
   * can only be asked with somebody's key.
   */
  readonly probe?: () => Promise<unknown>
  onTransition?(state: BreakerState, previous: BreakerState): void
}

/** Thrown, without running the action, while a breaker is open. */
export class BreakerOpenError extends Error {
  override readonly name = 'BreakerOpenError'
}

// As long as opossum's window: in it the share of failures needs the successes too.
const windowMilliseconds = 2_000

/**
 * A circuit breaker on opossum, whose trial may run in the background and which opens on a hang at once. While nothing
 * fails, opossum is not asked: with no failure in its window it could only say yes, at 1 µs a time.
 */
export class Breaker {
  readonly #circuit: CircuitBreaker<[() => Promise<unknown>], unknown>
  readonly #options: BreakerOptions
  #state: BreakerState = 'closed'
  #failuresInARow = 0
  #alertUntil = 0
  #shutDown = false

  constructor(options: BreakerOptions) {
    this.#options = options
    this.#circuit = new CircuitBreaker((action: () => Promise<unknown>) => action(), {
      name: options.name,
      // Deadlines are kept by whoever runs the action; a second timer here would cost as much as the rest of opossum.
      timeout: false,
      resetTimeout: options.resetAfter,
      // Counting begins with a failure, so half of the calls must not be enough.
      errorThresholdPercentage: 60,
      volumeThreshold: 10,
      rollingCountTimeout: windowMilliseconds,
      rollingCountBuckets: 4,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      errorFilter: (error: unknown) => !options.isTrouble(error),
    })
    this.#circuit.on('success', () => {
      this.#failuresInARow = 0
    })
    this.#circuit.on('failure', () => {
      this.#alertUntil = Date.now() + windowMilliseconds
      this.#failuresInARow += 1
      if (this.#failuresInARow >= options.consecutiveFailures && this.#circuit.closed) this.#circuit.open()
    })
    this.#circuit.on('open', () => this.#enter('open'))
    this.#circuit.on('close', () => {
      this.#failuresInARow = 0
      this.#enter('closed')
    })
    this.#circuit.on('halfOpen', () => {
      this.#enter('half-open')
      if (options.probe !== undefined) this.#circuit.fire(options.probe).catch(() => {})
    })
  }

  get state(): BreakerState {
    return this.#state
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  /**
   * Closed, and nothing has failed of late. Whoever looks first may run its action without `run`, and owes
   * `noteAnswer` or `note` for it.
   */
  get quiet(): boolean {
    return this.#state === 'closed' && (this.#alertUntil === 0 || Date.now() >= this.#alertUntil)
  }

  /** @throws BreakerOpenError at once while open, and while half-open when the trial is not the caller's to make. */
  run<T>(action: () => Promise<T>): Promise<T> {
    if (this.quiet) {
      const result = action()
      result.then(this.noteAnswer, this.note)
      return result
    }
    if (this.#state !== 'closed' && (this.#options.probe !== undefined || !this.#circuit.pendingClose)) {
      return Promise.reject(new BreakerOpenError(`${this.#options.name} is ${this.#state}`))
    }
    return this.#circuit.fire(action) as Promise<T>
  }

  /** Tries now instead of at the next reset: something outside, such as a new connection, says that it may succeed. */
  tryNow(): void {
    const probe = this.#options.probe
    if (this.#state !== 'open' || probe === undefined) return
    probe().then(
      () => {
        if (!this.#shutDown) this.#circuit.close()
      },
      () => {},
    )
  }

  close(): void {
    this.#shutDown = true
    this.#circuit.shutdown()
  }

  /** An answer to what was run without opossum: it counts only where something else failed meanwhile. */
  readonly noteAnswer = (): void => {
    if (this.#alertUntil === 0 || this.quiet || this.#state !== 'closed') return
    this.#circuit.fire(() => Promise.resolve()).catch(() => {})
  }

  /** The first failure after a quiet time: from here on opossum sees every call, until its window is clean again. */
  readonly note = (error: unknown): void => {
    if (this.#shutDown || this.#state !== 'closed' || !this.#options.isTrouble(error)) return
    const now = Date.now()
    if (now >= this.#alertUntil) this.#failuresInARow = 0
    this.#alertUntil = now + windowMilliseconds
    this.#circuit.fire(() => Promise.reject(error)).catch(() => {})
  }

  #enter(state: BreakerState): void {
    const previous = this.#state
    if (previous === state) return
    this.#state = state
    this.#options.onTransition?.(state, previous)
  }
}
