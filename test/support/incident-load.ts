import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'

/** How many requests of each kind a process makes in a second. */
export interface LoadRates {
  /** Writes a session of 4 KB under a key of its own. */
  readonly logins: number
  /** Reads a session that this process wrote. */
  readonly requests: number
  /** Reads a page through the cache. */
  readonly pages: number
  /** Reads what could as well be left out. */
  readonly suggestions: number
  /** Keys of a kind before they come round again. Without it none ever does, and memory only grows. */
  readonly distinct?: Readonly<Partial<Record<Kind, number>>>
}

/** What the load asks of a shop, be it on a plain client or on a cache. */
export interface Shop {
  login(session: string, content: string): Promise<unknown>
  /** Whether the session was there. */
  request(session: string): Promise<boolean>
  page(key: string): Promise<unknown>
  suggestion(key: string): Promise<unknown>
}

export interface OpenShop extends Shop {
  close(): Promise<void>
}

export type Kind = 'logins' | 'requests' | 'pages' | 'suggestions'

/** What became of the requests of one stretch of time. */
export interface LoadReport {
  readonly asked: number
  readonly answered: Readonly<Record<Kind, number>>
  /** Logins that were refused by a typed error: a service answers them with 503 and Retry-After. */
  readonly refused: number
  /** Requests whose session, once stored, was gone: its user has to log in again. */
  readonly withoutSession: number
  /** Anything else that was thrown, and answers that took longer than allowed. */
  readonly failed: number
  /** The first few of them. */
  readonly failures: readonly string[]
  /** In milliseconds. */
  readonly longest: number
  /** Resident memory of the process at the end, in bytes. */
  readonly resident: number
}

const kinds: readonly Kind[] = ['logins', 'requests', 'pages', 'suggestions']
const mostResident = 1024 ** 3
const everyMilliseconds = 10
const keptFailures = 10
const refusedWrite = 'PLIMSOLL_WRITE_REFUSED'
// Four times what the sessions of the incident weighed: memory grows as fast with a quarter of the requests.
const contentBytes = 4_000
const sourceMilliseconds = 5

/** Requests at a fixed rate, whatever becomes of them, as users make them. Each must be answered within `allowed` milliseconds. */
export class IncidentLoad {
  readonly #shop: Shop
  readonly #rates: LoadRates
  readonly #allowed: number
  /** Those that were stored. */
  readonly #sessions: string[] = []
  readonly #made: Record<Kind, number> = { logins: 0, requests: 0, pages: 0, suggestions: 0 }
  #stretch = new Stretch()
  #timer: NodeJS.Timeout | undefined

  constructor(shop: Shop, rates: LoadRates, allowed: number) {
    this.#shop = shop
    this.#rates = rates
    this.#allowed = allowed
  }

  start(): void {
    const started = performance.now()
    const before = { ...this.#made }
    this.#timer = setInterval(() => {
      // A process that grows without an end must not take the machine along.
      if (process.memoryUsage.rss() > mostResident)
        throw new Error(`this process holds more than ${mostResident} bytes`)
      const seconds = (performance.now() - started) / 1_000
      for (const kind of kinds) {
        const due = before[kind] + seconds * this.#rates[kind]
        while (this.#made[kind] < due) void this.#ask(kind, this.#made[kind]++)
      }
    }, everyMilliseconds)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** The requests made since the last report, once each has been answered or has been given its time. */
  async report(): Promise<LoadReport> {
    const stretch = this.#stretch
    this.#stretch = new Stretch()
    const until = performance.now() + this.#allowed
    while (stretch.open > 0 && performance.now() < until) await pause(10)
    if (stretch.open > 0) stretch.fail(`without an answer after ${this.#allowed} ms`, stretch.open)
    const { asked, answered, refused, withoutSession, failed, failures, longest } = stretch
    return { asked, answered, refused, withoutSession, failed, failures, longest, resident: process.memoryUsage.rss() }
  }

  async #ask(kind: Kind, number: number): Promise<void> {
    const stretch = this.#stretch
    stretch.asked += 1
    stretch.open += 1
    const started = performance.now()
    try {
      if (!(await this.#send(kind, number))) stretch.withoutSession += 1
      stretch.answered[kind] += 1
    } catch (error) {
      if ((error as { code?: unknown }).code === refusedWrite) stretch.refused += 1
      else stretch.fail(`${kind}: ${error instanceof Error ? error.message : error}`)
    }
    stretch.open -= 1
    const took = performance.now() - started
    stretch.longest = Math.max(stretch.longest, took)
    if (took > this.#allowed)
      stretch.fail(`${kind} at ${new Date().toISOString().slice(14, 23)}: answered after ${Math.round(took)} ms`)
  }

  /** Answers false where the session was gone. */
  async #send(kind: Kind, number: number): Promise<boolean> {
    const distinct = this.#rates.distinct?.[kind] ?? Number.POSITIVE_INFINITY
    const key = `${process.pid}-${number % distinct}`
    if (kind === 'logins') {
      await this.#shop.login(key, content())
      if (number < distinct) this.#sessions.push(key)
    } else if (kind === 'pages') await this.#shop.page(key)
    else if (kind === 'suggestions') await this.#shop.suggestion(key)
    else {
      const session = this.#sessions[Math.floor(Math.random() * this.#sessions.length)]
      return session === undefined || this.#shop.request(session)
    }
    return true
  }
}

class Stretch {
  asked = 0
  open = 0
  readonly answered: Record<Kind, number> = { logins: 0, requests: 0, pages: 0, suggestions: 0 }
  refused = 0
  withoutSession = 0
  failed = 0
  readonly failures: string[] = []
  longest = 0

  fail(reason: string, count = 1): void {
    this.failed += count
    if (this.failures.length < keptFailures) this.failures.push(reason)
  }
}

/** A source that has every page. */
export async function fromSource(): Promise<string> {
  await pause(sourceMilliseconds)
  return content()
}

/** Random, so that compression cannot make it small. */
export function content(): string {
  return randomBytes((contentBytes * 3) / 4).toString('base64')
}
