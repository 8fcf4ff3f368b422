import type { Connection } from './connection.ts'
import type { Client } from './topology.ts'
import { RedisTimeoutError } from './trouble.ts'

/** A command under way, told of its end by call. */
export interface Racing<T> {
  readonly connection: Connection
  command(client: Client): Promise<T>
  onReply(reply: T): void
  onError(error: Error): void
  /** Both are kept here. */
  until: number
  settled: boolean
}

/**
 * One deadline for all, so they pass in the order in which they were set, and one timer serves them all: a timer for
 * every read would cost more than the rest of its way through the SDK.
 */
export class Deadlines<T> {
  readonly #milliseconds: number
  #racing: Racing<T>[] = []
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds
  }

  /** Sends the command; it ends in one of `onReply` and `onError`, at the deadline with a RedisTimeoutError. */
  race(racing: Racing<T>): void {
    racing.until = Date.now() + this.#milliseconds
    this.#racing.push(racing)
    if (this.#timer === undefined && !this.#closed) this.#timer = setTimeout(this.#onTimer, this.#milliseconds)
    const { connection } = racing
    connection
      .send((client) => racing.command(client))
      .then(
        (reply) => {
          connection.answered()
          if (racing.settled) return
          racing.settled = true
          racing.onReply(reply)
        },
        (error: unknown) => {
          connection.failed()
          if (racing.settled) return
          racing.settled = true
          racing.onError(error instanceof Error ? error : new Error(String(error)))
        },
      )
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  // A stalled event loop runs its timers before it reads its sockets: let the replies that are already here win.
  readonly #onTimer = (): void => {
    setImmediate(this.#sweep)
  }

  readonly #sweep = (): void => {
    this.#timer = undefined
    if (this.#closed) return
    const now = Date.now()
    const all = this.#racing
    let passed = 0
    for (; passed < all.length; passed++) {
      const racing = all[passed]
      if (racing === undefined || racing.settled) continue
      if (racing.until > now) break
      racing.settled = true
      racing.connection.gaveUp()
      racing.onError(new RedisTimeoutError(`no reply from Redis within ${this.#milliseconds} ms`))
    }
    this.#racing = all.slice(passed)
    const [next] = this.#racing
    if (next === undefined) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#onTimer, Math.max(1, next.until - now))
  }
}
