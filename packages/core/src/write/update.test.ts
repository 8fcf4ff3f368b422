import { describe, expect, test } from 'vitest'
import { InvalidOptionsError, UpdateConflictError, UpdateTimeoutError } from '../errors.ts'
import { deferred, FakeSource, openLocalCache } from '../testing-support/local-cache.ts'
import { settle } from '../testing-support/stepping-clock.ts'

function open() {
  const { clock, cache } = openLocalCache()
  const source = new FakeSource<number>(clock)
  const items = cache.namespace<number>({ name: 'item', load: source.load, save: source.save })
  return { clock, source, items }
}

describe('update', () => {
  test('loses none of many that run at once', async () => {
    const { clock, source, items } = open()
    source.takes = 10
    const updates = Array.from({ length: 50 }, () => items.update('a', (value = 0) => value + 1))
    await clock.advance(2_000)
    expect(await Promise.all(updates)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1))
    expect(source.rows.get('a')).toBe(50)
    expect(await items.get('a')).toBe(50)
  })

  test('reads the source and not what is cached', async () => {
    const { source, items } = open()
    source.rows.set('a', 1)
    await items.get('a')
    source.rows.set('a', 10)
    expect(await items.update('a', (value = 0) => value + 1)).toBe(11)
  })

  test('leaves the value as it is where the change is undefined', async () => {
    const { source, items } = open()
    source.rows.set('a', 1)
    expect(await items.update('a', () => undefined)).toBe(1)
    expect(source.saves).toBe(0)
  })

  test('hands what it read to save, and reads again where that was replaced meanwhile', async () => {
    const { cache } = openLocalCache()
    let row = 1
    const replaced: unknown[] = []
    const items = cache.namespace<number>({
      name: 'item',
      load: () => row,
      save: (_, value, { replaces }) => {
        replaced.push(replaces)
        if (replaced.length === 1) row = 5
        if (replaces !== row) throw new UpdateConflictError()
        row = value
      },
    })
    expect(await items.update('a', (value = 0) => value + 1)).toBe(6)
    expect(replaced).toEqual([1, 5])
  })

  test('hands save what was read, though the change was made to it in place', async () => {
    const { cache } = openLocalCache()
    let row = { revision: 1, items: ['a'] }
    const items = cache.namespace<typeof row>({
      name: 'item',
      load: () => structuredClone(row),
      save: (_, value, { replaces }) => {
        if ((replaces as typeof row).revision !== row.revision) throw new UpdateConflictError()
        row = value
      },
    })
    await items.update('a', (value = row) => {
      value.revision += 1
      value.items.push('b')
      return value
    })
    expect(row).toEqual({ revision: 2, items: ['a', 'b'] })
  })

  test('gives up with what save said where the source never stays as it was', async () => {
    const { clock, cache } = openLocalCache()
    const items = cache.namespace<number>({
      name: 'item',
      load: async () => {
        await clock.advance(300)
        return 1
      },
      save: () => {
        throw new UpdateConflictError()
      },
    })
    await expect(items.update('a', () => 2, { wait: '1s' })).rejects.toBeInstanceOf(UpdateConflictError)
  })

  test('lets the source rest between conflicts, longer each time', async () => {
    const { clock, cache } = openLocalCache({ random: () => 0.999 })
    const at: number[] = []
    const started = clock.now()
    const items = cache.namespace<number>({
      name: 'item',
      load: () => {
        at.push(clock.now() - started)
        return 1
      },
      save: () => {
        throw new UpdateConflictError()
      },
    })
    const updating = items.update('a', () => 2, { wait: '1s' })
    updating.catch(() => {})
    await clock.advance(1_000)
    await expect(updating).rejects.toBeInstanceOf(UpdateConflictError)
    expect(at.map(Math.round)).toEqual([0, 0, 10, 30, 70, 150, 310, 559, 809, 1_000])
    expect(clock.pending).toBe(0)
  })

  test('waits for another update of the key for as long as it is told, and not for one of another key', async () => {
    const { clock, source, items } = open()
    const change = deferred<number>()
    const first = items.update('a', () => change.promise)
    const second = items.update('a', () => 2, { wait: '1s' })
    second.catch(() => {})
    expect(await items.update('b', () => 3)).toBe(3)
    await clock.advance(1_000)
    await expect(second).rejects.toBeInstanceOf(UpdateTimeoutError)
    change.resolve(1)
    expect(await first).toBe(1)
    expect(await items.update('a', () => 4)).toBe(4)
    expect(source.rows.get('a')).toBe(4)
    await settle()
    expect(clock.pending).toBe(0)
  })

  test('turns away who would be the 1,002nd at one key, and says so', async () => {
    const { items } = open()
    const change = deferred<number>()
    const updates = Array.from({ length: 1_001 }, () => items.update('a', () => change.promise))
    const refused = await items.update('a', () => 1).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'PLIMSOLL_SOURCE_OVERLOADED' })
    expect(String(refused)).toContain(
      '1 updates of the key in this process are running and 1000 are waiting, as many as may',
    )
    change.resolve(2)
    await Promise.all(updates)
  })

  test('passes on what the change throws, and lets the next one in', async () => {
    const { items, source } = open()
    const failure = new Error('not enough')
    await expect(
      items.update('a', () => {
        throw failure
      }),
    ).rejects.toBe(failure)
    expect(source.saves).toBe(0)
    expect(await items.update('a', () => 1)).toBe(1)
  })

  test('is refused where there is nothing to read from or to write to', async () => {
    const { cache } = openLocalCache()
    const items = cache.namespace<number>({ name: 'item' })
    await expect(items.update('a', () => 1)).rejects.toBeInstanceOf(InvalidOptionsError)
  })
})
