import type { Fenced } from '../coherence/fences.ts'

/** One read of one key in this process, whoever asked for it. Waiters share its result and its error. */
export class Flight<V> implements Fenced {
  readonly promise: Promise<V | undefined>
  /** Set from outside when the key is written meanwhile. */
  voided = false
  /** Somebody waits; a refresh in the background that nobody waits for gives up sooner. */
  wanted: boolean
  #resolve!: (value: V | undefined) => void
  #reject!: (error: unknown) => void
  #settled = false

  constructor(wanted: boolean) {
    this.wanted = wanted
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Whether the waiters have their answer; the flight may go on to store the value. */
  get settled(): boolean {
    return this.#settled
  }

  answer(value: V | undefined): void {
    this.#settled = true
    this.#resolve(value)
  }

  fail(error: unknown): void {
    if (this.#settled) return
    this.#settled = true
    // Nobody may be waiting, and a rejection that nobody hears ends the process.
    this.promise.catch(() => {})
    this.#reject(error)
  }
}
