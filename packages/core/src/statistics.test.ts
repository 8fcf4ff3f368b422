import { expect, test } from 'vitest'
import type { Cache } from './cache.ts'
import { SourceOverloadedError } from './errors.ts'
import type { Histogram } from './histogram.ts'
import type { NamespaceOptions } from './options/namespace-options.ts'
import { deferred, FakeSource, openLocalCache } from './testing-support/local-cache.ts'

function open(options: Partial<NamespaceOptions<string>> = {}, source: Parameters<typeof openLocalCache>[0] = {}) {
  const { clock, cache } = openLocalCache(source)
  const rows = new FakeSource<string>(clock)
  rows.rows.set('a', 'A')
  const namespace = cache.namespace<string>({ name: 'product', ttl: 1_000, load: rows.load, ...options })
  return { clock, cache, rows, namespace }
}

const of = (cache: Cache) => {
  const found = cache.statistics().namespaces['product']
  if (found === undefined) throw new Error('no such namespace')
  return found
}
const observed = ({ counts }: Histogram) => counts.reduce((sum, count) => sum + count, 0)

test('a get that joins one under way is told from those that asked', async () => {
  const loading = deferred<string>()
  const { cache, namespace } = open({ load: () => loading.promise })
  const gets = [namespace.get('a'), namespace.get('a'), namespace.get('a')]
  loading.resolve('A')
  await Promise.all(gets)
  const { counters, getSeconds, loadSeconds } = of(cache)
  expect(counters).toMatchObject({ misses: 1, missesAnswered: 1, joined: 2, loads: 1, loadsDone: 1 })
  expect(observed(getSeconds)).toBe(1)
  expect(observed(loadSeconds)).toBe(1)
})

test('a hit in the local tier is a number, and no observation', async () => {
  const { cache, namespace } = open()
  await namespace.get('a')
  const before = of(cache)
  await namespace.get('a')
  expect(of(cache).counters).toEqual({ ...before.counters, localHits: before.counters.localHits + 1 })
  expect(of(cache).getSeconds).toEqual(before.getSeconds)
})

test('a load that fails is an error of those who asked, and its time is kept', async () => {
  const { clock, cache, rows, namespace } = open()
  rows.error = new Error('down')
  rows.takes = 40
  const get = namespace.get('a')
  get.catch(() => {})
  await clock.advance(40)
  await expect(get).rejects.toThrow('down')
  const { counters, loadSeconds, getSeconds } = of(cache)
  expect(counters).toMatchObject({ getErrors: 1, missesAnswered: 0, loadErrors: 1, loadTimeouts: 0, loadsDone: 0 })
  expect(loadSeconds.sum).toBeCloseTo(0.04)
  expect(getSeconds.sum).toBeCloseTo(0.04)
})

test('a load over its time is told from one that failed', async () => {
  const { clock, cache, namespace } = open({ load: () => new Promise(() => {}), loadTimeout: 100 })
  const get = namespace.get('a')
  get.catch(() => {})
  await clock.advance(100)
  await expect(get).rejects.toThrow('100 ms')
  expect(of(cache).counters).toMatchObject({ loadErrors: 1, loadTimeouts: 1, loadsShed: 0 })
})

test('a load that was turned away took no time', async () => {
  const { cache, namespace } = open({ load: () => new Promise(() => {}) }, { source: { concurrency: 1, queue: 0 } })
  namespace.get('a').catch(() => {})
  await expect(namespace.get('b')).rejects.toThrow('loads are running')
  expect(of(cache).counters).toMatchObject({ loadErrors: 1, loadsShed: 1, loadsTurnedAway: 1, getErrors: 1 })
  expect(observed(of(cache).loadSeconds)).toBe(0)
})

test('a stale answer to a failed load is neither an error nor a miss that was answered', async () => {
  const { clock, cache, rows, namespace } = open({ staleIfError: '1h', staleWhileRevalidate: 0 })
  await namespace.get('a')
  await clock.advance(2_000)
  rows.error = new Error('down')
  expect(await namespace.get('a')).toBe('A')
  expect(of(cache).counters).toMatchObject({ staleHits: 1, getErrors: 0, missesAnswered: 1 })
})

test('what another process wrote, and what was doubted, is counted by entries', async () => {
  const { cache, namespace } = open()
  await Promise.all([namespace.get('a'), namespace.get('b'), namespace.get('c')])
  namespace.onInvalidation('a')
  namespace.onInvalidation('unknown')
  namespace.onDoubt()
  expect(of(cache).local?.invalidations).toEqual({ 'written-elsewhere': 1, doubt: 2, 'touched-in-redis': 0 })
})

test('entries that gave way are counted, whoever made them give way', async () => {
  const { cache, namespace } = open({ load: async (key) => key.padEnd(20_000, 'x') }, { local: { maxBytes: '2Mi' } })
  for (let index = 0; index < 40; index++) await namespace.get(`key-${index}`)
  const { local } = of(cache)
  expect(local?.entries).toBeGreaterThan(0)
  expect((local?.entries ?? 0) + (local?.evictions ?? 0)).toBe(40)
})

test('what is warmed is told by what came of it, over all calls', async () => {
  const load = async (key: string) => {
    if (key === 'bad') throw new Error('no row')
    return key
  }
  const { cache, namespace } = open({ load })
  await namespace.warm(['a', 'b', 'bad'])
  await namespace.warm(['a', 'c'])
  const { warming, refreshing, counters } = of(cache)
  expect(warming).toEqual({ found: 1, loaded: 3, unstored: 0, failed: 1 })
  expect(refreshing).toMatchObject({ rounds: 0, leads: undefined })
  expect(counters).toMatchObject({ localHits: 0, misses: 0, getErrors: 0, loads: 4 })
})

test('rounds of refreshEvery are told, and whether this process leads', async () => {
  const { cache, namespace, clock } = open()
  const refreshing = namespace.refreshEvery('1s', { keys: ['a', 'b'] })
  await clock.advance(2_500)
  expect(of(cache).refreshing).toMatchObject({ rounds: 3, endedEarly: 0, leads: true, keys: { loaded: 6 } })
  refreshing.stop()
  expect(of(cache).refreshing?.leads).toBe(false)
  await cache.close()
})

test('a round counts when it has ended, and how late it is can be told until then', async () => {
  const rows = [deferred<string>(), deferred<string>()]
  let loads = 0
  const load = () => rows[loads++]?.promise ?? 'later'
  const { cache, namespace, clock } = open({ load, loadTimeout: '1h' })
  const asked = clock.now()
  const often = namespace.refreshEvery('10s', { keys: ['a'] })
  const seldom = namespace.refreshEvery('30s', { keys: ['b'] })
  await clock.advance(15_000)
  expect(of(cache).refreshing).toMatchObject({ rounds: 0, latest: { doneAt: asked, interval: 10_000 } })
  rows[0]?.resolve('A')
  await clock.advance(0)
  const { refreshing } = of(cache)
  expect(refreshing).toMatchObject({ rounds: 2, endedEarly: 0, latest: { doneAt: asked, interval: 30_000 } })
  often.stop()
  expect(of(cache).refreshing).toMatchObject({ leads: true, latest: { interval: 30_000 } })
  seldom.stop()
  expect(of(cache).refreshing).toMatchObject({ leads: false, latest: undefined })
  rows[1]?.resolve('B')
  await clock.advance(0)
  await cache.close()
})

test('a round that ends early is not taken for one that was done', async () => {
  const load = () => {
    throw new SourceOverloadedError(1, 1)
  }
  const { cache, namespace, clock } = open({ load })
  const asked = clock.now()
  namespace.refreshEvery('1s', { keys: ['a'] })
  await clock.advance(20_000)
  const { refreshing } = of(cache)
  expect(refreshing?.rounds).toBeGreaterThan(1)
  expect(refreshing).toMatchObject({ endedEarly: refreshing?.rounds, latest: { doneAt: asked, interval: 1_000 } })
  await cache.close()
})

test('updates and drops are told by how they ended', async () => {
  const { cache, namespace } = open({ save: async () => {}, clearable: true, tags: () => ['all'] })
  await namespace.update('a', () => 'changed')
  const refused = namespace.update('a', () => {
    throw new Error('no')
  })
  await expect(refused).rejects.toThrow('no')
  await namespace.invalidateTag('all')
  await namespace.clear()
  expect(of(cache).updates).toMatchObject({ done: 1, errors: 1, conflicts: 0 })
  expect(of(cache).drops).toEqual({ tags: 1, clears: 1 })
})
