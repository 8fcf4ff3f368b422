import type { CacheHealth } from '../health.ts'
import type { SessionsHealth, SessionsStatistics } from '../session/statistics.ts'
import type { CacheStatistics } from '../statistics.ts'
import { addNamespaces } from './namespace-series.ts'
import { addFindings, addRestarts, addServer, addServerTotals } from './server-series.ts'
import { addSessions } from './session-series.ts'
import { Sheet } from './sheet.ts'
import { addTarget, addTargetCounts } from './target-series.ts'

/** A cache or sessions as far as metrics read them: those of either build of this package. */
export interface MeasuredCache {
  readonly name: string
  health(): CacheHealth & Partial<Pick<SessionsHealth, 'sessions'>>
  statistics(): CacheStatistics & Partial<Pick<SessionsStatistics, 'sessions'>>
}

export function seriesOf(cache: MeasuredCache, server: boolean, now: number): Sheet {
  const sheet = new Sheet()
  const { name } = cache
  const health = cache.health()
  const statistics = cache.statistics()
  sheet.add('plimsoll_queue_length', { cache: name }, health.source.waiting)
  addNamespaces(sheet, name, health, statistics)
  if (health.sessions !== undefined && statistics.sessions !== undefined) {
    addSessions(sheet, name, health.sessions, statistics.sessions)
  }
  for (const [target, ofTarget] of Object.entries(health.targets)) {
    const labels = { cache: name, target }
    addTarget(sheet, labels, ofTarget)
    if (!server) continue
    for (const [node, ofNode] of Object.entries(ofTarget.nodes)) addServer(sheet, { ...labels, node }, ofNode, now)
  }
  for (const [target, ofTarget] of Object.entries(statistics.targets)) {
    const labels = { cache: name, target }
    addTargetCounts(sheet, labels, ofTarget)
    if (!server) continue
    addRestarts(sheet, labels, ofTarget.restarts)
    for (const [node, totals] of Object.entries(ofTarget.nodes)) addServerTotals(sheet, { ...labels, node }, totals)
  }
  if (server) addFindings(sheet, name, health.findings)
  return sheet
}
