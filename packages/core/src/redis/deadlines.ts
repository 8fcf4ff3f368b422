import type { Connection } from './connection.ts'
import type { Client } from './topology.ts'
import { RedisTimeoutError } from './trouble.ts'

interface Racing {
  readonly until: number
  readonly connection: Connection
  settled: boolean
  reject(error: Error): void
}

/**
 * One deadline for all, so they pass in the order in which they were set, and one timer serves them all: a timer for
 * every read would cost more than the rest of its way through the SDK.
 */
export class Deadlines {
  readonly #milliseconds: number
  #racing: Racing[] = []
  #head = 0
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds
  }

  /** @throws RedisTimeoutError, or what the command rejects with */
  race<T>(connection: Connection, command: (client: Client) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const racing: Racing = { until: Date.now() + this.#milliseconds, connection, settled: false, reject }
      this.#racing.push(racing)
      if (this.#timer === undefined && !this.#closed) this.#timer = setTimeout(this.#onTimer, this.#milliseconds)
      connection.send(command).then(
        (reply) => {
          racing.settled = true
          connection.answered()
          resolve(reply)
        },
        (error: unknown) => {
          racing.settled = true
          connection.failed()
          reject(error instanceof Error ? error : new Error(String(error)))
        },
      )
    })
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
    for (; this.#head < this.#racing.length; this.#head++) {
      const racing = this.#racing[this.#head]
      if (racing === undefined || racing.settled) continue
      if (racing.until > now) break
      racing.settled = true
      racing.reject(new RedisTimeoutError(`no reply from Redis within ${this.#milliseconds} ms`))
      racing.connection.gaveUp()
    }
    this.#racing = this.#racing.slice(this.#head)
    this.#head = 0
    const [next] = this.#racing
    if (next !== undefined) this.#timer = setTimeout(this.#onTimer, Math.max(1, next.until - now))
  }
}
