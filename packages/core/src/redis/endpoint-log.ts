import type { BreakerState } from '../breaker/breaker.ts'
import type { Logger } from '../options/logger.ts'
import type { Role } from './topology.ts'

/** What the log is told of an endpoint. */
export class EndpointLog {
  readonly #role: Role
  readonly #logger: Logger
  readonly #reported = new Set<string>()

  constructor(role: Role, logger: Logger) {
    this.#role = role
    this.#logger = logger
  }

  noteReady(): void {
    this.#reported.clear()
  }

  /** Each kind once an outage: a connection is tried several times a second. */
  noteError({ message }: Error): void {
    const kind = firstWord(message)
    const level = this.#reported.has(kind) ? 'debug' : 'warn'
    this.#reported.add(kind)
    this.#logger[level]({ error: message, role: this.#role }, `Redis ${this.#role}: no connection`)
  }

  noteTransition(breaker: 'read' | 'write', state: BreakerState, previous: BreakerState): void {
    const details = { breaker, state, role: this.#role }
    if (state === 'open' && previous === 'closed')
      this.#logger.warn(details, `Redis ${this.#role}: ${breaker} breaker opened`)
    else if (state === 'closed') this.#logger.info(details, `Redis ${this.#role}: ${breaker} breaker closed`)
  }
}

/** What tells one kind of connection error from another, without the address in it. */
function firstWord(message: string): string {
  return /\bE[A-Z]{4,}\b/.exec(message)?.[0] ?? message.split(' ', 1)[0] ?? message
}
