import type { Connection, Sending } from './connection.ts'
import { RedisTimeoutError } from './trouble.ts'

/** A command under way, told of its end by call. */
export interface Racing<T> extends Sending<T> {
  readonly connection: Connection
  onReply(reply: T): void
  onError(error: Error): void
  /** These are kept here. */
  until: number
  settled: boolean
  place: number
}

/**
 * One deadline for all, so they pass in the order in which they were set, and one timer serves them all: a timer for
 * every read would cost more than the rest of its way through the SDK.
 */
export class Deadlines<T> {
  readonly #milliseconds: number
  // What has ended leaves its place at once: a queue that held it to its deadline would carry every value that was read
  // into the old generation of the heap, at a quarter of a hit's cost.
  #places: (Racing<T> | undefined)[] = []
  #head = 0
  /** Places that were cut off in front. */
  #cut = 0
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds
  }

  /** Sends the command; it ends in one of `onReply` and `onError`, at the deadline with a RedisTimeoutError. */
  race(racing: Racing<T>): void {
    racing.until = performance.now() + this.#milliseconds
    racing.place = this.#cut + this.#places.push(racing) - 1
    if (this.#timer === undefined && !this.#closed) this.#timer = setTimeout(this.#onTimer, this.#milliseconds)
    const { connection } = racing
    connection.send(racing).then(
      (reply) => {
        connection.answered()
        if (racing.settled) return
        this.#leave(racing)
        racing.onReply(reply)
      },
      (error: unknown) => {
        connection.failed()
        if (racing.settled) return
        this.#leave(racing)
        racing.onError(error instanceof Error ? error : new Error(String(error)))
      },
    )
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #leave(racing: Racing<T>): void {
    racing.settled = true
    this.#places[racing.place - this.#cut] = undefined
    while (this.#head < this.#places.length && this.#places[this.#head] === undefined) this.#head += 1
    // Now and then: an array that is cut each time pays for it each time.
    if (this.#head < 256 || this.#head * 2 < this.#places.length) return
    this.#places.splice(0, this.#head)
    this.#cut += this.#head
    this.#head = 0
  }

  // A stalled event loop runs its timers before it reads its sockets: let the replies that are already here win.
  readonly #onTimer = (): void => {
    setImmediate(this.#sweep)
  }

  readonly #sweep = (): void => {
    this.#timer = undefined
    const now = performance.now()
    while (!this.#closed) {
      const first = this.#places[this.#head]
      if (first === undefined) return
      if (first.until > now) {
        clearTimeout(this.#timer)
        this.#timer = setTimeout(this.#onTimer, first.until - now)
        return
      }
      this.#leave(first)
      first.connection.gaveUp()
      first.onError(new RedisTimeoutError(`no reply from Redis within ${this.#milliseconds} ms`))
    }
  }
}
