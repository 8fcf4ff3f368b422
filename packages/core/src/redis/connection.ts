import type { Client, Role, Topology } from './topology.ts'
import { RedisTimeoutError, RedisUnavailableError } from './trouble.ts'

/** One client with a deadline on everything that it is asked. */
export class Connection {
  readonly #client: Client
  readonly #firstOutcome: Promise<void>
  #outcomeKnown = false
  #inFlight = 0

  constructor(topology: Topology, role: Role, onReady: () => void, onError: (error: Error) => void) {
    this.#client = topology.open(role, 'data')
    // Without a listener an error of the socket would end the process.
    this.#client.on('error', onError)
    this.#client.on('ready', onReady)
    this.#firstOutcome = this.#client.connect().then(
      () => this.#learnOutcome(),
      () => this.#learnOutcome(),
    )
  }

  get ready(): boolean {
    return this.#client.status === 'ready'
  }

  get starting(): boolean {
    return !this.#outcomeKnown
  }

  /** Commands that have not been answered, which is how busy it is. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Resolves when it is known whether the first attempt to connect succeeded. */
  get firstOutcome(): Promise<void> {
    return this.#firstOutcome
  }

  /**
   * Runs a command under a deadline in milliseconds. The first commands of a starting process wait for the outcome of
   * the first attempt to connect; later ones fail at once where there is no connection.
   *
   * @throws RedisTimeoutError, RedisUnavailableError, or what ioredis rejects with
   */
  run<T>(command: (client: Client) => Promise<T>, deadline: number): Promise<T> {
    if (!this.ready && this.#outcomeKnown) return Promise.reject(new RedisUnavailableError('not connected to Redis'))
    return new Promise<T>((resolve, reject) => {
      let settled = false
      this.#inFlight += 1
      const settle = () => {
        settled = true
        this.#inFlight -= 1
        clearTimeout(timer)
      }
      const timer = setTimeout(() => {
        // A stalled event loop runs its timers before it reads its sockets: let a reply that is already here win.
        setImmediate(() => {
          if (settled) return
          settle()
          reject(new RedisTimeoutError(`no reply from Redis within ${Math.round(deadline)} ms`))
        })
      }, deadline)
      const send = () => {
        if (settled) return
        if (!this.ready) {
          settle()
          reject(new RedisUnavailableError('not connected to Redis'))
          return
        }
        command(this.#client).then(
          (reply) => {
            if (settled) return
            settle()
            resolve(reply)
          },
          (error: unknown) => {
            if (settled) return
            settle()
            reject(error instanceof Error ? error : new Error(String(error)))
          },
        )
      }
      if (this.#outcomeKnown) send()
      else this.#firstOutcome.then(send)
    })
  }

  close(): void {
    this.#client.disconnect()
  }

  #learnOutcome(): void {
    this.#outcomeKnown = true
  }
}
