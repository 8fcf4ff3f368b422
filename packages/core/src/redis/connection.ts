import type { Client, ConnectionPurpose, Role, Topology } from './topology.ts'
import { classify, RedisTimeoutError, RedisUnavailableError } from './trouble.ts'

export interface ConnectionEvents {
  onReady(): void
  onClose(): void
  onError(error: Error): void
}

/** An object and not a function: a shared read has one anyway. */
export interface Sending<T> {
  command(client: Client): Promise<T>
}

const longestHandshake = 5_000
const lookingElsewhere = 1_000

/** One client, with a deadline on what it is asked and an end for a peer that has gone silent. */
export class Connection {
  readonly #client: Client
  readonly #firstOutcome: Promise<void>
  readonly #longestSilence: number
  #outcomeKnown = false
  #inFlight = 0
  #timesReady = 0
  #silentSince = 0
  #refusedAt = Number.NEGATIVE_INFINITY
  #handshake: NodeJS.Timeout | undefined

  constructor(
    topology: Topology,
    role: Role,
    longestSilence: number,
    events: ConnectionEvents,
    purpose: ConnectionPurpose = 'data',
  ) {
    this.#longestSilence = longestSilence
    this.#client = topology.open(role, purpose)
    // Without a listener an error of the socket would end the process.
    this.#client.on('error', events.onError)
    this.#client.on('ready', events.onReady)
    this.#client.on('close', events.onClose)
    this.#client.on('connect', () => this.#watchHandshake())
    this.#client.on('ready', () => {
      this.#timesReady += 1
      clearTimeout(this.#handshake)
    })
    this.#client.on('close', () => clearTimeout(this.#handshake))
    const learn = () => {
      this.#outcomeKnown = true
    }
    this.#firstOutcome = this.#client.connect().then(learn, learn)
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

  /** Whether it was ended, if it was, to look for the primary elsewhere: a READONLY reply does that, and no key is to blame. */
  get isLookingElsewhere(): boolean {
    return performance.now() - this.#refusedAt < lookingElsewhere
  }

  get reconnects(): number {
    return Math.max(0, this.#timesReady - 1)
  }

  /**
   * Sends a command without a deadline of its own; the caller keeps one, and says `answered`, `failed` and `gaveUp`. The
   * first commands of a starting process wait for the outcome of the first attempt to connect, later ones fail where
   * there is no connection.
   *
   * @throws RedisUnavailableError, or what ioredis rejects with
   */
  send<T>(sending: Sending<T>): Promise<T> {
    this.#inFlight += 1
    if (this.ready) return sending.command(this.#client)
    if (this.#outcomeKnown) return Promise.reject(new RedisUnavailableError('not connected to Redis'))
    return this.#firstOutcome.then(() => {
      if (!this.ready) throw new RedisUnavailableError('not connected to Redis')
      return sending.command(this.#client)
    })
  }

  answered(): void {
    this.#inFlight -= 1
    this.#silentSince = 0
  }

  failed(): void {
    this.#inFlight -= 1
  }

  /** Sends a command under a deadline in milliseconds. */
  run<T>(command: (client: Client) => Promise<T>, deadline: number): Promise<T> {
    if (!this.ready && this.#outcomeKnown) {
      return Promise.reject(new RedisUnavailableError('not connected to Redis'))
    }
    return new Promise<T>((resolve, reject) => {
      let late = false
      const timer = setTimeout(() => {
        // A stalled event loop runs its timers before it reads its sockets: let a reply that is already here win.
        setImmediate(() => {
          late = true
          reject(new RedisTimeoutError(`no reply from Redis within ${Math.round(deadline)} ms`))
          this.gaveUp()
        })
      }, deadline)
      // A handshake may end after the deadline: what was given up must not be sent then.
      const sending: Sending<T> = {
        command: (client) => (late ? Promise.reject(new RedisUnavailableError('too late')) : command(client)),
      }
      this.send(sending).then(
        (reply) => {
          clearTimeout(timer)
          this.answered()
          resolve(reply)
        },
        (error: unknown) => {
          clearTimeout(timer)
          this.failed()
          if (classify(error) === 'readonly') this.#refusedAt = performance.now()
          reject(error instanceof Error ? error : new Error(String(error)))
        },
      )
    })
  }

  /**
   * A deadline passed. A peer that has answered nothing for long may be gone without a word, and TCP would notice after
   * many minutes: a new connection finds out.
   */
  gaveUp(): void {
    const now = performance.now()
    if (this.#silentSince === 0) this.#silentSince = now
    else if (now - this.#silentSince >= this.#longestSilence) {
      this.#silentSince = 0
      if (this.ready || this.#client.status === 'connect') this.#client.disconnect(true)
    }
  }

  close(): void {
    clearTimeout(this.#handshake)
    this.#client.disconnect()
  }

  /** ioredis bounds the TCP connect only: a frozen or vanished peer can leave the handshake without an answer for ever. */
  #watchHandshake(): void {
    clearTimeout(this.#handshake)
    this.#handshake = setTimeout(() => {
      if (this.#client.status === 'connect') this.#client.disconnect(true)
    }, longestHandshake)
  }
}
