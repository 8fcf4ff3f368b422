import { expect, test } from 'vitest'
import { createAheadCounts, createRefreshCounts } from '../read/ahead-counts.ts'
import { createUpdateCounts } from '../write/change-counts.ts'
import { metricCatalogue } from './catalogue.ts'
import { namespaceStatistics } from './measured-cache.fixture.ts'
import { Sheet } from './sheet.ts'
import { addWork } from './work-series.ts'

const atRest = {
  warming: createAheadCounts(),
  refreshing: { ...createRefreshCounts(), leads: undefined, latest: undefined },
  updates: createUpdateCounts(),
  drops: { tags: 0, clears: 0 },
}
const none = { warming: undefined, refreshing: undefined, updates: undefined, drops: undefined }
const names = [
  'plimsoll_ahead_keys_total',
  'plimsoll_refresh_rounds_total',
  'plimsoll_refresh_leading',
  'plimsoll_updates_total',
  'plimsoll_drops_total',
] as const

/** Each sample as its label values and what they are worth. */
function told(statistics: Parameters<typeof namespaceStatistics>[0]): Record<string, number> {
  const sheet = new Sheet()
  addWork(sheet, { cache: 'shop', namespace: 'product' }, namespaceStatistics({ ...none, ...statistics }))
  const samples = names.flatMap((name) =>
    sheet.samplesOf(name).map(({ labels: { cache: _, namespace: __, ...own }, value }) => {
      return [[name.slice('plimsoll_'.length), ...Object.values(own)].join(' '), value] as const
    }),
  )
  return Object.fromEntries(samples)
}

test('at rest all counters are there, at zero, for each value that the catalogue lists', () => {
  const samples = told(atRest)
  expect(Object.values(samples).every((value) => value === 0)).toBe(true)
  const listed = metricCatalogue
    .filter(({ name, type }) => type === 'counter' && (names as readonly string[]).includes(name))
    .reduce((sum, { values }) => sum + Object.values(values ?? {}).reduce((all, { length }) => all * length, 1), 0)
  expect(Object.keys(samples)).toHaveLength(listed)
})

test('a key that Redis did not take is told apart from those that it has', () => {
  const warming = { found: 1, loaded: 10, unstored: 2, failed: 3 }
  const refreshing = {
    rounds: 5,
    endedEarly: 1,
    keys: { ...createAheadCounts(), loaded: 7 },
    leads: true,
    latest: undefined,
  }
  expect(told({ warming, refreshing })).toEqual({
    'ahead_keys_total warm found': 1,
    'ahead_keys_total warm stored': 8,
    'ahead_keys_total warm unstored': 2,
    'ahead_keys_total warm failed': 3,
    'ahead_keys_total refresh found': 0,
    'ahead_keys_total refresh stored': 7,
    'ahead_keys_total refresh unstored': 0,
    'ahead_keys_total refresh failed': 0,
    'refresh_rounds_total done': 4,
    'refresh_rounds_total ended_early': 1,
    refresh_leading: 1,
  })
})

test('updates and drops by how they ended', () => {
  const updates = { done: 1, conflicts: 2, timeouts: 3, leaseUnavailable: 4, errors: 5 }
  expect(told({ updates, drops: { tags: 6, clears: 7 } })).toEqual({
    'updates_total done': 1,
    'updates_total conflict': 2,
    'updates_total timeout': 3,
    'updates_total lease_unavailable': 4,
    'updates_total error': 5,
    'drops_total tag': 6,
    'drops_total all': 7,
  })
})
