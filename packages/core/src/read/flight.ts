import type { Fenced } from '../coherence/fences.ts'

/** One read of one key in this process, whoever asked for it. Waiters share its result and its error. */
export class Flight<V> implements Fenced {
  /** Set from outside when the key is written meanwhile. */
  voided = false
  touched = false
  /** Somebody waits; a refresh in the background that nobody waits for gives up sooner. */
  wanted: boolean
  #promise!: Promise<V | undefined>
  #resolve!: (value: V | undefined) => void
  #reject!: (error: unknown) => void
  #settled = false
  #usableUntil = Number.POSITIVE_INFINITY

  constructor(wanted: boolean) {
    this.wanted = wanted
    this.#board()
  }

  /** Whether those who wait now have their answer; the flight may go on to load and to store. */
  get settled(): boolean {
    return this.#settled
  }

  get promise(): Promise<V | undefined> {
    return this.#promise
  }

  /** For one who comes later: the answer that was given, unless it was an older value whose time is over since. */
  join(now: number): Promise<V | undefined> {
    this.wanted = true
    if (this.#settled && now >= this.#usableUntil) this.#board()
    return this.#promise
  }

  /** The value that was flown for. */
  answer(value: V | undefined): void {
    // Whoever joins from now on gets this, not the older value that the first ones were content with.
    if (this.#settled) this.#board()
    this.#settled = true
    this.#resolve(value)
  }

  /** An older value, while the flight goes on. */
  answerInstead(value: V | undefined, usableUntil: number): void {
    if (this.#settled) return
    this.#settled = true
    this.#usableUntil = usableUntil
    this.#resolve(value)
  }

  fail(error: unknown): void {
    if (this.#settled) return
    this.#settled = true
    // Nobody may be waiting, and a rejection that nobody hears ends the process.
    this.#promise.catch(() => {})
    this.#reject(error)
  }

  #board(): void {
    this.#settled = false
    this.#usableUntil = Number.POSITIVE_INFINITY
    this.#promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }
}
