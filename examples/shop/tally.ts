/** How requests ended. Every one that was sent is answered, refused or given up in the end. */
export interface Counts {
  sent: number
  /** With the right product, within the patience of the client. */
  answered: number
  /** With an error. */
  errors: number
  /** Not at all within the patience of the client. */
  unanswered: number
}

export type Ending = 'answered' | 'errors' | 'unanswered'

export interface Summary extends Readonly<Counts> {
  /** Milliseconds; a request that was given up counts with the patience of the client. Absent when none has ended. */
  readonly p50: number | undefined
  readonly p99: number | undefined
}

export class Tally {
  readonly #counts: Counts = { sent: 0, answered: 0, errors: 0, unanswered: 0 }
  readonly #latencies: number[] = []

  send(): void {
    this.#counts.sent += 1
  }

  end(ending: Ending, milliseconds: number): void {
    this.#counts[ending] += 1
    this.#latencies.push(milliseconds)
  }

  summary(): Summary {
    const ascending = Float64Array.from(this.#latencies).sort()
    return { ...this.#counts, p50: percentile(ascending, 0.5), p99: percentile(ascending, 0.99) }
  }
}

function percentile(ascending: Float64Array, share: number): number | undefined {
  const value = ascending[Math.ceil(ascending.length * share) - 1]
  return value === undefined ? undefined : Math.round(value * 10) / 10
}
