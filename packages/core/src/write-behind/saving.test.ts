import { describe, expect, test } from 'vitest'
import { LoadTimeoutError } from '../errors.ts'
import type { BehindOperation, SaveManyContext } from '../options/behind-options.ts'
import { drawing, SteppingClock } from '../testing-support/stepping-clock.ts'
import { increment } from './coalesce.ts'
import { kindOf, Saving } from './saving.ts'

const all = Array.from({ length: 16 }, (_, index) => increment(`key-${index}`, [`id-${index}`], [1], undefined))
const itself = (operation: BehindOperation<number>) => operation

function saving(saveMany: (operations: readonly BehindOperation<number>[], context: SaveManyContext) => unknown) {
  const clock = new SteppingClock()
  const calls: number[] = []
  const settings = {
    saveTimeout: 1_000,
    saveMany: (operations: readonly BehindOperation<number>[], context: SaveManyContext) => {
      calls.push(operations.length)
      return saveMany(operations, context)
    },
  }
  return { clock, calls, saving: new Saving<number>('views', settings, clock, drawing(0.5)) }
}

const refusing =
  (...bad: string[]) =>
  (operations: readonly BehindOperation<number>[]) => {
    if (operations.some(({ key }) => bad.includes(key))) throw new Error('constraint')
  }

describe('saveApart', () => {
  test('finds the bad ones by halving, and saves all others', async () => {
    const { saving: one, calls } = saving(refusing('key-3', 'key-12'))
    const { saved, failed, error } = await one.saveApart(all, itself)
    expect(failed.map(({ one: { key } }) => key).sort()).toEqual(['key-12', 'key-3'])
    expect(saved).toHaveLength(14)
    expect(error).toBeUndefined()
    expect(calls.length).toBeLessThan(20)
  })

  test('a source that takes nothing is blamed itself, after a few calls', async () => {
    const { saving: one, calls } = saving(() => {
      throw new Error('connection refused')
    })
    const { saved, failed, error } = await one.saveApart(all, itself)
    expect({ saved, failed }).toEqual({ saved: [], failed: [] })
    expect(error).toMatchObject({ message: 'connection refused' })
    expect(calls.length).toBeLessThan(10)
  })

  test('a run of bad ones is not taken for a source that is away for ever: it begins elsewhere the next time', async () => {
    const bad = refusing('key-8', 'key-9', 'key-10', 'key-11')
    const clock = new SteppingClock()
    const one = new Saving<number>('views', { saveTimeout: 1_000, saveMany: bad }, clock, drawing(0.5, 0))
    expect((await one.saveApart(all, itself)).saved).toHaveLength(0)
    expect((await one.saveApart(all, itself)).saved).toHaveLength(12)
  })

  test('a single one that fails proves nothing', async () => {
    const { saving: one } = saving(refusing('key-0'))
    const { failed, error } = await one.saveApart(all.slice(0, 1), itself)
    expect(failed).toEqual([])
    expect(error).toMatchObject({ message: 'constraint' })
  })
})

describe('saveAll', () => {
  test('ends at its deadline, and says so to whom it called', async () => {
    let aborted = false
    const { saving: one, clock } = saving((_, { signal }) => {
      signal.addEventListener('abort', () => {
        aborted = true
      })
      return new Promise(() => {})
    })
    const outcome = one.saveAll(all).catch((error: unknown) => error)
    await clock.advance(1_000)
    expect(await outcome).toBeInstanceOf(LoadTimeoutError)
    expect(aborted).toBe(true)
    expect(clock.pending).toBe(0)
  })
})

test('an error is named without its message, which may hold a value', () => {
  expect(kindOf(Object.assign(new TypeError('value 4711 of hunter2'), { code: '23514' }))).toBe('TypeError 23514')
  expect(kindOf('hunter2')).toBe('unknown')
})
