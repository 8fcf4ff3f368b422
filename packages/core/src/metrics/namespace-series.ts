import type { CacheHealth } from '../health.ts'
import type { Counters } from '../read/counters.ts'
import type { CacheStatistics, NamespaceStatistics } from '../statistics.ts'
import type { BehindHealth, BehindStatistics } from '../write-behind/tallies.ts'
import { earlyEnds, invalidationCauses } from './catalogue.ts'
import type { Labels, Sheet } from './sheet.ts'
import { addRefreshTimes, addWork } from './work-series.ts'

const inProgressOf = [
  ['get', 'reads'],
  ['set', 'writes'],
  ['update', 'updates'],
] as const

/** Namespaces declared after so many share one label: a service that declares one a tenant must not drown Prometheus. */
const mostNamespaces = 50

export function addNamespaces(sheet: Sheet, cache: string, health: CacheHealth, statistics: CacheStatistics): void {
  Object.entries(statistics.namespaces).forEach(([name, namespace], index) => {
    const own = index < mostNamespaces
    const labels = { cache, namespace: own ? name : 'other' }
    addCounters(sheet, labels, namespace.counters)
    addRest(sheet, labels, namespace)
    addWork(sheet, labels, namespace)
    if (own) addRefreshTimes(sheet, labels, namespace)
    const { redisBytes, budget, behind, inProgress, source } = health.namespaces[name] ?? {}
    for (const [op, of] of inProgressOf) sheet.add('plimsoll_in_progress', { ...labels, op }, inProgress?.[of])
    sheet.add('plimsoll_namespace_queue_length', labels, source?.waiting)
    addBehind(sheet, labels, behind, namespace.behind)
    if (namespace.target === undefined) return
    sheet.add('plimsoll_namespace_redis_bytes', labels, redisBytes)
    // Budgets of several namespaces say nothing together.
    if (!own) return
    sheet.add('plimsoll_namespace_budget_bytes', labels, budget?.bytes)
    sheet.add('plimsoll_namespace_fleet_bytes', labels, budget?.fleetBytes)
  })
}

function addCounters(sheet: Sheet, labels: Labels, counters: Counters): void {
  sheet.each('plimsoll_requests_total', { ...labels, op: 'get' }, 'result', {
    hit_local: counters.localHits,
    hit: counters.redisHits - counters.negativeHits,
    stale: counters.staleHits,
    negative: counters.negativeHits,
    miss: counters.missesAnswered,
    error: counters.getErrors,
    bypass: counters.bypasses,
  })
  sheet.each('plimsoll_requests_total', { ...labels, op: 'set' }, 'result', {
    ok: counters.writes,
    error: counters.writeErrors,
  })
  sheet.each('plimsoll_requests_total', { ...labels, op: 'del' }, 'result', { ok: counters.deletes })
  sheet.each('plimsoll_loads_total', labels, 'outcome', {
    ok: counters.loadsDone,
    error: counters.loadErrors - counters.loadTimeouts - counters.loadsShed,
    timeout: counters.loadTimeouts,
    shed: counters.loadsShed,
  })
  sheet.add('plimsoll_queue_rejected_total', labels, counters.loadsTurnedAway)
  sheet.add('plimsoll_loads_coalesced_total', labels, counters.joined)
  sheet.add('plimsoll_copy_hits_total', labels, counters.copyHits)
  sheet.add('plimsoll_copy_fills_total', labels, counters.copyFills)
  sheet.add('plimsoll_early_refreshes_total', labels, counters.earlyRefreshes)
  sheet.each('plimsoll_writes_skipped_total', labels, 'reason', {
    degraded: counters.skippedDegraded,
    oversize: counters.skippedOversize,
    unserializable: counters.skippedUnserializable,
    oom: counters.skippedOom,
    admission: counters.skippedAdmission,
    contended: counters.skippedContended,
    unreachable: counters.skippedUnreachable,
  })
}

function addRest(sheet: Sheet, labels: Labels, namespace: NamespaceStatistics): void {
  const { local, earlyExpirations } = namespace
  sheet.histogram('plimsoll_request_duration_seconds', { ...labels, op: 'get' }, namespace.getSeconds)
  sheet.histogram('plimsoll_load_duration_seconds', labels, namespace.loadSeconds)
  if (namespace.target !== undefined) sheet.histogram('plimsoll_payload_bytes', labels, namespace.payloadBytes)
  if (earlyExpirations !== undefined) {
    for (const cause of earlyEnds) {
      sheet.add('plimsoll_early_expirations_total', { ...labels, cause }, earlyExpirations[cause])
    }
  }
  if (local === undefined) return
  sheet.add('plimsoll_local_entries', labels, local.entries)
  sheet.add('plimsoll_local_bytes', labels, local.bytes)
  sheet.add('plimsoll_local_evictions_total', labels, local.evictions)
  for (const cause of invalidationCauses) {
    sheet.add('plimsoll_local_invalidations_total', { ...labels, cause }, local.invalidations[cause])
  }
}

function addBehind(
  sheet: Sheet,
  labels: Labels,
  health: BehindHealth | undefined,
  statistics: BehindStatistics | undefined,
): void {
  if (health === undefined || statistics === undefined) return
  sheet.each('plimsoll_write_behind_operations_total', labels, 'outcome', {
    appended: statistics.appended,
    direct: statistics.direct,
    refused: statistics.refused,
    saved: statistics.saved,
    taken_over: statistics.takenOver,
    parked: statistics.parked,
  })
  sheet.each('plimsoll_write_behind_batches_total', labels, 'outcome', {
    ok: statistics.batches,
    error: statistics.retried,
  })
  sheet.add('plimsoll_write_behind_waiting', labels, health.waiting)
  sheet.add('plimsoll_write_behind_oldest_seconds', labels, health.oldestMilliseconds / 1_000)
  sheet.add('plimsoll_write_behind_parked', labels, health.parked)
  sheet.add('plimsoll_write_behind_flushing', labels, health.flushing ? 1 : 0)
  sheet.add('plimsoll_write_behind_fill_ratio', { ...labels, of: 'waiting' }, health.waitingShare)
  sheet.add('plimsoll_write_behind_fill_ratio', { ...labels, of: 'parked' }, health.parkedShare)
  sheet.histogram('plimsoll_write_behind_lag_seconds', labels, statistics.lagSeconds)
}
