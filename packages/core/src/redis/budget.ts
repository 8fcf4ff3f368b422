/**
 * What one call may still wait for Redis, over all its commands together. Handed from command to command, so that
 * five slow replies cost one deadline and not five.
 */
export class Budget {
  left: number

  constructor(milliseconds: number) {
    this.left = milliseconds
  }

  spend(milliseconds: number): void {
    this.left = Math.max(0, this.left - milliseconds)
  }
}

/** The same for commands that run side by side: the time that passes for all of them counts once. */
export class Deadline {
  readonly #until: number

  constructor(milliseconds: number) {
    this.#until = performance.now() + milliseconds
  }

  get left(): number {
    return Math.max(0, this.#until - performance.now())
  }

  /** Time is spent by passing. */
  spend(_milliseconds: number): void {}
}
