import { setTimeout as pause } from 'node:timers/promises'
import { sourceValue } from './shared-source.ts'

/** What became of the requests of one stretch of time. Durations in milliseconds. */
export interface Measurement {
  readonly asked: number
  /** Answered with the value that belongs to the key. */
  readonly answered: number
  readonly unanswered: number
  /** Messages of errors, and descriptions of wrong answers. */
  readonly failures: readonly string[]
  readonly p50: number
  readonly p99: number
  readonly longest: number
}

interface Stretch {
  asked: number
  failures: string[]
  durations: number[]
}

const patience = 10_000
const everyMilliseconds = 5

/** Requests for random keys at a fixed rate, whatever becomes of them. */
export class Traffic {
  readonly #ask: (key: string) => Promise<unknown>
  #stretch = emptyStretch()
  #timer: NodeJS.Timeout | undefined

  constructor(ask: (key: string) => Promise<unknown>) {
    this.#ask = ask
  }

  start(requestsPerSecond: number, keys: number): void {
    const started = performance.now()
    let made = 0
    this.#timer = setInterval(() => {
      const due = ((performance.now() - started) / 1_000) * requestsPerSecond
      for (; made < due; made++) void this.#request(`key-${Math.floor(Math.random() * keys)}`)
    }, everyMilliseconds)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** The requests made since the last call, once all of them have been answered (or long enough has passed). */
  async measure(): Promise<Measurement> {
    const stretch = this.#stretch
    this.#stretch = emptyStretch()
    const until = performance.now() + patience
    while (stretch.asked > done(stretch) && performance.now() < until) await pause(10)
    const durations = stretch.durations.toSorted((a, b) => a - b)
    const at = (share: number): number => durations[Math.floor(durations.length * share)] ?? 0
    return {
      asked: stretch.asked,
      answered: durations.length,
      unanswered: stretch.asked - done(stretch),
      failures: stretch.failures,
      p50: at(0.5),
      p99: at(0.99),
      longest: durations.at(-1) ?? 0,
    }
  }

  async #request(key: string): Promise<void> {
    const stretch = this.#stretch
    stretch.asked += 1
    const started = performance.now()
    try {
      const value = await this.#ask(key)
      if (value === sourceValue(key)) stretch.durations.push(performance.now() - started)
      else stretch.failures.push(`${key} was answered with ${String(value)}`)
    } catch (error) {
      stretch.failures.push(String(error))
    }
  }
}

function emptyStretch(): Stretch {
  return { asked: 0, failures: [], durations: [] }
}

function done(stretch: Stretch): number {
  return stretch.durations.length + stretch.failures.length
}
