import type { AheadCounts } from '../read/ahead-counts.ts'
import type { NamespaceStatistics } from '../statistics.ts'
import type { Labels, Sheet } from './sheet.ts'

/** What a namespace does beside single gets and sets: loads ahead of time, updates, and drops of many values. */
export function addWork(
  sheet: Sheet,
  labels: Labels,
  { warming, refreshing, updates, drops }: NamespaceStatistics,
): void {
  if (warming !== undefined) addAhead(sheet, { ...labels, by: 'warm' }, warming)
  if (refreshing !== undefined) {
    const { rounds, endedEarly, keys, leads } = refreshing
    addAhead(sheet, { ...labels, by: 'refresh' }, keys)
    sheet.each('plimsoll_refresh_rounds_total', labels, 'outcome', {
      done: rounds - endedEarly,
      ended_early: endedEarly,
    })
    if (leads !== undefined) sheet.add('plimsoll_refresh_leading', labels, leads ? 1 : 0)
  }
  if (updates !== undefined) {
    sheet.each('plimsoll_updates_total', labels, 'outcome', {
      done: updates.done,
      conflict: updates.conflicts,
      timeout: updates.timeouts,
      lease_unavailable: updates.leaseUnavailable,
      error: updates.errors,
    })
  }
  if (drops === undefined) return
  sheet.add('plimsoll_drops_total', { ...labels, of: 'tag' }, drops.tags)
  sheet.add('plimsoll_drops_total', { ...labels, of: 'all' }, drops.clears)
}

/** Of several namespaces they say nothing together. */
export function addRefreshTimes(sheet: Sheet, labels: Labels, { refreshing }: NamespaceStatistics): void {
  const latest = refreshing?.latest
  if (latest === undefined) return
  sheet.add('plimsoll_refresh_done_timestamp_seconds', labels, latest.doneAt / 1_000)
  sheet.add('plimsoll_refresh_interval_seconds', labels, latest.interval / 1_000)
}

function addAhead(sheet: Sheet, labels: Labels, { found, loaded, unstored, failed }: AheadCounts): void {
  sheet.each('plimsoll_ahead_keys_total', labels, 'outcome', { found, stored: loaded - unstored, unstored, failed })
}
