import type { Clock, Random } from './clock.ts'
import { commandSeconds, HistogramCounter } from './histogram.ts'
import type { Priority } from './options/policy.ts'
import type { PressureSettings } from './options/pressure-options.ts'
import { Account, type AccountedRedis } from './pressure/account.ts'
import { encodeLine, parseLine } from './pressure/learned-line.ts'
import { Ledger } from './pressure/ledger.ts'
import type { MemoryMode } from './pressure/mode.ts'
import { Probe } from './pressure/probe.ts'
import { Watch } from './pressure/watch.ts'
import type { WriteGate } from './pressure/write-gate.ts'
import { HealthConnection, type NodeAnswer } from './redis/health-connection.ts'
import type { Topology } from './redis/topology.ts'
import { classify } from './redis/trouble.ts'

export interface PressureParts {
  readonly cacheName: string
  readonly clock: Clock
  readonly random: Random
  readonly settings: PressureSettings
  /** The container's limit in bytes, where it was declared. */
  readonly declared: number | undefined
  readonly gate: WriteGate
  readonly topology: Topology
  /** Whether this process is told of what others delete. */
  hears(): boolean
  /** Tells the other processes of the line that was learned, or of what a namespace holds. */
  tellLine(text: string): void
  tellBytes(namespace: string, bytes: number): void
  /** Redis was looked at, and what follows is in force. */
  onLook(): void
  /** All that was stored on a node is gone. */
  onEmptied(): void
}

export type LookOutcome = 'ok' | 'denied' | 'failed'

// Long enough to outlive a quiet month, short enough that a line which nobody confirms any more is forgotten.
const lineTtl = 30 * 86_400_000
const canaryTtl = 1_000
// Every process hears every other: at each look of an alarmed fleet of 300 that were 90,000 messages a second.
const tellEvery = 9_000
// Keys of ours that are weighed at each look.
const weighed = 2

/** How one Redis fares in memory: looks at it, keeps the books of who holds what there, and shares what was learned. */
export class RedisPressure implements AccountedRedis {
  readonly clock: Clock
  readonly ledger = new Ledger()
  readonly watch: Watch
  readonly looks: Record<LookOutcome, number> = { ok: 0, denied: 0, failed: 0 }
  /** A script ran at the latest look, and let nobody else in. */
  busy = false
  readonly lookSeconds = new HistogramCounter(commandSeconds)
  readonly #parts: PressureParts
  readonly #health: HealthConnection
  readonly #probe: Probe
  readonly #accounts = new Map<string, Account>()
  readonly #redisKeys = new Map<string, (key: string) => string>()
  #lineStored = false
  #toldBytesAt = Number.NEGATIVE_INFINITY
  #refusedBefore = false
  #emptied: 'restart' | 'flush' | undefined

  constructor(parts: PressureParts) {
    this.#parts = parts
    this.clock = parts.clock
    this.watch = new Watch(parts.clock, parts.settings, parts.declared, parts.gate, {
      onEmptied: (cause) => {
        this.#emptied = cause
        parts.onEmptied()
      },
      onLearned: () => {
        this.#lineStored = false
        this.#shareLine()
      },
      onDisproved: () => {
        void this.#health?.delete(this.#lineKey).catch(() => {})
      },
    })
    this.#health = new HealthConnection(parts.topology, {
      onReady: () => this.#probe?.lookSoon(),
      onClosed: () => this.watch.lost(),
    })
    this.#probe = new Probe({
      clock: parts.clock,
      random: parts.random,
      look: () => this.#look(),
      onAnswers: (answers) => {
        const denied = answers.some(({ info }) => info === undefined)
        this.looks[denied ? 'denied' : 'ok'] += 1
        this.busy = false
        this.watch.take(answers)
        if (this.#emptied !== undefined) this.#noteEmptied(this.#emptied)
        void this.#afterLook()
        parts.onLook()
      },
      onFailure: (error) => {
        this.looks.failed += 1
        this.busy = classify(error) === 'busy'
      },
      pause: () => this.watch.pause,
    })
    // Where the connection is never made there is nothing to look at, and that is told by the breakers.
    this.#probe.lookSoon()
  }

  get memory(): MemoryMode {
    return this.watch.mode
  }

  get evicts(): boolean {
    return this.watch.evicts
  }

  get hears(): boolean {
    return this.#parts.hears()
  }

  wrote(bytes: number): void {
    if (this.watch.wrote(bytes)) this.#probe.lookSoon()
  }

  get accounts(): readonly Account[] {
    return [...this.#accounts.values()]
  }

  /** Opens the books of a namespace; `redisKey` names its keys in Redis. */
  open(id: string, priority: Priority, budget: number | undefined, redisKey: (key: string) => string): Account {
    const account = new Account(id, priority, budget, this)
    this.#accounts.set(id, account)
    this.#redisKeys.set(id, redisKey)
    return account
  }

  /** Bytes that each namespace holds, as far as this process wrote them. */
  heldBytes(): Record<string, { readonly bytes: number; readonly entries: number }> {
    return this.ledger.totals(this.clock.now())
  }

  heardLine(text: string): void {
    const line = parseLine(text)
    if (line !== undefined) this.watch.learn(line)
  }

  heardBytes(sender: string, namespace: string, bytes: number): void {
    this.#accounts.get(namespace)?.heardOf(sender, bytes)
  }

  /** The gate's refusal began or ended. */
  noteRefusal(): void {
    const refused = this.#parts.gate.refusal !== undefined
    if (refused === this.#refusedBefore) return
    this.#refusedBefore = refused
    if (!refused) this.watch.recover()
    this.#probe.lookSoon()
  }

  close(): void {
    this.#probe.close()
    this.#health.close()
  }

  async #look(): Promise<readonly NodeAnswer[]> {
    const started = performance.now()
    const answers = await this.#health.look()
    this.lookSeconds.observe((performance.now() - started) / 1_000)
    return answers
  }

  get #lineKey(): string {
    return `${this.#parts.cacheName}:{plimsoll}:line`
  }

  #noteEmptied(cause: 'restart' | 'flush'): void {
    this.#emptied = undefined
    this.#lineStored = false
    // Whose keys were on that one node is not known: each is missed when it is read.
    if (Object.keys(this.watch.view()).length > 1) return
    for (const [id, { entries }] of Object.entries(this.heldBytes())) this.#accounts.get(id)?.allGone(entries, cause)
    this.ledger.clear()
  }

  async #afterLook(): Promise<void> {
    const { gate } = this.#parts
    // A process that writes nothing would never learn that Redis takes writes again.
    if (gate.refusal !== undefined) {
      const key = `${this.#parts.cacheName}:{plimsoll}:canary`
      await gate.run('essential', () => this.#health.set(key, '1', canaryTtl)).catch(() => {})
    }
    this.#settleBudgets()
    await this.#keepLine().catch(() => {})
    await this.#weigh()
  }

  #settleBudgets(): void {
    let held: ReturnType<Ledger['totals']> | undefined
    const now = this.clock.now()
    const tells = Math.abs(now - this.#toldBytesAt) >= tellEvery
    if (tells) this.#toldBytesAt = now
    for (const account of this.#accounts.values()) {
      if (account.budget === undefined) continue
      held ??= this.heldBytes()
      const own = held[account.id]?.bytes ?? 0
      account.settle(own)
      if (tells) this.#parts.tellBytes(account.id, Math.round(own))
    }
  }

  #shareLine(): void {
    if (this.watch.learned !== undefined) this.#parts.tellLine(encodeLine(this.watch.learned))
  }

  /** In Redis for those that start later, and again after each death that has taken it along. */
  async #keepLine(): Promise<void> {
    const { learned } = this.watch
    if (learned === undefined) {
      const text = await this.#health.get(this.#lineKey)
      if (text === null) return
      this.heardLine(text)
      // Kept on for its time by those who saw a death, not by everybody who reads of it: else it would never end.
      this.#lineStored = true
    } else if (!this.#lineStored && this.#parts.gate.open) {
      this.#lineStored = true
      try {
        await this.#health.set(this.#lineKey, encodeLine(learned), lineTtl)
      } catch (error) {
        this.#lineStored = classify(error) === 'noperm'
      }
    }
  }

  /** A few of our keys are weighed by Redis itself, so that the estimates of the ledger stay near the truth. */
  async #weigh(): Promise<void> {
    const samples = this.ledger.samples(weighed, this.#parts.random)
    const keys = samples.map(({ namespace, key }) => this.#redisKeys.get(namespace)?.(key) ?? '')
    if (keys.length === 0) return
    const sizes = await this.#health.memoryUsage(keys)
    if (sizes === undefined) return
    for (const [index, { namespace, key, bytes }] of samples.entries()) {
      const size = sizes[index]
      if (typeof size === 'number') this.ledger.calibrate(namespace, bytes, size)
      else this.#accounts.get(namespace)?.absent(key)
    }
  }
}
