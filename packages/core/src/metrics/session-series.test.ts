import { expect, test } from 'vitest'
import { createSessionCounters } from '../session/statistics.ts'
import { metricCatalogue } from './catalogue.ts'
import { addSessions } from './session-series.ts'
import { Sheet } from './sheet.ts'

test('each counter of the sessions is told under its own label', () => {
  const counters = {
    ...createSessionCounters(),
    ...{ losses: 1, destroysReplayed: 0, destroysDropped: 4 },
    ...{ found: 2, absent: 3, unreachable: 9, shadowed: 5, lost: 6 },
    ...{ created: 7, replaced: 8, unchanged: 10, gone: 11, refused: 12, tooLarge: 13, tooMany: 14 },
    ...{ merged: 15, overwritten: 16, touched: 17, touchesSpared: 18, touchesMissed: 19 },
    ...{ destroyed: 20, pushedOut: 21 },
  }
  const sheet = new Sheet()
  const health = { trusted: true, reason: undefined, pendingDestroys: 22, shadow: undefined }
  addSessions(sheet, 'shop', health, counters)
  const told = metricCatalogue
    .filter(({ name }) => name.startsWith('plimsoll_session_'))
    .map(({ name }) => [
      name.slice('plimsoll_session_'.length),
      Object.fromEntries(
        sheet.samplesOf(name).map(({ labels: { cache: _, ...own }, value }) => [Object.values(own).join(), value]),
      ),
    ])
  expect(Object.fromEntries(told)).toEqual({
    trusted: { '': 1 },
    pending_destroys: { '': 22 },
    destroys_dropped_total: { '': 4 },
    losses_total: { '': 1 },
    loads_total: { found: 2, absent: 3, unreachable: 4, shadow: 5, loss: 6 },
    saves_total: { created: 7, replaced: 8, unchanged: 10, gone: 11, refused: 12, too_large: 13, too_many: 14 },
    conflicts_total: { merged: 15, overwritten: 16 },
    touches_total: { sent: 17, spared: 18, missed: 19 },
    ended_total: { destroyed: 20, pushed_out: 21 },
  })
})
