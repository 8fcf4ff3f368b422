import type { Look, Looks } from './looks.ts'
import type { Trend } from './trend.ts'
import type { Totals } from './vitals.ts'

const window = 10 * 60_000
const recently = 30_000

/** What changed over the looks of one run; undefined with fewer than two. Counters that were not told count as 0. */
export function trendOf(looks: Looks, evictionExceededLooks: number): Trend | undefined {
  const seen = looks.within(window)
  const [first] = seen
  const last = seen.at(-1)
  if (first === undefined || last === undefined || last.at <= first.at) return undefined
  const seconds = (last.at - first.at) / 1_000
  const change = (name: keyof Totals) => increase(first.totals[name], last.totals[name])
  const errors = (name: string) => increase(errorsOf(first, name), errorsOf(last, name))

  const evictedKeys = change('evictedKeys')
  const evictedPerSecond = evictedKeys / seconds
  const keys = last.keys ?? 0
  return {
    seconds,
    looks: seen.length,
    evictedKeys,
    evictedShare: evictedKeys === 0 ? 0 : evictedKeys / (keys + evictedKeys),
    evictedPerSecond,
    evictedPerSecondPeak: Math.max(...seen.slice(1).map((look) => look.evictedPerSecond)),
    evictionAgeSeconds: evictedKeys === 0 || last.keys === undefined ? undefined : keys / evictedPerSecond,
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

/** A counter that went down was reset (CONFIG RESETSTAT). */
function increase(from: number | undefined, to: number | undefined): number {
  if (to === undefined) return 0
  return from === undefined || to < from ? to : to - from
}
