import { expect, test } from 'vitest'
import { createGroupedKeySpace } from '../entry/key.ts'
import type { StreamCommands, Taken } from '../redis/stream-commands.ts'
import { StreamEntry } from '../redis/stream-entry.ts'
import { Turns } from './turns.ts'

const [group] = createGroupedKeySpace('shop', 'views', 0, 1).groups

/** A stream with so many entries, the first of which have been handed out before. */
function start(count: number, before = 0) {
  const asked: number[] = []
  const turns = new Set<string>()
  let next = 0
  const hand = (most: number) => {
    asked.push(most)
    const entries = Array.from(
      { length: Math.min(most, count - next) },
      (_, index) => new StreamEntry(`${next + index + 1}-0`, []),
    )
    next += entries.length
    return entries
  }
  let failing = false
  const streams = {
    take: async (...[, , turn, , most]: Parameters<StreamCommands['take']>): Promise<Taken> => {
      turns.add(turn)
      next = 0
      return { kind: 'taken', depth: count, age: 0, parked: 0, takenOver: 0, inARow: before === 0, entries: hand(most) }
    },
    takeMore: async (...[, , turn, most]: Parameters<StreamCommands['takeMore']>) => {
      turns.add(turn)
      if (failing) throw new Error('not connected')
      return hand(most)
    },
    renewLock: async (...[, turn]: Parameters<StreamCommands['renewLock']>) => {
      turns.add(turn)
      return true
    },
  }
  if (group === undefined) throw new Error('a key space has a group')
  const fail = () => {
    failing = true
  }
  return { asked, turns, fail, own: new Turns(streams, group, 'me') }
}

const lengthOf = (taken: Taken) => (taken.kind === 'taken' ? taken.entries.length : undefined)

test('many entries are taken by several scripts, each of which blocks Redis for a moment only', async () => {
  const { own, asked, turns } = start(5_000)
  expect(lengthOf(await own.begin(2_500, 0))).toBe(2_500)
  expect(asked).toEqual([1_000, 1_000, 500])
  expect([...turns]).toEqual(['me.1'])
})

test('nothing more is asked for once a script has brought less than it was to', async () => {
  const { own, asked } = start(1_400)
  expect(lengthOf(await own.begin(4_000, 0))).toBe(1_400)
  expect(asked).toEqual([1_000, 1_000])
})

test('nothing new is taken beside what was handed out before: that may be more, and is older', async () => {
  const { own, asked } = start(5_000, 1_000)
  expect(lengthOf(await own.begin(4_000, 0))).toBe(1_000)
  expect(asked).toEqual([1_000])
})

test('what is known to come again comes by one script, with what is new beside it', async () => {
  const { own, asked } = start(9_000, 4_000)
  expect(lengthOf(await own.begin(8_000, 4_000))).toBe(5_000)
  expect(asked).toEqual([5_000])
})

test('what has been taken is saved although Redis does not answer any more', async () => {
  const { own, fail } = start(5_000)
  fail()
  expect(lengthOf(await own.begin(4_000, 0))).toBe(1_000)
})

test('each turn has a name of its own, under which the lock is renewed', async () => {
  const { own, turns } = start(1)
  await own.begin(10, 0)
  await own.begin(10, 0)
  await own.renew()
  expect([...turns]).toEqual(['me.1', 'me.2'])
  expect(own.name).toBe('me.2')
})
