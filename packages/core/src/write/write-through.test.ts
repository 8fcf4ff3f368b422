import { describe, expect, test, vi } from 'vitest'
import type { NamespaceOptions, SaveContext } from '../options/namespace-options.ts'
import { deferred, FakeSource, openLocalCache } from '../testing-support/local-cache.ts'
import { settle } from '../testing-support/stepping-clock.ts'

type Options = Omit<Partial<NamespaceOptions<string>>, 'name'>

function open(options: Options = {}) {
  const { clock, cache } = openLocalCache()
  const source = new FakeSource<string>(clock)
  source.rows.set('a', 'first')
  const namespace = cache.namespace<string>({
    name: 'product',
    load: source.load,
    save: source.save,
    ttl: 1_000,
    ...options,
  })
  return { clock, cache, source, namespace, counters: () => cache.health().namespaces['product'] }
}

describe('set', () => {
  test('saves to the source, then is what get answers', async () => {
    const { clock, source, namespace, counters } = open()
    source.takes = 10
    const written = namespace.set('a', 'second')
    await clock.advance(10)
    await written
    expect(source.rows.get('a')).toBe('second')
    expect(await namespace.get('a')).toBe('second')
    expect(source.loads).toBe(0)
    expect(counters()).toMatchObject({ writes: 1, writeErrors: 0 })
  })

  test('keeps the value for the ttl of the namespace', async () => {
    const { clock, source, namespace } = open()
    await namespace.set('a', 'second')
    await clock.advance(999)
    expect(await namespace.get('a')).toBe('second')
    await clock.advance(1)
    await namespace.get('a')
    expect(source.loads).toBe(1)
  })

  test('without save stores in the cache only', async () => {
    const { namespace, source } = open({ save: undefined })
    await namespace.set('a', 'second')
    expect(await namespace.get('a')).toBe('second')
    expect(source.rows.get('a')).toBe('first')
  })

  test('hands the signal of the caller to save', async () => {
    const save = vi.fn((_key: string, _value: string, _context: SaveContext) => {})
    const { namespace } = open({ save })
    const { signal } = new AbortController()
    await namespace.set('a', 'second', { signal })
    await namespace.set('a', 'third')
    expect(save.mock.calls.map(([, , context]) => context.signal)).toEqual([signal, undefined])
  })

  test('forgets the older value where save fails, for the source may have changed all the same', async () => {
    const { source, namespace, counters } = open()
    await namespace.get('a')
    source.error = new Error('down')
    await expect(namespace.set('a', 'second')).rejects.toBe(source.error)
    source.error = undefined
    source.rows.set('a', 'whatever it is now')
    expect(await namespace.get('a')).toBe('whatever it is now')
    expect(counters()).toMatchObject({ writes: 0, writeErrors: 1 })
  })

  test.each([
    ['undefined', 'a', undefined, 'value'],
    ['a key that is empty', '', 'x', 'key'],
    ['a key that is no string', 5, 'x', 'key'],
    ['what the serializer cannot express', 'a', () => {}, undefined],
  ])('refuses %s before anything is changed', async (_, key, value, argument) => {
    const { source, namespace } = open()
    await namespace.get('a')
    const refused = namespace.set(key as string, value as string)
    await expect(refused).rejects.toMatchObject(
      argument === undefined
        ? { code: 'PLIMSOLL_VALUE_NOT_PRESERVED' }
        : { code: 'PLIMSOLL_INVALID_ARGUMENT', argument },
    )
    expect(source.saves).toBe(0)
    expect(await namespace.get('a')).toBe('first')
    expect(source.loads).toBe(1)
  })

  test('refuses in production too what the serializer cannot express', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    const { source, namespace } = open()
    await expect(namespace.set('a', (() => {}) as never)).rejects.toMatchObject({
      code: 'PLIMSOLL_INVALID_ARGUMENT',
      argument: 'value',
    })
    expect(source.saves).toBe(0)
    vi.unstubAllEnvs()
  })
})

describe('a load that is slower than a write', () => {
  test('does not bring the older value back after set', async () => {
    const { clock, source, namespace } = open()
    source.takes = 100
    const slow = namespace.get('a')
    source.takes = 0
    await clock.advance(50)
    await namespace.set('a', 'second')
    expect(await namespace.get('a')).toBe('second')
    await clock.advance(50)
    expect(await slow).toBe('first')
    expect(await namespace.get('a')).toBe('second')
  })

  test('does not bring the value back after delete', async () => {
    const { clock, source, namespace } = open()
    source.takes = 100
    const slow = namespace.get('a')
    source.takes = 0
    await clock.advance(50)
    source.rows.delete('a')
    await namespace.delete('a')
    await clock.advance(50)
    expect(await slow).toBe('first')
    expect(await namespace.get('a')).toBeUndefined()
  })

  test('is not joined by those who come after the write', async () => {
    const { clock, source, namespace } = open()
    source.takes = 100
    const slow = namespace.get('a')
    await clock.advance(50)
    source.rows.set('a', 'second')
    await namespace.delete('a')
    const after = namespace.get('a')
    await clock.advance(100)
    expect(await slow).toBe('first')
    expect(await after).toBe('second')
    expect(source.loads).toBe(2)
  })

  test('that began during the write is not kept either', async () => {
    const { clock, source, namespace } = open()
    source.takes = 60
    const written = namespace.set('a', 'second')
    await clock.advance(30)
    const during = namespace.get('a')
    await clock.advance(30)
    await written
    await clock.advance(30)
    expect(await during).toBe('first')
    expect(await namespace.get('a')).toBe('second')
  })

  test('that began and ended during the write is forgotten with it', async () => {
    const { clock, source, namespace } = open()
    source.takes = 60
    const written = namespace.set('a', 'second')
    source.takes = 10
    const during = namespace.get('a')
    await clock.advance(10)
    expect(await during).toBe('first')
    await clock.advance(50)
    await written
    expect(await namespace.get('a')).toBe('second')
  })
})

describe('two sets of one key at once', () => {
  /** Saves that take effect and return in whatever order the test says. */
  function openWithSteps() {
    const steps = new Map<string, { apply: () => void; acknowledge: () => void }>()
    const rows = new Map<string, string>()
    const made = open({
      load: async (key) => rows.get(key),
      save: async (key, value) => {
        const [applied, acknowledged] = [deferred<void>(), deferred<void>()]
        steps.set(value, { apply: () => applied.resolve(), acknowledge: () => acknowledged.resolve() })
        await applied.promise
        rows.set(key, value)
        await acknowledged.promise
      },
    })
    const step = async (value: string, name: 'apply' | 'acknowledge') => {
      steps.get(value)?.[name]()
      await settle()
    }
    return { ...made, rows, step }
  }

  const orders = [
    ['one apply', 'one acknowledge', 'two apply', 'two acknowledge'],
    ['one apply', 'two apply', 'one acknowledge', 'two acknowledge'],
    ['one apply', 'two apply', 'two acknowledge', 'one acknowledge'],
    ['two apply', 'two acknowledge', 'one apply', 'one acknowledge'],
    ['two apply', 'one apply', 'two acknowledge', 'one acknowledge'],
    ['two apply', 'one apply', 'one acknowledge', 'two acknowledge'],
  ]

  test.each(orders)('leave what the source has: %s, %s, %s, %s', async (...order) => {
    const { rows, namespace, step } = openWithSteps()
    const writes = [namespace.set('a', 'one'), namespace.set('a', 'two')]
    await settle()
    for (const entry of order) {
      const [value, name] = entry.split(' ') as [string, 'apply' | 'acknowledge']
      await step(value, name)
    }
    await Promise.all(writes)
    expect(await namespace.get('a')).toBe(rows.get('a'))
  })

  test('one after the other leave the later one, without a load', async () => {
    const { source, namespace } = open()
    await namespace.set('a', 'one')
    await namespace.set('a', 'two')
    expect(await namespace.get('a')).toBe('two')
    expect(source.loads).toBe(0)
  })
})

describe('delete', () => {
  test('drops the value, and leaves the source alone', async () => {
    const { source, namespace, counters } = open()
    await namespace.get('a')
    await namespace.delete('a')
    expect(source.rows.get('a')).toBe('first')
    expect(await namespace.get('a')).toBe('first')
    expect(source.loads).toBe(2)
    expect(counters()).toMatchObject({ deletes: 1 })
  })

  test('drops "the source has none" too', async () => {
    const { source, namespace } = open()
    await namespace.get('new')
    source.rows.set('new', 'here')
    await namespace.delete('new')
    expect(await namespace.get('new')).toBe('here')
  })

  test('of what is not there is no error', async () => {
    const { namespace } = open()
    await expect(namespace.delete('unknown')).resolves.toBeUndefined()
  })

  test('during a set makes both forget', async () => {
    const { clock, source, namespace } = open()
    source.takes = 50
    const written = namespace.set('a', 'second')
    await clock.advance(20)
    await namespace.delete('a')
    await clock.advance(30)
    await written
    source.takes = 0
    source.rows.set('a', 'third')
    expect(await namespace.get('a')).toBe('third')
  })

  test.each(['', undefined])('refuses %j for a key', async (key) => {
    const { namespace } = open()
    await expect(namespace.delete(key as never)).rejects.toMatchObject({ code: 'PLIMSOLL_INVALID_ARGUMENT' })
  })
})

// What a caller hands over stays the caller's to change.
test('set does not freeze the value of the caller', async () => {
  const { cache } = openLocalCache()
  const namespace = cache.namespace<{ n: number }>({ name: 'counter' })
  const value = { n: 1 }
  await namespace.set('a', value)
  expect(Object.isFrozen(value)).toBe(false)
})
