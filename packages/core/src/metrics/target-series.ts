import type { TargetHealth } from '../health.ts'
import { modes } from '../pressure/mode.ts'
import type { TargetStatistics } from '../statistics.ts'
import { breakerStates, breakers, connectionStates, lookOutcomes, troubleClasses } from './catalogue.ts'
import type { Labels, Sheet } from './sheet.ts'

/** How one Redis fares as this process sees it. */
export function addTarget(sheet: Sheet, labels: Labels, health: TargetHealth): void {
  sheet.add('plimsoll_mode', labels, modes.indexOf(health.mode))
  sheet.oneHot('plimsoll_mode_state', labels, 'mode', modes, health.mode)
  sheet.add('plimsoll_pending_invalidations', labels, health.pendingInvalidations)
  sheet.add('plimsoll_disbelieved_namespaces', labels, health.disbelievedNamespaces)
  for (const path of breakers) {
    sheet.oneHot('plimsoll_circuit_state', { ...labels, path }, 'state', breakerStates, health.breakers[path])
  }
  sheet.oneHot('plimsoll_connection_state', labels, 'state', connectionStates, health.status)
  // At the start there is no telling yet.
  if (health.status !== 'connecting') {
    const available = health.status === 'ready' && health.breakers.read === 'closed'
    sheet.add('plimsoll_target_available', labels, available ? 1 : 0)
  }
  const looks = Object.values(health.nodes).map(({ vitals }) => vitals.at)
  if (looks.length > 0) {
    sheet.add('plimsoll_health_last_success_timestamp_seconds', labels, Math.max(...looks) / 1_000)
  }
}

export function addTargetCounts(sheet: Sheet, labels: Labels, statistics: TargetStatistics): void {
  for (const kind of breakers) {
    sheet.add('plimsoll_redis_commands_total', { ...labels, kind }, statistics.commands[kind])
  }
  for (const trouble of troubleClasses) {
    sheet.add('plimsoll_redis_errors_total', { ...labels, class: trouble }, statistics.errors[trouble] ?? 0)
  }
  for (const path of breakers) {
    for (const to of breakerStates) sheet.add('plimsoll_circuit_transitions_total', { ...labels, path, to }, 0)
  }
  for (const { breaker, to, count } of statistics.breakerTransitions) {
    sheet.add('plimsoll_circuit_transitions_total', { ...labels, path: breaker, to }, count)
  }
  for (const mode of modes) {
    if (mode === 'normal') continue
    sheet.add('plimsoll_degraded_seconds_total', { ...labels, mode }, statistics.secondsInMode[mode] ?? 0)
  }
  sheet.add('plimsoll_reconnects_total', labels, statistics.reconnects)
  sheet.add('plimsoll_tracking_notifications_total', labels, statistics.notifications)
  sheet.add('plimsoll_inflight_commands', labels, statistics.inFlight)
  for (const outcome of lookOutcomes) {
    sheet.add('plimsoll_health_polls_total', { ...labels, outcome }, statistics.looks[outcome])
  }
  sheet.histogram('plimsoll_health_poll_duration_seconds', labels, statistics.lookSeconds)
}
