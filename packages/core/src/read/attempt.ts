/**
 * One call of the source, or one turn in a queue, which can be given up. Its signal is made for a load that looks at it: an AbortController for each would cost more than
 * all else of a miss in the local tier.
 */
export class Attempt {
  #controller: AbortController | undefined
  #givenUp: { readonly reason: unknown } | undefined
  #onGivenUp: ((reason: unknown) => void) | undefined

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#givenUp !== undefined) this.#controller.abort(this.#givenUp.reason)
    }
    return this.#controller.signal
  }

  get isGivenUp(): boolean {
    return this.#givenUp !== undefined
  }

  giveUp(reason: unknown): void {
    if (this.#givenUp !== undefined) return
    this.#givenUp = { reason }
    // Before the load hears of it, which may have an error of its own for that.
    this.#onGivenUp?.(reason)
    this.#controller?.abort(reason)
  }

  /** Tells one listener, the latest. */
  onGivenUp(listener: ((reason: unknown) => void) | undefined): void {
    if (this.#givenUp !== undefined) listener?.(this.#givenUp.reason)
    else this.#onGivenUp = listener
  }

  /** The result of `work`, unless this is given up before. */
  outcomeOf<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(resolve, reject)
      this.onGivenUp(reject)
    })
  }
}
