import type { Look, Looks } from './looks.ts'
import type { Trend } from './trend.ts'
import type { Totals } from './vitals.ts'

const window = 10 * 60_000
const recently = 30_000

/** What changed over the looks of one run, between those that told; undefined with fewer than two looks, 0 for a counter. */
export function trendOf(looks: Looks, evictionExceededLooks: number): Trend | undefined {
  const seen = looks.within(window)
  const [first] = seen
  const last = seen.at(-1)
  if (first === undefined || last === undefined || last.at <= first.at) return undefined
  const seconds = (last.at - first.at) / 1_000
  const change = (name: keyof Totals) => increase(seen, ({ totals }) => totals[name])
  const errors = (name: string) => increase(seen, (look) => errorsOf(look, name))

  const evictedKeys = change('evictedKeys')
  const evictedPerSecond = evictedKeys / seconds
  const keys = seen.findLast((look) => look.keys !== undefined)?.keys
  return {
    seconds,
    looks: seen.length,
    evictedKeys,
    evictedShare: evictedKeys === 0 || keys === undefined ? 0 : evictedKeys / (keys + evictedKeys),
    evictedPerSecond,
    evictedPerSecondPeak: Math.max(...seen.slice(1).map((look) => look.evictedPerSecond)),
    evictionAgeSeconds: evictedKeys === 0 || keys === undefined ? undefined : keys / evictedPerSecond,
    expiredKeys: change('expiredKeys'),
    oomErrors: errors('OOM'),
    misconfErrors: errors('MISCONF'),
    rejectedConnections: change('rejectedConnections'),
    evictedClients: change('evictedClients'),
    outputBufferDisconnections: change('outputBufferDisconnections'),
    connectionsReceivedPerSecond: change('connectionsReceived') / seconds,
    keyspaceHits: change('keyspaceHits'),
    keyspaceMisses: change('keyspaceMisses'),
    evictionExceededShare: Math.min(1, change('evictionExceededMilliseconds') / 1_000 / seconds),
    evictionExceededLooks,
    usedPerSecond: growthOfLate(looks, last),
  }
}

function growthOfLate(looks: Looks, last: Look): number {
  const recent = looks.within(recently)
  const first = recent.length < 2 ? looks.all.at(-2) : recent[0]
  if (first?.used === undefined || last.used === undefined || last.at <= first.at) return 0
  return ((last.used - first.used) / (last.at - first.at)) * 1_000
}

function errorsOf({ errors }: Look, name: string): number | undefined {
  return errors === undefined ? undefined : (errors[name] ?? 0)
}

/** What was counted before the first look that told is none of the window. A counter that went down was reset (CONFIG RESETSTAT). */
function increase(seen: readonly Look[], counter: (look: Look) => number | undefined): number {
  const first = seen.find((look) => counter(look) !== undefined)
  const last = seen.findLast((look) => counter(look) !== undefined)
  const from = first && counter(first)
  const to = last && counter(last)
  if (from === undefined || to === undefined) return 0
  return to < from ? to : to - from
}
