import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { createCache } from './cache.ts'
import type { GetOptions, NamespaceOptions } from './options/namespace-options.ts'
import { deferred, FakeSource, openLocalCache } from './testing-support/local-cache.ts'
import { settle } from './testing-support/stepping-clock.ts'

interface Product {
  name: string
  tags: string[]
}

function open(options: Partial<NamespaceOptions<Product>> = {}) {
  const { clock, cache } = openLocalCache()
  const source = new FakeSource<Product>(clock)
  source.rows.set('a', { name: 'Rope', tags: ['deck'] })
  return {
    clock,
    cache,
    source,
    namespace: cache.namespace<Product>({ name: 'product', load: source.load, ...options }),
  }
}

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('a value handed out', () => {
  test('is frozen for the first caller, those who joined, and every later one', async () => {
    const { namespace } = open()
    const values = await Promise.all([namespace.get('a'), namespace.get('a')])
    values.push(await namespace.get('a'))
    for (const value of values) {
      expect(() => value?.tags.push('harm')).toThrow(TypeError)
      expect(value).toBe(values[0])
    }
  })

  test('is the own of each caller with local.clone', async () => {
    const { namespace } = open({ local: { clone: true } })
    const values = await Promise.all([namespace.get('a'), namespace.get('a')])
    values.push(await namespace.get('a'))
    for (const value of values) value?.tags.push('harm')
    expect((await namespace.get('a'))?.tags).toEqual(['deck'])
  })

  const dated = (options: Partial<NamespaceOptions<{ at: Date }>> = {}) => {
    const { clock, cache } = openLocalCache()
    const source = new FakeSource<{ at: Date }>(clock)
    source.rows.set('a', { at: new Date(5) })
    const copy = async (key: string) => structuredClone(await source.load(key))
    return {
      clock,
      source,
      namespace: cache.namespace({ name: 'dated', serializer: 'msgpack', ttl: 1_000, load: copy, ...options }),
    }
  }

  test('is cloned where it holds what cannot be frozen', async () => {
    const { namespace } = dated()
    const values = await Promise.all([namespace.get('a'), namespace.get('a')])
    values.push(await namespace.get('a'))
    for (const value of values) value?.at.setTime(99)
    expect(await namespace.get('a')).toEqual({ at: new Date(5) })
  })

  test('is cloned too where it is an older one, answered at once', async () => {
    const { clock, source, namespace } = dated({ staleWhileRevalidate: 10_000 })
    await namespace.get('a')
    source.takes = 1_000
    await clock.advance(1_000)
    const stale = await namespace.get('a')
    stale?.at.setTime(99)
    expect(await namespace.get('a')).toEqual({ at: new Date(5) })
  })

  // The reserve is what the local tier holds itself; the first caller of the flight gets it as it is.
  test('is cloned too where it is an older one, answered because the source fails', async () => {
    const { clock, source, namespace } = dated({ staleIfError: 10_000 })
    await namespace.get('a')
    source.error = new Error('down')
    await clock.advance(1_000)
    const stale = await namespace.get('a')
    stale?.at.setTime(99)
    expect(await namespace.get('a')).toEqual({ at: new Date(5) })
  })
})

describe('getMany', () => {
  const product = (name: string): Product => ({ name, tags: [] })
  function openMany(options: Partial<NamespaceOptions<Product>> = {}) {
    const loadMany = vi.fn(async (keys: readonly string[]) => {
      return new Map(keys.filter((key) => key !== 'none').map((key) => [key, product(key)]))
    })
    return { ...open({ loadMany, ...options }), loadMany }
  }

  test('loads what is missing with one loadMany, and leaves out what the source has not', async () => {
    const { source, namespace, loadMany } = openMany()
    const found = await namespace.getMany(['b', 'none', 'c'])
    expect([...found]).toEqual([
      ['b', product('b')],
      ['c', product('c')],
    ])
    expect(loadMany).toHaveBeenCalledTimes(1)
    expect(loadMany.mock.calls[0]?.[0]).toEqual(['b', 'none', 'c'])
    expect(source.loads).toBe(0)
  })

  test('takes what it has from the local tier, "none" included', async () => {
    const { namespace, loadMany } = openMany()
    await namespace.getMany(['b', 'none'])
    const found = await namespace.getMany(['none', 'b', 'c', 'd'])
    expect([...found.keys()]).toEqual(['b', 'c', 'd'])
    expect(loadMany.mock.calls[1]?.[0]).toEqual(['c', 'd'])
    await namespace.getMany(['b', 'c', 'd', 'none'])
    expect(loadMany).toHaveBeenCalledTimes(2)
  })

  test('asks once for a key given twice, and answers in the order of the keys', async () => {
    const { namespace, loadMany } = openMany()
    expect([...(await namespace.getMany(['c', 'b', 'c', 'b'])).keys()]).toEqual(['c', 'b'])
    expect(loadMany.mock.calls[0]?.[0]).toEqual(['c', 'b'])
  })

  test('joins loads that are under way', async () => {
    const { clock, source, namespace, loadMany } = openMany()
    source.takes = 100
    const single = namespace.get('a')
    const many = namespace.getMany(['a', 'b'])
    await clock.advance(100)
    expect((await many).get('a')).toBe(await single)
    expect(source.loads).toBe(1)
    expect(loadMany.mock.calls.map(([keys]) => keys)).toEqual([['b']])
  })

  test('is joined by gets meanwhile', async () => {
    const answer = deferred<Map<string, Product>>()
    const { source, namespace } = openMany({ loadMany: () => answer.promise })
    const many = namespace.getMany(['b', 'c'])
    const single = namespace.get('c')
    answer.resolve(new Map([['c', product('late c')]]))
    expect(await single).toEqual(product('late c'))
    expect([...(await many).keys()]).toEqual(['c'])
    expect(source.loads).toBe(0)
  })

  test('without loadMany loads each key for itself', async () => {
    const { source, namespace } = open()
    expect([...(await namespace.getMany(['a', 'b'])).keys()]).toEqual(['a'])
    expect(source.loads).toBe(2)
  })

  test('without any way to load answers what there is', async () => {
    const { cache } = openLocalCache()
    const namespace = cache.namespace<string>({ name: 'manual' })
    await namespace.set('a', 'value')
    expect([...(await namespace.getMany(['a', 'b']))]).toEqual([['a', 'value']])
    expect(await namespace.get('b')).toBeUndefined()
  })

  test('answers older values where loadMany fails and they are allowed, else hands on the error', async () => {
    const error = new Error('down')
    const { clock, namespace, loadMany } = openMany({ ttl: 1_000, staleIfError: 10_000 })
    await namespace.getMany(['b', 'c'])
    loadMany.mockRejectedValue(error)
    await clock.advance(1_000)
    expect([...(await namespace.getMany(['b', 'c'])).keys()]).toEqual(['b', 'c'])
    await expect(namespace.getMany(['b', 'd'])).rejects.toBe(error)
  })

  test('of no keys asks nobody', async () => {
    const { namespace, loadMany } = openMany()
    expect(await namespace.getMany([])).toEqual(new Map())
    expect(loadMany).not.toHaveBeenCalled()
  })

  test.each([undefined, 'a', [''], ['a', undefined], ['x'.repeat(1_025)]])('refuses %j for keys', async (keys) => {
    const { source, namespace } = open()
    await expect(namespace.getMany(keys as never)).rejects.toMatchObject({ code: 'PLIMSOLL_INVALID_ARGUMENT' })
    expect(source.loads).toBe(0)
  })
})

describe('the arguments of get', () => {
  test.each(['', undefined, null, 5, 'x'.repeat(1_025)])('refuse %j for a key, as a rejection', async (key) => {
    const { source, namespace } = open()
    await expect(namespace.get(key as never)).rejects.toMatchObject({
      code: 'PLIMSOLL_INVALID_ARGUMENT',
      argument: 'key',
    })
    expect(source.loads).toBe(0)
  })

  test('refuse wrong options, as a rejection', async () => {
    const { namespace } = open()
    const options = { ttl: 'soon' } as unknown as GetOptions<Product>
    await expect(namespace.get('a', options)).rejects.toMatchObject({ argument: 'ttl' })
  })

  test('may bring a load of their own, and a ttl', async () => {
    const { clock, source, namespace } = open()
    const load = vi.fn(() => ({ name: 'other', tags: [] }))
    expect((await namespace.get('a', { load, ttl: 50 }))?.name).toBe('other')
    await clock.advance(49)
    expect((await namespace.get('a'))?.name).toBe('other')
    await clock.advance(1)
    expect((await namespace.get('a'))?.name).toBe('Rope')
    expect(load).toHaveBeenCalledTimes(1)
    expect(source.loads).toBe(1)
  })
})

describe('timeout', () => {
  /** Under the clock of the system, which is a fake. */
  function openFaked(load: NamespaceOptions<Product>['load']) {
    const cache = createCache({ name: 'test' })
    return { cache, namespace: cache.namespace<Product>({ name: 'product', load }), timers: vi.getTimerCount() }
  }

  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('bounds the waiting of one caller, and leaves the load to the others', async () => {
    const answer = deferred<Product>()
    const { cache, namespace, timers } = openFaked(() => answer.promise)
    const patient = namespace.get('a')
    const impatient = namespace.get('a', { timeout: 50 })
    impatient.catch(() => {})
    await vi.advanceTimersByTimeAsync(50)
    await expect(impatient).rejects.toMatchObject({ code: 'PLIMSOLL_LOAD_TIMEOUT' })
    answer.resolve({ name: 'Late', tags: [] })
    expect((await patient)?.name).toBe('Late')
    expect((await namespace.get('a'))?.name).toBe('Late')
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(timers)
    await cache.close()
  })

  test('leaves no timer where the answer was in time', async () => {
    const { cache, namespace, timers } = openFaked(() => ({ name: 'Rope', tags: [] }))
    expect((await namespace.get('a', { timeout: 50 }))?.name).toBe('Rope')
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(timers)
    await cache.close()
  })
})

// All other waiting is measured by the clock that the service gave.
test('the timeout of a call is measured by the clock of the cache', async () => {
  const { clock, namespace } = open({ load: () => deferred<Product>().promise })
  const answer = namespace.get('a', { timeout: 50 })
  answer.catch(() => {})
  await clock.advance(50)
  const outcome = await Promise.race([answer.then(String, () => 'rejected'), settle().then(() => 'still waiting')])
  expect(outcome).toBe('rejected')
})

describe('in development', () => {
  const load = () => ({ at: new Date(0) })

  test('a value that a hit would return differently is refused on the miss', async () => {
    const { cache } = openLocalCache()
    const namespace = cache.namespace({ name: 'dated', load })
    const refused = namespace.get('a')
    await expect(refused).rejects.toMatchObject({ code: 'PLIMSOLL_VALUE_NOT_PRESERVED' })
    await expect(refused).rejects.toThrow('namespace dated: a cached value would differ from the loaded one: value.at')
    await expect(namespace.set('a', { at: new Date(0) })).rejects.toMatchObject({
      code: 'PLIMSOLL_VALUE_NOT_PRESERVED',
    })
  })

  test('the schema may restore what the serializer loses', async () => {
    const { cache } = openLocalCache()
    const namespace = cache.namespace({ name: 'dated', schema: z.object({ at: z.coerce.date() }), load })
    expect(await namespace.get('a')).toEqual({ at: new Date(0) })
    expect(await namespace.get('a')).toEqual({ at: new Date(0) })
  })

  test('a property that is undefined does no harm', async () => {
    const { cache } = openLocalCache()
    const namespace = cache.namespace({ name: 'sparse', load: () => ({ a: 1, b: undefined }) })
    expect(await namespace.get('a')).toEqual({ a: 1 })
  })
})

test('refreshEvery without keys loads anew what is asked for, as long as it is asked for', async () => {
  const loaded: string[] = []
  const { namespace, clock } = open({ load: (key) => void loaded.push(key), negativeTtl: '1h' })
  for (let count = 0; count < 100; count++) await Promise.all([namespace.get('a'), namespace.get('b')])
  expect(loaded.splice(0)).toEqual(['a', 'b'])
  const refreshing = namespace.refreshEvery('5s')
  await settle()
  expect(loaded.splice(0).sort()).toEqual(['a', 'b'])
  await clock.advance(60_000)
  loaded.length = 0
  await clock.advance(60_000)
  expect(loaded).toEqual([])
  refreshing.stop()
})

test('what loads ahead of time ends with the cache', async () => {
  const { cache, namespace, clock, source } = open()
  const refreshing = namespace.refreshEvery('1s', { keys: ['a'] })
  source.takes = 100
  const warming = expect(namespace.warm(['a', 'b', 'c'], { concurrency: 1 })).rejects.toThrow('closed')
  await settle()
  const closing = cache.close()
  await clock.advance(1_000)
  await Promise.all([warming, closing])
  expect(refreshing.leads).toBe(false)
  expect(clock.pending).toBe(0)
})

test('in production nothing is checked', async () => {
  vi.stubEnv('NODE_ENV', 'production')
  const { cache } = openLocalCache()
  const namespace = cache.namespace({ name: 'dated', load: () => ({ at: new Date(0) }) })
  expect(await namespace.get('a')).toEqual({ at: new Date(0) })
})

describe('a value over 100 KB', () => {
  test('is warned of once', async () => {
    const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
    const { cache } = openLocalCache({ logger, compression: false })
    const namespace = cache.namespace<string>({ name: 'page' })
    for (const key of ['a', 'b', 'c']) await namespace.set(key, 'secret'.repeat(20_000))
    expect(logger.warn.mock.calls).toEqual([
      [{ namespace: 'page', bytes: 120_002 }, 'a value of over 100 KB is cached'],
    ])
  })
})
