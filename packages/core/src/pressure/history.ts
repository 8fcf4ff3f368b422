import type { Sample } from './forecast.ts'
import { type Look, Looks, lookAt } from './looks.ts'
import { type EndedRun, isOtherServer, judgeEnd } from './run-end.ts'
import { TotalsOverRuns } from './totals-over-runs.ts'
import type { Restart, ServerTotals, Trend } from './trend.ts'
import { trendOf } from './trend-of.ts'
import type { Vitals } from './vitals.ts'

/** What a look showed to have happened since the look before. */
export type HistoryEvent =
  | { readonly kind: 'restart'; readonly restart: Restart }
  | { readonly kind: 'failover'; readonly restart: Restart }
  | { readonly kind: 'flushed' }
  | { readonly kind: 'limit-changed' }

const hour = 3_600_000
const mostRestarts = 100
// Too few keys to tell a flush from a deletion or two.
const fewKeys = 10
const lossShare = 0.1
const fallShare = 0.3

/** What was seen of one node over time, in bounded memory. Every look is to be added, as soon as it is made. */
export class History {
  readonly #totals = new TotalsOverRuns()
  #looks = new Looks()
  #restarts: Restart[] = []
  #latest: Vitals | undefined
  /** The latest that told something. */
  #told: Vitals | undefined
  #lostAt: number | undefined
  /** The run before this one, while this one loads its data: what was lost shows when it is done. */
  #ended: EndedRun | undefined
  #exceededLooks = 0
  #forecastFrom = 0

  /** The latest look, also one that told nothing. */
  get latest(): Vitals | undefined {
    return this.#latest
  }

  /** Of the run that is seen now, at most ten minutes; undefined with fewer than two looks. */
  trend(): Trend | undefined {
    return trendOf(this.#looks, this.#exceededLooks)
  }

  /** What a forecast may be made of: at most half an hour in which nothing has happened that makes the past void. */
  get samples(): readonly Sample[] {
    return this.#looks.all.flatMap(({ at, used, buffers }) =>
      used === undefined || at < this.#forecastFrom ? [] : [{ at, used, buffers }],
    )
  }

  /** Ends of runs within the last hour, oldest first. */
  restarts(now: number): readonly Restart[] {
    return this.#restarts.filter(({ at }) => at > now - hour)
  }

  /** Counted since the first look, over all runs. */
  get totals(): ServerTotals {
    return this.#totals.sums
  }

  /** Growth of used memory in bytes a second, as of late; undefined where it is not known. */
  get growthPerSecond(): number | undefined {
    return this.trend()?.usedPerSecond
  }

  /** The connection to the node broke at this time. With it, how large Redis was when it died is known better. */
  lost(at: number): void {
    this.#lostAt ??= at
  }

  /** Takes in a look. @returns what it shows to have happened; of several the gravest */
  add(vitals: Vitals): HistoryEvent | undefined {
    this.#latest = vitals
    if (vitals.origin === 'none') return undefined
    const event = this.#told === undefined ? this.#begin(vitals) : this.#compare(this.#told, vitals)
    this.#told = vitals
    this.#lostAt = undefined

    const look = lookAt(vitals, this.#looks.latest)
    const isVoid = vitals.loading || event?.kind === 'limit-changed' || event?.kind === 'flushed'
    if (isVoid || wasCleared(this.#looks.latest, look)) this.#forecastFrom = vitals.at
    this.#looks.push(look)
    this.#exceededLooks = (vitals.totals.evictionExceededNowMilliseconds ?? 0) > 0 ? this.#exceededLooks + 1 : 0
    return event
  }

  #begin(vitals: Vitals): undefined {
    this.#totals.add(vitals, 'same')
  }

  #compare(before: Vitals, vitals: Vitals): HistoryEvent | undefined {
    const ended = hasEnded(before, vitals)
    if (!ended) this.#totals.add(vitals, 'same')
    else this.#endRun(before, vitals)
    // The clock was set back: there is no telling how long ago anything was.
    if (vitals.at <= before.at) {
      this.#looks = new Looks()
      this.#forecastFrom = 0
    }

    if (this.#ended !== undefined && !vitals.loading) {
      const restart = judgeEnd(this.#ended, vitals)
      this.#ended = undefined
      this.#restarts = [...this.restarts(vitals.at), restart].slice(-mostRestarts)
      return { kind: restart.cause === 'failover' ? 'failover' : 'restart', restart }
    }
    if (ended) return undefined
    // Also while it loads: a new replica does, and has the same role when it is done.
    if (before.role !== undefined && vitals.role !== undefined && before.role !== vitals.role) {
      return { kind: 'failover', restart: changeOfRole(before, vitals) }
    }
    if (vitals.loading) return undefined
    if (wasFlushed(this.#looks.latest, lookAt(vitals, undefined))) return { kind: 'flushed' }
    return hasOtherLimit(before, vitals) ? { kind: 'limit-changed' } : undefined
  }

  #endRun(before: Vitals, vitals: Vitals): void {
    this.#totals.add(vitals, isOtherServer(before, vitals, true) ? 'other' : 'new')
    // A run that ended while it was still loading lost nothing but what the one before it had.
    this.#ended ??= { last: before, looks: this.#looks, lostAt: this.#lostAt }
    this.#looks = new Looks()
    this.#exceededLooks = 0
    this.#forecastFrom = 0
  }
}

function hasEnded(before: Vitals, now: Vitals): boolean {
  if (before.runId !== undefined && now.runId !== undefined) return before.runId !== now.runId
  const { uptimeSeconds: then } = before
  const { uptimeSeconds: since } = now
  return then !== undefined && since !== undefined && since < then
}

function changeOfRole({ memory: { used, rss } }: Vitals, { at }: Vitals): Restart {
  return { at, cause: 'failover', dataLost: false, used, rss }
}

function hasOtherLimit({ memory: before }: Vitals, { memory: now }: Vitals): boolean {
  const differ = (a: unknown, b: unknown) => a !== undefined && b !== undefined && a !== b
  return differ(before.max, now.max) || differ(before.policy, now.policy)
}

function wasFlushed(before: Look | undefined, now: Look): boolean {
  if (before?.keys === undefined || now.keys === undefined || before.keys < fewKeys) return false
  return now.keys < before.keys * lossShare && !endedByThemselves(before, now)
}

/** Much was deleted at once, which says nothing of how it grew. A fall by expiry is one tooth of a saw, and stays. */
function wasCleared(before: Look | undefined, now: Look): boolean {
  if (before?.used === undefined || now.used === undefined) return false
  const fell = now.used - now.buffers < (before.used - before.buffers) * (1 - fallShare)
  return fell && !endedByThemselves(before, now)
}

/** Most of the keys that are gone have expired or were evicted. */
function endedByThemselves(before: Look, now: Look): boolean {
  if (before.keys === undefined || now.keys === undefined || now.totals.expiredKeys === undefined) return false
  const told = (name: 'expiredKeys' | 'evictedKeys') =>
    Math.max(0, (now.totals[name] ?? 0) - (before.totals[name] ?? 0))
  return told('expiredKeys') + told('evictedKeys') >= (before.keys - now.keys) / 2
}
