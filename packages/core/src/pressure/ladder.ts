import type { PressureSettings } from '../options/pressure-options.ts'
import type { MemoryMode } from './mode.ts'

/** What is known of memory at one look; undefined is unknown and decides nothing. */
export interface MemoryEvidence {
  /** Up to the limit in force: 0 to 1 and beyond. */
  readonly fill: number | undefined
  /** Past the limit Redis is killed, where past a maxmemory it only evicts or refuses. */
  readonly kills: boolean
  readonly canEvict: boolean
  readonly secondsToFull: number | undefined
  /** What the fill gains a second, at the growth between the latest looks. */
  readonly fillPerSecond: number
  /** Share of the keys evicted within ten minutes. */
  readonly evictedShare: number
  /** A number that a fill is made of cannot be true: no rung is left on it. */
  readonly untold?: boolean
}

export interface Step {
  readonly mode: MemoryMode
  readonly reasons: readonly string[]
}

const modes: readonly MemoryMode[] = ['normal', 'conserving', 'shedding', 'read-only']
const readOnly = modes.indexOf('read-only')
// What is left of a threshold before its mode is left: below this share of the way Redis has really calmed down.
const leaveShare = { fill: 0.94, time: 1.5, evicted: 0.8 }
// The room below a limit that kills is what is left for essential writes: closer to its threshold than the others.
const leaveReadOnly = 0.975
// A fleet notices, decides and stops within about this many seconds; what it writes meanwhile must still fit.
const reactionSeconds = 1.5
const shortestStay = 30_000
// Essential writes are refused meanwhile, and what grows too fast once they pass is caught by the growth between two looks.
const shortestReadOnly = 5_000
const longestStay = 600_000
// A mode entered again so soon after it was left was left too early.
const relapseWithin = 300_000

/**
 * The ladder of modes that memory alone calls for. Up at once and as far as needed; down a rung at a time, and only when
 * its cause has been gone for `settle`, or for five seconds where essential writes are refused. Each relapse doubles
 * the shortest stay.
 */
export class Ladder {
  readonly #settings: PressureSettings
  #rung = 0
  #reasons: readonly string[] = []
  #since = Number.NEGATIVE_INFINITY
  #stay = shortestStay
  #leftAt = Number.NEGATIVE_INFINITY
  /** When the cause of each rung was last there. */
  readonly #lastCalled: number[] = modes.map(() => Number.NEGATIVE_INFINITY)

  constructor(settings: PressureSettings) {
    this.#settings = settings
  }

  get mode(): MemoryMode {
    return modes[this.#rung] ?? 'normal'
  }

  /** Empty where the mode is only waiting to be left. */
  get reasons(): readonly string[] {
    return this.#rung === 0 ? [] : this.#reasons
  }

  step(evidence: MemoryEvidence, now: number): MemoryMode {
    this.#notLaterThan(now)
    const { rung: called, reasons } = calledFor(evidence, this.#settings, 1)
    const held = calledFor(evidence, this.#settings, leaveShare.fill).rung
    const kept = evidence.untold === true ? Math.max(held, this.#rung) : held
    for (let rung = 1; rung <= kept; rung++) this.#lastCalled[rung] = now
    if (called >= this.#rung && called > 0) this.#reasons = reasons
    if (called > this.#rung) this.#climb(called, now)
    else if (this.#mayLeave(now, evidence.fill !== undefined)) this.#descend(now)
    return this.mode
  }

  /** Straight to what memory calls for now: Redis has proved by its answers that it is another than before. */
  restart(evidence: MemoryEvidence, now: number): MemoryMode {
    const { rung, reasons } = calledFor(evidence, this.#settings, 1)
    if (rung > this.#rung) this.#climb(rung, now)
    else if (rung < this.#rung) {
      this.#rung = rung
      this.#since = now
      this.#leftAt = now
      this.#lastCalled.fill(Number.NEGATIVE_INFINITY, rung + 1)
    }
    this.#reasons = reasons
    return this.mode
  }

  /** A clock that was set back must not hold a mode for hours. */
  #notLaterThan(now: number): void {
    this.#since = Math.min(this.#since, now)
    this.#leftAt = Math.min(this.#leftAt, now)
    for (const [rung, called] of this.#lastCalled.entries()) this.#lastCalled[rung] = Math.min(called, now)
  }

  #climb(rung: number, now: number): void {
    const shortest = rung === readOnly ? shortestReadOnly : shortestStay
    const relapsed = now - this.#leftAt < relapseWithin
    this.#stay = relapsed ? Math.max(shortest, Math.min(longestStay, this.#stay * 2)) : shortest
    this.#rung = rung
    this.#since = now
  }

  #mayLeave(now: number, known: boolean): boolean {
    if (this.#rung === 0) return false
    const { settle } = this.#settings
    const calm = this.#rung === readOnly && known ? Math.min(settle, shortestReadOnly) : settle
    // The shortest stay was spent on the rung that was climbed to, and need not be spent on each below.
    return now - this.#since >= this.#stay && now - (this.#lastCalled[this.#rung] ?? now) >= calm
  }

  #descend(now: number): void {
    this.#rung -= 1
    this.#leftAt = now
    this.#reasons = ['memory has calmed down; the mode is left step by step']
  }
}

/** The highest rung that the evidence calls for. `share` below 1 asks for less than entering does: that is what keeps a mode. */
function calledFor(
  evidence: MemoryEvidence,
  { fill: fills, timeToFull, evictedShare }: PressureSettings,
  share: number,
): { readonly rung: number; readonly reasons: readonly string[] } {
  const { fill, kills, canEvict, secondsToFull, fillPerSecond } = evidence
  const entering = share === 1
  const time = entering ? 1 : leaveShare.time
  const evicted = evidence.evictedShare / (entering ? 1 : leaveShare.evicted)
  let rung = 0
  const reasons: string[] = []
  const call = (least: number, reason: string): void => {
    if (least > rung) reasons.length = 0
    if (least >= rung) reasons.push(reason)
    rung = Math.max(rung, least)
  }
  if (fill !== undefined && !canEvict) {
    const full = `memory is at ${percent(fill)} of its limit`
    if (fill >= fills.conserving * share) call(1, full)
    if (fill >= fills.shedding * share) call(2, full)
    // Only a limit that kills is worth refusing what Redis would still take.
    if (kills && fill >= fills.readOnly * (entering ? 1 : leaveReadOnly)) call(3, full)
    if (kills && fillPerSecond > 0 && fill >= fills.conserving && fill + fillPerSecond * reactionSeconds >= 1)
      call(3, `${full} and grows by ${percent(fillPerSecond)} of it a second`)
    const seconds = Math.min(secondsToFull ?? Number.POSITIVE_INFINITY, nearEnd(fill, fillPerSecond, fills.conserving))
    if (seconds < timeToFull.conserving * time) call(1, `memory is full in ${duration(seconds)} at this rate`)
    if (seconds < timeToFull.shedding * time) call(2, `memory is full in ${duration(seconds)} at this rate`)
  }
  const lost = `${percent(evidence.evictedShare)} of the keys were evicted within 10 minutes`
  if (evicted > evictedShare.conserving) call(1, lost)
  if (evicted > evictedShare.shedding) call(2, lost)
  return { rung, reasons }
}

/** A steep end is told by two looks; the forecast needs a dozen. Far from the limit two looks tell nothing. */
function nearEnd(fill: number, fillPerSecond: number, from: number): number {
  if (fill < from || fillPerSecond <= 0) return Number.POSITIVE_INFINITY
  return Math.max(0, 1 - fill) / fillPerSecond
}

function percent(share: number): string {
  const value = share * 100
  return `${value >= 10 ? Math.round(value) : Number(value.toPrecision(2))} %`
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} seconds`
  if (seconds < 5_400) return `${Math.round(seconds / 60)} minutes`
  return `${Math.round(seconds / 3_600)} hours`
}
