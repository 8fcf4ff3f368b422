import type { Clock } from '../clock.ts'
import type { PressureSettings } from '../options/pressure-options.ts'
import type { NodeAnswer } from '../redis/health-connection.ts'
import { type Forecast, forecast } from './forecast.ts'
import { History, type HistoryEvent } from './history.ts'
import { parseInfo, parseMemoryStats, unknownVitals } from './info.ts'
import { nextLook } from './interval.ts'
import { Ladder } from './ladder.ts'
import { learnLine, mergeLines } from './learned-line.ts'
import { isRefusing, worstEvidence } from './memory-evidence.ts'
import { type LearnedLine, lineOf, type MemoryLine, Overhead } from './memory-line.ts'
import type { MemoryMode } from './mode.ts'
import type { Restart, ServerTotals, Trend } from './trend.ts'
import type { Vitals } from './vitals.ts'
import type { WriteGate } from './write-gate.ts'

/** One node as it was last seen, with what follows from it. */
export interface NodeView {
  readonly vitals: Vitals
  readonly trend: Trend | undefined
  readonly forecast: Forecast
  readonly line: MemoryLine | undefined
  readonly fill: number | undefined
  readonly canEvict: boolean
  /** Of the last hour. */
  readonly restarts: readonly Restart[]
}

export interface WatchEvents {
  /** All that was stored on a node is gone. */
  onEmptied(cause: 'restart' | 'flush'): void
  /** This process has learned the line by itself, or better than before. */
  onLearned(line: LearnedLine): void
  /** The line that was learned does not hold any more. */
  onDisproved(): void
}

interface Node {
  readonly history: History
  overhead: Overhead
  view: NodeView
  /** When it last answered. */
  seenAt: number
}

// A node that is down or starting again keeps its past for so long, or its death would teach nothing.
const remembered = 15 * 60_000
// Resident memory beyond a line that was said to kill, with what reclaimable pages may add.
const disproof = 1.15
// Twice as long after each look at a run of Redis that is new to us.
const firstPause = 500
// A look is worth its while when this process alone has added so much to what is used, or so many bytes.
const worthLook = { share: 0.02, bytes: 131_072 }
// Growth that counts as such, in shares of the limit a second: 0.5 % a minute.
const grows = 0.005 / 60

/** What one Redis tells of its memory, put together: who knows how full it is, what it will be, and what follows. */
export class Watch {
  readonly #clock: Clock
  readonly #settings: PressureSettings
  readonly #declared: number | undefined
  readonly #gate: WriteGate
  readonly #events: WatchEvents
  readonly #ladder: Ladder
  readonly #nodes = new Map<string, Node>()
  readonly restarts: Record<'kept' | 'lost', number> = { kept: 0, lost: 0 }
  #written = 0
  #learned: LearnedLine | undefined
  #lookedAt: number | undefined

  constructor(
    clock: Clock,
    settings: PressureSettings,
    declared: number | undefined,
    gate: WriteGate,
    events: WatchEvents,
  ) {
    this.#clock = clock
    this.#settings = settings
    this.#declared = declared
    this.#gate = gate
    this.#events = events
    this.#ladder = new Ladder(settings)
  }

  get mode(): MemoryMode {
    return this.#ladder.mode
  }

  get reasons(): readonly string[] {
    return this.#ladder.reasons
  }

  get learned(): LearnedLine | undefined {
    return this.#learned
  }

  /** When a look last succeeded, in milliseconds of the clock. */
  get lookedAt(): number | undefined {
    return this.#lookedAt
  }

  /** Whether keys have been evicted within the last ten minutes. */
  get evicts(): boolean {
    return this.#views().some(({ trend }) => trend !== undefined && trend.evictedKeys > 0)
  }

  /** Counters of the servers since this process first looked at them. */
  totals(): Record<string, ServerTotals> {
    return Object.fromEntries([...this.#nodes].map(([name, { history }]) => [name, history.totals]))
  }

  view(): Record<string, NodeView> {
    return Object.fromEntries(this.#answering().map(([name, { view }]) => [name, view]))
  }

  /** Takes in one look at all nodes, and lets the write gate know what follows. */
  take(answers: readonly NodeAnswer[]): void {
    const now = this.#clock.now()
    this.#lookedAt = now
    this.#written = 0
    let changed = false
    for (const answer of answers) {
      const event = this.#takeNode(answer.node, vitalsOf(answer, now))
      if (event !== undefined) changed = true
    }
    for (const [name, { seenAt }] of this.#nodes) if (now - seenAt > remembered) this.#nodes.delete(name)
    this.#decide(changed, now)
  }

  /** Another process has learned a line, or kept one from before. What somebody declares here is believed instead. */
  learn(line: LearnedLine): void {
    if (this.#declared === undefined) this.#learned = mergeLines(this.#learned, line)
  }

  /** This process stored something. Answers whether so much has been stored since the last look that another is due. */
  wrote(bytes: number): boolean {
    this.#written += bytes
    if (this.#written < worthLook.bytes) return false
    return this.#views().some(({ vitals }) => this.#written > (vitals.memory.used ?? 0) * worthLook.share)
  }

  /** The connection broke: if Redis has died, it was now. */
  lost(): void {
    for (const { history } of this.#nodes.values()) history.lost(this.#clock.now())
  }

  /** Redis takes writes again: straight to the mode that memory calls for, as it is now. */
  recover(): void {
    this.#decide(true, this.#clock.now())
  }

  /** Milliseconds until the next look is due. */
  get pause(): number {
    const { interval } = this.#settings
    const refused = this.#gate.refusal !== undefined || !this.#gate.wide
    let pause = interval
    for (const { vitals, trend, forecast, line, fill } of this.#views()) {
      // What two looks far apart miss may be the whole way to the limit.
      if (vitals.origin !== 'none') pause = Math.min(pause, firstPause * 2 ** Math.min(trend?.looks ?? 1, 10))
      const next = nextLook(
        {
          fill,
          secondsToFull: forecast.secondsToFull,
          growthPerSecond: trend?.usedPerSecond,
          used: vitals.memory.used,
          refused,
          killsLine: line?.kills ?? false,
        },
        interval,
      )
      pause = Math.min(pause, next)
    }
    return pause
  }

  #takeNode(name: string, vitals: Vitals): HistoryEvent | undefined {
    let node = this.#nodes.get(name)
    if (node === undefined) {
      node = { history: new History(), overhead: new Overhead(), view: blank(vitals), seenAt: vitals.at }
      this.#nodes.set(name, node)
    }
    node.seenAt = vitals.at
    const { history } = node
    if (this.#isDisproved(node.view.vitals, vitals)) this.#unlearn()
    const event = history.add(vitals)
    if (event?.kind === 'restart' || event?.kind === 'failover') node.overhead = new Overhead()
    node.overhead.note(vitals)
    this.#learnFrom(event, history.restarts(vitals.at))
    const { line, fill, canEvict } = lineOf({
      vitals,
      overhead: node.overhead.bytes,
      declared: this.#declared,
      learned: this.#learned,
    })
    node.view = {
      vitals,
      trend: history.trend(),
      forecast: forecast(history.samples, line?.bytes, canEvict),
      line,
      fill,
      canEvict,
      restarts: history.restarts(vitals.at),
    }
    return event
  }

  #learnFrom(event: HistoryEvent | undefined, restarts: readonly Restart[]): void {
    if (event?.kind === 'restart' || event?.kind === 'failover') {
      this.restarts[event.restart.dataLost ? 'lost' : 'kept'] += 1
    }
    if (event?.kind === 'flushed') {
      this.#gate.warmUp(false)
      this.#events.onEmptied('flush')
    }
    if (event?.kind !== 'restart') return
    // Whoever restarts a container may have given it another limit.
    if (event.restart.cause === 'restart') this.#unlearn()
    if (!event.restart.dataLost) return
    this.#gate.warmUp(event.restart.cause === 'oom-kill')
    this.#events.onEmptied('restart')
    if (event.restart.cause !== 'oom-kill') return
    const line = learnLine(restarts)
    if (line === undefined) return
    this.#learned = mergeLines(this.#learned, line)
    this.#events.onLearned(this.#learned)
  }

  #unlearn(): void {
    if (this.#learned === undefined) return
    this.#learned = undefined
    this.#events.onDisproved()
  }

  /** Redis lives beyond the line that was learned, or somebody has changed its limits since. */
  #isDisproved(before: Vitals, { memory: { used = 0, rss = 0, max } }: Vitals): boolean {
    if (this.#learned === undefined) return false
    const beyond = Math.max(used, rss) > this.#learned.bytes * disproof
    return beyond || (max !== undefined && before.memory.max !== undefined && max !== before.memory.max)
  }

  #decide(anew: boolean, now: number): void {
    const views = this.#views()
    const evidence = worstEvidence(views)
    const mode = anew ? this.#ladder.restart(evidence, now) : this.#ladder.step(evidence, now)
    this.#gate.restrict(mode)
    const evicting = evidence.evictedShare > this.#settings.evictedShare.shedding
    this.#gate.steer(evidence.fillPerSecond > grows || evicting)
    if (views.some(isRefusing)) this.#gate.suspect('oom')
  }

  #views(): NodeView[] {
    return this.#answering().map(([, { view }]) => view)
  }

  /** Nothing is decided by those that did not answer the latest look: they may be gone for good. */
  #answering(): [string, Node][] {
    return [...this.#nodes].filter(([, { seenAt }]) => seenAt === this.#lookedAt)
  }
}

function vitalsOf({ info, memoryStats, keys }: NodeAnswer, at: number): Vitals {
  if (info !== undefined) return parseInfo(info, at)
  return memoryStats === undefined && keys === undefined ? unknownVitals(at) : parseMemoryStats(memoryStats, keys, at)
}

function blank(vitals: Vitals): NodeView {
  const nothing = { secondsToFull: undefined, secondsToEviction: undefined, bytesPerSecond: undefined }
  return {
    vitals,
    trend: undefined,
    forecast: nothing,
    line: undefined,
    fill: undefined,
    canEvict: false,
    restarts: [],
  }
}
