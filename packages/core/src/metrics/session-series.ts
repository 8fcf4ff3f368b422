import type { SessionsHealth, SessionsStatistics } from '../session/statistics.ts'
import type { Labels, Sheet } from './sheet.ts'

/** What only sessions tell; all else they tell as a cache does. */
export function addSessions(
  sheet: Sheet,
  cache: string,
  { trusted, pendingDestroys }: SessionsHealth['sessions'],
  counters: SessionsStatistics['sessions'],
): void {
  const labels: Labels = { cache }
  sheet.add('plimsoll_session_trusted', labels, trusted ? 1 : 0)
  sheet.add('plimsoll_session_pending_destroys', labels, pendingDestroys)
  sheet.add('plimsoll_session_destroys_dropped_total', labels, counters.destroysDropped)
  sheet.add('plimsoll_session_losses_total', labels, counters.losses)
  const load = (result: string, count: number) =>
    sheet.add('plimsoll_session_loads_total', { ...labels, result }, count)
  load('found', counters.found)
  load('absent', counters.absent)
  load('unreachable', counters.unreachable - counters.shadowed)
  load('shadow', counters.shadowed)
  load('loss', counters.lost)
  const save = (result: string, count: number) =>
    sheet.add('plimsoll_session_saves_total', { ...labels, result }, count)
  save('created', counters.created)
  save('replaced', counters.replaced)
  save('unchanged', counters.unchanged)
  save('gone', counters.gone)
  save('refused', counters.refused)
  save('too_large', counters.tooLarge)
  save('too_many', counters.tooMany)
  const conflict = (outcome: string, count: number) =>
    sheet.add('plimsoll_session_conflicts_total', { ...labels, outcome }, count)
  conflict('merged', counters.merged)
  conflict('overwritten', counters.overwritten)
  const touch = (result: string, count: number) =>
    sheet.add('plimsoll_session_touches_total', { ...labels, result }, count)
  touch('sent', counters.touched)
  touch('spared', counters.touchesSpared)
  touch('missed', counters.touchesMissed)
  const ended = (cause: string, count: number) => sheet.add('plimsoll_session_ended_total', { ...labels, cause }, count)
  ended('destroyed', counters.destroyed)
  ended('pushed_out', counters.pushedOut)
}
