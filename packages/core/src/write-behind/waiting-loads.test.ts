import { describe, expect, test } from 'vitest'
import { createGroupedKeySpace } from '../entry/key.ts'
import { Context } from '../read/load-context.ts'
import { Budget } from '../redis/budget.ts'
import type { Waiting } from '../redis/stream-commands.ts'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { WaitingLoads } from './waiting-loads.ts'

/** A load before and after which Redis answers this, or nothing. */
function load(looks: readonly (Waiting | undefined)[], inSource: number, counters = true) {
  const clock = new SteppingClock()
  const tallies = { unsureLoads: 0 }
  let looked = 0
  const stored: unknown[] = []
  const loads = new WaitingLoads<number>({
    streams: {
      look: async () => {
        const look = looks[Math.min(looked++, looks.length - 1)]
        if (look === undefined) throw new Error('no reply')
        return look
      },
      storeCounter: async (_keys, _group, seen) => stored.push(seen) > 0,
    },
    keys: createGroupedKeySpace('shop', 'views', 0, 1),
    ...{ counters, clock, tallies },
    budget: () => new Budget(200),
  })
  const context = new Context<number>(undefined)
  const value = loads.wrapLoad(() => inSource)('a', context)
  const store = () =>
    loads.store('a', { value: 'shop:{views:behind:0}:0:a:v', lease: 'l' }, ['token', Buffer.alloc(0), 1, '', ''])
  return { clock, tallies, value, stored, store }
}

const idle: Waiting = { count: 0, sum: 0, delivered: '7', flushing: false }

test('a counter is loaded with what waits, and stored as of then', async () => {
  const waiting = { ...idle, count: 2, sum: 5 }
  const { value, store, stored } = load([waiting], 10)
  expect(await value).toBe(15)
  await store()
  expect(stored).toEqual([waiting])
})

test('with no answer from Redis before the source was read, it is read again: what waited may have been saved meanwhile', async () => {
  // It was being saved, and is counted in both.
  const { clock, value } = load([undefined, { ...idle, count: 1, sum: 2, flushing: true }, idle], 2)
  await clock.advance(1_000)
  expect(await value).toBe(2)
})

test('with no answer from Redis afterwards the word of the source is all there is, and is stored nowhere', async () => {
  const { value, store, stored } = load([idle, undefined], 10)
  expect(await value).toBe(10)
  await store()
  expect(stored).toEqual([{ delivered: '', sum: 0 }])
})

describe('a value that was set', () => {
  test('is stored as any other where nothing waits', async () => {
    const { value, store, stored } = load([idle], 10, false)
    expect(await value).toBe(10)
    expect(store()).toBeUndefined()
    expect(stored).toEqual([])
  })

  test('is stored nowhere where Redis did not tell whether a newer one waits', async () => {
    const { value, store, stored } = load([undefined], 10, false)
    expect(await value).toBe(10)
    await store()
    expect(stored).toEqual([{ delivered: '', sum: 0 }])
  })
})
