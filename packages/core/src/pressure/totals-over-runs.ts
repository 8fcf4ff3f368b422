import type { ServerTotals } from './trend.ts'
import type { Vitals } from './vitals.ts'

/** Undefined until they are first told; what was counted before the first look is no doing of ours. */
export class TotalsOverRuns {
  #sums: ServerTotals | undefined
  #last: ServerTotals | undefined

  get sums(): ServerTotals {
    return this.#sums ?? noTotals
  }

  /** `run`: the one that was seen before, one that began since then, or that of a server which was up already. */
  add(vitals: Vitals, run: 'same' | 'new' | 'other'): void {
    const told = totalsOf(vitals)
    const sums = this.#sums ?? noTotals
    const last = this.#last ?? noTotals
    const next = (name: keyof ServerTotals) => added(sums[name], last[name], told[name], run)
    const latest = (name: keyof ServerTotals) => told[name] ?? (run === 'same' ? last[name] : undefined)
    this.#sums = each(next)
    this.#last = each(latest)
  }
}

function added(sum: number | undefined, last: number | undefined, told: number | undefined, run: string) {
  if (told === undefined) return sum
  if (sum === undefined) return 0
  if (run === 'other') return sum
  // A counter that went down was reset (CONFIG RESETSTAT), or belongs to a run that we did not see begin.
  return sum + (run === 'new' || last === undefined || told < last ? told : told - last)
}

function totalsOf({ totals, errors }: Vitals): ServerTotals {
  return { ...totals, oomErrors: errors === undefined ? undefined : (errors['OOM'] ?? 0) }
}

function each(value: (name: keyof ServerTotals) => number | undefined): ServerTotals {
  return {
    evictedKeys: value('evictedKeys'),
    expiredKeys: value('expiredKeys'),
    oomErrors: value('oomErrors'),
    rejectedConnections: value('rejectedConnections'),
    evictedClients: value('evictedClients'),
    keyspaceHits: value('keyspaceHits'),
    keyspaceMisses: value('keyspaceMisses'),
    evictionExceededMilliseconds: value('evictionExceededMilliseconds'),
  }
}

const noTotals = each(() => undefined)
