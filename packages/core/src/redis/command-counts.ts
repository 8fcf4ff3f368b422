import { BreakerOpenError, type BreakerState } from '../breaker/breaker.ts'
import { classify, NoTimeLeftError, type TroubleClass } from './trouble.ts'

export interface BreakerTransition {
  readonly breaker: 'read' | 'write'
  readonly to: BreakerState
  readonly count: number
}

/** What the commands to one Redis have come to since the start of the process. */
export interface CommandStatistics {
  /** Commands sent, not keys: the gets of one tick share a read. */
  readonly commands: Readonly<Record<'read' | 'write', number>>
  readonly errors: Readonly<Partial<Record<TroubleClass, number>>>
  /** Of the breakers of the primary. */
  readonly breakerTransitions: readonly BreakerTransition[]
  /** Connections that came back after they had been lost. */
  readonly reconnects: number
  /** Commands that have not been answered. */
  readonly inFlight: number
}

const states: readonly BreakerState[] = ['closed', 'open', 'half-open']

export class CommandCounts {
  reads = 0
  writes = 0
  readonly #errors: Partial<Record<TroubleClass, number>> = {}
  readonly #transitions = {
    read: { closed: 0, open: 0, 'half-open': 0 },
    write: { closed: 0, open: 0, 'half-open': 0 },
  }

  /** Only what was meant for Redis: a breaker's refusal and a spent budget say nothing of it. */
  noteError(error: unknown): void {
    if (error instanceof BreakerOpenError || error instanceof NoTimeLeftError) return
    const trouble = classify(error)
    this.#errors[trouble] = (this.#errors[trouble] ?? 0) + 1
  }

  noteTransition(breaker: 'read' | 'write', to: BreakerState): void {
    this.#transitions[breaker][to] += 1
  }

  snapshot(): Pick<CommandStatistics, 'commands' | 'errors' | 'breakerTransitions'> {
    return {
      commands: { read: this.reads, write: this.writes },
      errors: { ...this.#errors },
      breakerTransitions: (['read', 'write'] as const).flatMap((breaker) =>
        states.map((to) => ({ breaker, to, count: this.#transitions[breaker][to] })),
      ),
    }
  }
}
