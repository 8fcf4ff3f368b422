import { describe, expect, test, vi } from 'vitest'
import type { LoadContext, NamespaceOptions } from '../options/namespace-options.ts'
import { deferred, FakeSource, openLocalCache } from '../testing-support/local-cache.ts'
import { settle } from '../testing-support/stepping-clock.ts'

type Options = Omit<Partial<NamespaceOptions<string>>, 'name'>

/** A namespace on the local tier, over a source that has `a`. */
function open(options: Options = {}, chance: () => number = () => 0) {
  const { clock, cache } = openLocalCache({ random: chance })
  const source = new FakeSource<string>(clock)
  source.rows.set('a', 'first')
  const namespace = cache.namespace<string>({ name: 'product', load: source.load, ttl: 1_000, ...options })
  const counters = () => {
    const found = cache.health().namespaces['product']
    if (found === undefined) throw new Error('the namespace is declared')
    return found
  }
  return { clock, cache, source, namespace, counters }
}

describe('a fresh value', () => {
  test('is loaded once and answered for its ttl', async () => {
    const { clock, source, namespace, counters } = open()
    expect(await namespace.get('a')).toBe('first')
    source.rows.set('a', 'second')
    await clock.advance(999)
    expect(await namespace.get('a')).toBe('first')
    await clock.advance(1)
    expect(await namespace.get('a')).toBe('second')
    expect(source.loads).toBe(2)
    expect(counters()).toMatchObject({ localHits: 1, misses: 2, loads: 2, loadErrors: 0, staleHits: 0 })
  })

  test('lives shorter by a share of the jitter', async () => {
    const { clock, source, namespace } = open({ ttlJitter: 0.5, earlyExpiration: false }, () => 0.5)
    await namespace.get('a')
    await clock.advance(749)
    await namespace.get('a')
    expect(source.loads).toBe(1)
    await clock.advance(1)
    await namespace.get('a')
    expect(source.loads).toBe(2)
  })

  test('lives its whole ttl without jitter', async () => {
    const { clock, source, namespace } = open({ ttlJitter: 0, earlyExpiration: false }, () => 0.99)
    await namespace.get('a')
    await clock.advance(999)
    await namespace.get('a')
    expect(source.loads).toBe(1)
  })

  test('does not fall under the local ttl: there is no Redis to look into', async () => {
    const { clock, source, namespace } = open({ ttl: 100_000, local: { ttl: 10 } })
    await namespace.get('a')
    await clock.advance(50_000)
    await namespace.get('a')
    expect(source.loads).toBe(1)
  })

  test('is refreshed in the background, early, when the draw says so', async () => {
    let chance = 0
    const { clock, source, namespace, counters } = open({ ttlJitter: 0 }, () => chance)
    source.takes = 100
    const first = namespace.get('a')
    await clock.advance(100)
    await first
    source.rows.set('a', 'second')
    chance = 0.999_999
    await clock.advance(799)
    expect(await namespace.get('a')).toBe('first')
    expect(source.loads).toBe(1)
    await clock.advance(1)
    expect(await namespace.get('a')).toBe('first')
    expect(await namespace.get('a')).toBe('first')
    expect(source.loads).toBe(2)
    expect(counters().earlyRefreshes).toBe(2)
    await clock.advance(100)
    expect(await namespace.get('a')).toBe('second')
  })
})

describe('"the source has none"', () => {
  test('is remembered for negativeTtl, without a reserve', async () => {
    const { clock, source, namespace } = open({ negativeTtl: 50, staleIfError: 10_000, staleWhileRevalidate: 10_000 })
    expect(await namespace.get('none')).toBeUndefined()
    await clock.advance(49)
    expect(await namespace.get('none')).toBeUndefined()
    expect(source.loads).toBe(1)
    await clock.advance(1)
    source.error = new Error('down')
    await expect(namespace.get('none')).rejects.toThrow('down')
  })

  test('is not remembered at all with negativeTtl 0', async () => {
    const { source, namespace } = open({ negativeTtl: 0 })
    await namespace.get('none')
    await settle()
    await namespace.get('none')
    expect(source.loads).toBe(2)
  })

  test('is not the same as null', async () => {
    const { cache } = openLocalCache()
    const namespace = cache.namespace<string | null>({ name: 'nullable', load: () => null, negativeTtl: 0 })
    expect(await namespace.get('a')).toBeNull()
    expect(await namespace.get('a')).toBeNull()
    expect(cache.health().namespaces['nullable']).toMatchObject({ loads: 1, localHits: 1 })
  })
})

describe('staleWhileRevalidate', () => {
  test('answers the older value at once and refreshes behind it, once', async () => {
    const { clock, source, namespace, counters } = open({ staleWhileRevalidate: 500 })
    await namespace.get('a')
    source.rows.set('a', 'second')
    source.takes = 30
    await clock.advance(1_000)
    expect(await Promise.all([namespace.get('a'), namespace.get('a'), namespace.get('a')])).toEqual([
      'first',
      'first',
      'first',
    ])
    expect(source.loads).toBe(2)
    expect(counters().staleHits).toBe(3)
    await clock.advance(30)
    expect(await namespace.get('a')).toBe('second')
    expect(source.loads).toBe(2)
  })

  test('ends: then callers wait for the source', async () => {
    const { clock, source, namespace } = open({ staleWhileRevalidate: 500 })
    await namespace.get('a')
    source.rows.set('a', 'second')
    await clock.advance(1_500)
    expect(await namespace.get('a')).toBe('second')
  })

  test('leaves a failing source alone for a second, and hides its errors', async () => {
    const { clock, source, namespace, counters } = open({ staleWhileRevalidate: 10_000 })
    await namespace.get('a')
    await clock.advance(1_000)
    source.error = new Error('down')
    for (let index = 0; index < 10; index++) {
      expect(await namespace.get('a')).toBe('first')
      await clock.advance(99)
    }
    expect(source.loads).toBe(2)
    await clock.advance(10)
    expect(await namespace.get('a')).toBe('first')
    expect(source.loads).toBe(3)
    await settle()
    expect(counters()).toMatchObject({ loadErrors: 2, staleHits: 11 })
  })
})

test('a load that succeeds makes a failure before it forgotten', async () => {
  const { clock, source, namespace } = open({ ttl: 100, staleWhileRevalidate: 10_000 })
  source.error = new Error('down')
  await expect(namespace.get('a')).rejects.toThrow('down')
  source.error = undefined
  await namespace.get('a')
  await clock.advance(100)
  expect(await namespace.get('a')).toBe('first')
  expect(source.loads).toBe(3)
})

describe('staleIfError', () => {
  test('answers the older value where the source fails, and spares it for a second', async () => {
    const { clock, source, namespace, counters } = open({ staleIfError: 5_000 })
    await namespace.get('a')
    await clock.advance(1_000)
    source.error = new Error('down')
    for (let index = 0; index < 20; index++) expect(await namespace.get('a')).toBe('first')
    expect(source.loads).toBe(2)
    await clock.advance(1_000)
    expect(await namespace.get('a')).toBe('first')
    expect(source.loads).toBe(3)
    expect(counters()).toMatchObject({ loadErrors: 2, staleHits: 21 })
  })

  test('prefers the source where it works', async () => {
    const { clock, source, namespace } = open({ staleIfError: 5_000 })
    await namespace.get('a')
    source.rows.set('a', 'second')
    await clock.advance(1_000)
    expect(await namespace.get('a')).toBe('second')
  })

  test('ends: then the error of the source reaches the caller unchanged', async () => {
    const { clock, source, namespace } = open({ staleIfError: 5_000 })
    await namespace.get('a')
    await clock.advance(6_000)
    source.error = new RangeError('down')
    await expect(namespace.get('a')).rejects.toBe(source.error)
  })

  test('is no reserve where there is no older value, and every get asks', async () => {
    const { source, namespace } = open({ staleIfError: 5_000 })
    source.error = new Error('down')
    await expect(namespace.get('a')).rejects.toBe(source.error)
    await expect(namespace.get('a')).rejects.toBe(source.error)
    expect(source.loads).toBe(2)
  })

  test('takes a deadline that passed for an error', async () => {
    const { clock, source, namespace } = open({ staleIfError: 5_000, loadTimeout: 50, softLoadTimeout: 3_000 })
    await namespace.get('a')
    await clock.advance(1_000)
    source.takes = 1_000
    const late = namespace.get('a')
    await clock.advance(50)
    expect(await late).toBe('first')
  })

  test('of a call may be another than that of the namespace', async () => {
    const { clock, source, namespace } = open({ staleIfError: 5_000 })
    await namespace.get('a')
    await clock.advance(1_500)
    source.error = new Error('down')
    await expect(namespace.get('a', { staleIfError: 100 })).rejects.toThrow('down')
    expect(await namespace.get('a')).toBe('first')
  })
})

describe('softLoadTimeout', () => {
  test('answers the older value where the load takes longer, and keeps what the load brings', async () => {
    const { clock, source, namespace, counters } = open({ staleIfError: 5_000, softLoadTimeout: 40 })
    await namespace.get('a')
    source.rows.set('a', 'second')
    await clock.advance(1_000)
    source.takes = 100
    const answered = vi.fn()
    void namespace.get('a').then(answered)
    await clock.advance(39)
    expect(answered).not.toHaveBeenCalled()
    await clock.advance(1)
    expect(answered).toHaveBeenCalledWith('first')
    await clock.advance(60)
    expect(await namespace.get('a')).toBe('second')
    expect(source.loads).toBe(2)
    expect(counters().staleHits).toBe(1)
  })

  test('does not answer what is older than allowed', async () => {
    const { clock, source, namespace } = open({ staleIfError: 10, softLoadTimeout: 40 })
    await namespace.get('a')
    source.rows.set('a', 'second')
    await clock.advance(1_000)
    source.takes = 100
    const answer = namespace.get('a')
    await clock.advance(100)
    expect(await answer).toBe('second')
  })

  test('leaves no timer where the load was in time', async () => {
    const { clock, source, namespace } = open({ staleIfError: 5_000 })
    source.takes = 10
    for (let round = 0; round < 3; round++) {
      const answer = namespace.get('a')
      await clock.advance(10)
      await answer
      expect(clock.pending).toBe(0)
      await clock.advance(1_000)
    }
  })
})

describe('loadTimeout', () => {
  test('ends the waiting, aborts the load, and what comes late is not kept', async () => {
    const signals: AbortSignal[] = []
    const late = deferred<string>()
    const load = vi.fn((_: string, { signal }: LoadContext<string>) => {
      signals.push(signal)
      return late.promise
    })
    const { clock, namespace } = open({ load, loadTimeout: 80 })
    const answer = namespace.get('a')
    answer.catch(() => {})
    await clock.advance(80)
    await expect(answer).rejects.toMatchObject({ code: 'PLIMSOLL_LOAD_TIMEOUT' })
    expect(signals[0]?.aborted).toBe(true)
    late.resolve('late')
    await settle()
    load.mockResolvedValue('fresh')
    expect(await namespace.get('a')).toBe('fresh')
  })

  test('of a call may be shorter', async () => {
    const { clock, source, namespace } = open({ loadTimeout: 10_000 })
    source.takes = 500
    const answer = namespace.get('a', { loadTimeout: 100 })
    answer.catch(() => {})
    await clock.advance(100)
    await expect(answer).rejects.toMatchObject({ code: 'PLIMSOLL_LOAD_TIMEOUT' })
  })
})

describe('single flight', () => {
  test('shares one load among all who ask meanwhile', async () => {
    const { clock, source, namespace, counters } = open()
    source.takes = 100
    const answers = Array.from({ length: 50 }, () => namespace.get('a'))
    await clock.advance(50)
    answers.push(namespace.get('a'))
    await clock.advance(50)
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['first']))
    expect(source.loads).toBe(1)
    expect(counters().misses).toBe(1)
  })

  test('shares the error too, and keeps nothing of it', async () => {
    const { source, namespace } = open()
    source.error = new Error('down')
    const results = await Promise.allSettled([namespace.get('a'), namespace.get('a'), namespace.get('a')])
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: source.error })
    expect(source.loads).toBe(1)
    source.error = undefined
    expect(await namespace.get('a')).toBe('first')
  })

  test('does not share between keys', async () => {
    const { source, namespace } = open()
    await Promise.all([namespace.get('a'), namespace.get('b')])
    expect(source.loads).toBe(2)
  })

  // Who asks after the answer is not one of "the callers" any more.
  test('is not joined once it has answered what is to be kept nowhere', async () => {
    const { source, namespace } = open({ negativeTtl: 0 })
    await namespace.get('none')
    await namespace.get('none')
    expect(source.loads).toBe(2)
  })

  test('does not answer an older value for longer than is allowed while a load hangs', async () => {
    const { clock, source, namespace } = open({ staleIfError: 100, softLoadTimeout: 40 })
    await namespace.get('a')
    source.rows.set('a', 'second')
    await clock.advance(1_050)
    source.takes = 5_000
    const first = namespace.get('a')
    await clock.advance(40)
    expect(await first).toBe('first')
    await clock.advance(2_000)
    const later = namespace.get('a')
    await clock.advance(5_000)
    expect(await later).toBe('second')
  })

  test('ends with its load', async () => {
    const { clock, source, namespace } = open({ ttl: 1 })
    await namespace.get('a')
    await clock.advance(1)
    await namespace.get('a')
    expect(source.loads).toBe(2)
  })
})

describe('the context of a load', () => {
  test('sets the time to live of this one value', async () => {
    const load = vi.fn((_: string, context: LoadContext<string>) => {
      context.ttl('5s')
      return 'value'
    })
    const { clock, namespace } = open({ load })
    await namespace.get('a')
    await clock.advance(4_999)
    await namespace.get('a')
    expect(load).toHaveBeenCalledTimes(1)
    await clock.advance(1)
    await namespace.get('a')
    expect(load).toHaveBeenCalledTimes(2)
  })

  test('can leave the value uncached', async () => {
    const load = vi.fn((_: string, context: LoadContext<string>) => {
      context.skip()
      return 'value'
    })
    const { cache, namespace } = open({ load })
    expect(await namespace.get('a')).toBe('value')
    await settle()
    expect(await namespace.get('a')).toBe('value')
    expect(load).toHaveBeenCalledTimes(2)
    expect(cache.health().local?.entries).toBe(0)
  })

  test('offers the older value, even where it may not be answered any more', async () => {
    const stales: (string | undefined)[] = []
    const load = (_: string, context: LoadContext<string>): string => {
      stales.push(context.stale)
      return `value ${stales.length}`
    }
    const { clock, namespace } = open({ load, staleWhileRevalidate: 5_000 })
    await namespace.get('a')
    await clock.advance(1_000)
    await namespace.get('a')
    await settle()
    await clock.advance(1_000)
    await namespace.get('a')
    expect(stales).toEqual([undefined, 'value 1', 'value 2'])
  })

  test('refuses nonsense for a time to live, as an error of the load', async () => {
    const { namespace } = open({
      load: (_, context) => {
        context.ttl('soon' as never)
        return 'value'
      },
    })
    await expect(namespace.get('a')).rejects.toMatchObject({ code: 'PLIMSOLL_INVALID_ARGUMENT', argument: 'ttl' })
  })
})
