import { describe, expect, test, vi } from 'vitest'
import { systemClock } from '../clock.ts'
import { InvalidArgumentError, PartialWriteError } from '../errors.ts'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { assertEntries, assertIterable, assertKeys, deleteMany, setMany } from './many.ts'
import type { WriteCall } from './write-through.ts'

const entries = (count: number) => Array.from({ length: count }, (_, index) => [`key-${index}`, index] as const)

/** Writes that are slow, and fail for some keys. */
function open(failing: readonly string[] = []) {
  const seen = { saved: [] as string[], told: [] as number[], deleted: [] as number[], running: 0, peak: 0 }
  return {
    seen,
    writing: {
      async set(key: string, _: number, { news }: WriteCall) {
        seen.running += 1
        seen.peak = Math.max(seen.peak, seen.running)
        await new Promise(setImmediate)
        seen.running -= 1
        news?.push(key)
        if (failing.includes(key)) throw new Error(`no ${key}`)
        seen.saved.push(key)
      },
      tell: async (keys: readonly string[]) => void seen.told.push(keys.length),
      deleteMany: async (keys: readonly string[]) => void seen.deleted.push(keys.length),
    },
  }
}

describe('many writes', () => {
  test('run 16 at a time, and are told of a hundred at a time', async () => {
    const { seen, writing } = open()
    await setMany(writing, entries(250), undefined, systemClock)
    expect(seen).toMatchObject({ peak: 16, told: [100, 100, 50] })
    expect(seen.saved).toHaveLength(250)
  })

  test('are not kept back, and neither are their news, by one whose save never ends', async () => {
    const clock = new SteppingClock()
    const told: string[] = []
    const writing = {
      set: async (key: string, _: number, { news }: WriteCall) => {
        news?.push(key)
        if (key === 'key-3') await new Promise(() => {})
      },
      tell: async (keys: readonly string[]) => void told.push(...keys),
    }
    void setMany(writing, entries(150), undefined, clock)
    await vi.waitFor(async () => {
      await clock.advance(50)
      expect(told).toHaveLength(149)
    })
    expect(told).not.toContain('key-3')
    expect(clock.pending).toBe(0)
  })

  test('tell which have failed, when all the others are written', async () => {
    const { seen, writing } = open(['key-3', 'key-120'])
    const failure = await setMany(writing, entries(150), undefined, systemClock).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(PartialWriteError)
    const { failed, message } = failure as PartialWriteError
    expect([...failed].map(([key, error]) => [key, String(error)])).toEqual([
      ['key-3', 'Error: no key-3'],
      ['key-120', 'Error: no key-120'],
    ])
    expect(message).toContain('2 of 150')
    expect(message).not.toContain('key-3')
    expect(seen.saved).toHaveLength(148)
    expect(seen.told).toEqual([100, 50])
  })

  test('end at the signal, and tell what was not written', async () => {
    const { seen, writing } = open()
    const controller = new AbortController()
    const writes = setMany(writing, entries(40), controller.signal, systemClock)
    controller.abort()
    await expect(writes).rejects.toMatchObject({ failed: expect.objectContaining({ size: 24 }) })
    expect(seen.saved).toHaveLength(16)
  })

  test.each([undefined, null, 7, 'user-7', { a: 1 }, ['a', 7], ['']])('are not made of %j', (keys) => {
    expect(() => assertKeys(keys)).toThrow(InvalidArgumentError)
    // To be warmed they may be asynchronous, and each is looked at when it comes.
    if (!Array.isArray(keys)) expect(() => assertIterable(keys)).toThrow(InvalidArgumentError)
  })

  test.each([undefined, null, 7, 'ab', { a: 1 }, ['ab'], [undefined], [[7, 'value']]])(
    'with values are not made of %j',
    (entries) => {
      expect(() => assertEntries(entries as never)).toThrow(InvalidArgumentError)
    },
  )

  test('are made of whatever yields keys, or pairs', () => {
    expect(assertKeys(new Set(['a', 'b']))).toEqual(['a', 'b'])
    expect(assertEntries(new Map([['a', 1]]).entries())).toEqual([['a', 1]])
  })

  test('let others have their turn, though nothing makes them wait', async () => {
    const turns = { deletions: 0, writes: 0 }
    const count = (what: keyof typeof turns) => {
      const counting = setInterval(() => {
        turns[what] += 1
      }, 0)
      return () => clearInterval(counting)
    }
    const writing = { deleteMany: async () => {}, set: async () => {}, tell: async () => {} }
    const all = entries(20_000)
    const endDeletions = count('deletions')
    await deleteMany(
      writing,
      all.map(([key]) => key),
    )
    endDeletions()
    const endWrites = count('writes')
    await setMany(writing, all, undefined, systemClock)
    endWrites()
    expect(turns.deletions).toBeGreaterThan(0)
    expect(turns.writes).toBeGreaterThan(0)
  })

  test('delete a hundred at a time', async () => {
    const { seen, writing } = open()
    const keys = entries(250).map(([key]) => key)
    await deleteMany(writing, keys)
    expect(seen.deleted).toEqual([100, 100, 50])
  })
})
