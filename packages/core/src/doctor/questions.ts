import { RedisTimeoutError } from '../redis/trouble.ts'

/** The one thing that the doctor needs of a client; ioredis has it. */
export interface Asker {
  call(command: string, ...args: string[]): Promise<unknown>
}

/** A command that ran, and what it cost. */
export interface Ran {
  /** With the arguments that matter, never a key's name. */
  readonly command: string
  readonly times: number
  /** Until the answers were here, the network's part included. */
  readonly milliseconds: number
  /** What it does to the server beside taking time. */
  readonly effect: string
}

export interface Question {
  readonly command: string
  readonly args?: readonly string[]
  /** As the report shows it, where that is not the command with its arguments. */
  readonly shown?: string
  readonly effect?: string
}

const noEffect = 'reads no key'

/** Asks one node, each question under a deadline, and keeps the account of what was asked. */
export class Questions {
  #asker: Asker
  readonly #timeout: number
  readonly #signal: AbortSignal
  readonly #ran = new Map<string, Ran>()

  constructor(asker: Asker, timeout: number, signal: AbortSignal) {
    this.#asker = asker
    this.#timeout = timeout
    this.#signal = signal
  }

  /** Goes on with another connection. */
  reconnect(asker: Asker): void {
    this.#asker = asker
  }

  get ran(): readonly Ran[] {
    return [...this.#ran.values()]
  }

  /** @throws RedisTimeoutError, the reason of the abortion, or what the client rejects with */
  async ask({
    command,
    args = [],
    shown = [command, ...args].join(' '),
    effect = noEffect,
  }: Question): Promise<unknown> {
    this.#signal.throwIfAborted()
    const started = performance.now()
    try {
      return await this.within(this.#asker.call(command, ...args))
    } finally {
      this.note({ command: shown, times: 1, milliseconds: performance.now() - started, effect })
    }
  }

  note(ran: Ran): void {
    const before = this.#ran.get(ran.command)
    const { times, milliseconds } = before ?? { times: 0, milliseconds: 0 }
    this.#ran.set(ran.command, { ...ran, times: times + ran.times, milliseconds: milliseconds + ran.milliseconds })
  }

  /** The reply, should it come before the deadline. */
  within<T>(reply: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const abort = () => reject(this.#signal.reason)
      const timer = setTimeout(
        () => reject(new RedisTimeoutError(`no reply within ${this.#timeout} ms`)),
        this.#timeout,
      )
      this.#signal.addEventListener('abort', abort)
      const settled = (): void => {
        clearTimeout(timer)
        this.#signal.removeEventListener('abort', abort)
      }
      reply.then(resolve, reject).then(settled, settled)
    })
  }
}
