import { afterEach, describe, expect, test, vi } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import { parseCacheOptions } from '../options/cache-options.ts'
import { type NamespaceOptions, parseNamespaceOptions } from '../options/namespace-options.ts'
import { SteppingClock, settle } from '../testing-support/stepping-clock.ts'
import { BatchFetch, fetchOne } from './fetch.ts'
import { Context } from './load-context.ts'
import { Source } from './source.ts'

const sources: Source[] = []
afterEach(() => {
  for (const source of sources.splice(0)) source.close()
})

function open(options: Partial<NamespaceOptions<string>>) {
  const source = new Source({ concurrency: 4, queue: 4 }, new SteppingClock(0), () => {})
  sources.push(source)
  const settings = parseNamespaceOptions<string>({ name: 'product', ...options }, parseCacheOptions({ name: 'shop' }))
  return { source, settings }
}

const context = () => new Context<string>(undefined)

describe('fetchOne', () => {
  test('loads with load, through the source', async () => {
    const load = vi.fn(async (key: string) => key.toUpperCase())
    const { source, settings } = open({ load, loadMany: () => new Map() })
    const given = context()
    const before = given.signal
    expect(await fetchOne(settings, source)?.load('a', given, 100)).toBe('A')
    expect(load).toHaveBeenCalledWith('a', given)
    expect(given.signal).not.toBe(before)
  })

  test('loads with the load of the call instead', async () => {
    const { source, settings } = open({ load: () => 'namespace' })
    expect(await fetchOne(settings, source, () => 'call')?.load('a', context(), 100)).toBe('call')
  })

  test('loads one of many where there is no load', async () => {
    const loadMany = vi.fn((keys: readonly string[]) => new Map(keys.map((key) => [key, `${key}!`])))
    const { source, settings } = open({ loadMany })
    expect(await fetchOne(settings, source)?.load('a', context(), 100)).toBe('a!')
    expect(loadMany).toHaveBeenCalledWith(['a'], { signal: expect.any(AbortSignal) })
  })

  test('does not exist without a way to load', () => {
    const { source, settings } = open({})
    expect(fetchOne(settings, source)).toBeUndefined()
  })

  test('wants a Map of loadMany', async () => {
    const { source, settings } = open({ loadMany: () => ({ a: 'x' }) as never })
    await expect(fetchOne(settings, source)?.load('a', context(), 100)).rejects.toThrow(InvalidArgumentError)
  })
})

describe('BatchFetch', () => {
  function batchOf(
    keys: readonly string[],
    loadMany = vi.fn(async (wanted: readonly string[]) => new Map(wanted.map((key) => [key, `${key}!`]))),
  ) {
    const load = vi.fn((key: string) => `single ${key}`)
    const { source, settings } = open({ load, loadMany })
    const single = fetchOne(settings, source)
    if (single === undefined) throw new Error('there is a load')
    return { batch: new BatchFetch('product', loadMany, source, single, keys), loadMany, load }
  }

  test('makes one call when every key has come', async () => {
    const { batch, loadMany } = batchOf(['a', 'b', 'c'])
    const loads = ['a', 'b'].map((key) => batch.load(key, context(), 100))
    await settle()
    expect(loadMany).not.toHaveBeenCalled()
    loads.push(batch.load('c', context(), 100))
    expect(await Promise.all(loads)).toEqual(['a!', 'b!', 'c!'])
    expect(loadMany).toHaveBeenCalledTimes(1)
    expect(loadMany).toHaveBeenCalledWith(['a', 'b', 'c'], { signal: expect.any(AbortSignal) })
  })

  test('does not wait for keys that drop out, nor load them', async () => {
    const { batch, loadMany } = batchOf(['a', 'b', 'c'])
    batch.dropOut('a')
    const load = batch.load('b', context(), 100)
    batch.dropOut('c')
    batch.dropOut('c')
    expect(await load).toBe('b!')
    expect(loadMany).toHaveBeenCalledWith(['b'], { signal: expect.any(AbortSignal) })
  })

  test('makes no call where every key drops out', async () => {
    const { batch, loadMany } = batchOf(['a', 'b'])
    batch.dropOut('a')
    batch.dropOut('b')
    await settle()
    expect(loadMany).not.toHaveBeenCalled()
  })

  test('loads a key alone that comes after it dropped out', async () => {
    const { batch, loadMany, load } = batchOf(['a', 'b'])
    batch.dropOut('a')
    expect(await batch.load('a', context(), 100)).toBe('single a')
    expect(load).toHaveBeenCalledTimes(1)
    expect(await batch.load('b', context(), 100)).toBe('b!')
    expect(loadMany).toHaveBeenCalledTimes(1)
  })

  test('takes keys that the map lacks for ones that the source has not', async () => {
    const { batch } = batchOf(
      ['a', 'b'],
      vi.fn(async () => new Map([['a', 'A']])),
    )
    expect(await Promise.all([batch.load('a', context(), 100), batch.load('b', context(), 100)])).toEqual([
      'A',
      undefined,
    ])
  })

  test.each([
    ['an error', () => Promise.reject(new Error('down')), 'down'],
    ['a plain object', async () => ({ a: 'A' }) as never, 'expected it to return a Map'],
  ])('hands %s on to every key', async (_, loadMany, message) => {
    const { batch } = batchOf(['a', 'b'], vi.fn(loadMany))
    const results = await Promise.allSettled([batch.load('a', context(), 100), batch.load('b', context(), 100)])
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining(message) } })
    }
  })
})
