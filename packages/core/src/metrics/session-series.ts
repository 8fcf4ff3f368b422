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
  sheet.each('plimsoll_session_loads_total', labels, 'result', {
    found: counters.found,
    absent: counters.absent,
    unreachable: counters.unreachable - counters.shadowed,
    shadow: counters.shadowed,
    loss: counters.lost,
  })
  sheet.each('plimsoll_session_saves_total', labels, 'result', {
    created: counters.created,
    replaced: counters.replaced,
    unchanged: counters.unchanged,
    gone: counters.gone,
    refused: counters.refused,
    too_large: counters.tooLarge,
    too_many: counters.tooMany,
  })
  sheet.each('plimsoll_session_conflicts_total', labels, 'outcome', {
    merged: counters.merged,
    overwritten: counters.overwritten,
  })
  sheet.each('plimsoll_session_touches_total', labels, 'result', {
    sent: counters.touched,
    spared: counters.touchesSpared,
    missed: counters.touchesMissed,
  })
  sheet.each('plimsoll_session_ended_total', labels, 'cause', {
    destroyed: counters.destroyed,
    pushed_out: counters.pushedOut,
  })
}
