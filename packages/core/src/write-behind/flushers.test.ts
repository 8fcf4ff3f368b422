import { expect, test } from 'vitest'
import { createGroupedKeySpace } from '../entry/key.ts'
import type { BehindOperation, SaveManyContext } from '../options/behind-options.ts'
import type { Logger } from '../options/logger.ts'
import type { Taken } from '../redis/stream-commands.ts'
import { StreamEntry } from '../redis/stream-entry.ts'
import { drawing, SteppingClock } from '../testing-support/stepping-clock.ts'
import { Flushers } from './flushers.ts'
import { Saving } from './saving.ts'
import { Tallies } from './tallies.ts'

const fields = ['o', 'id', 'k', 'a', 'b', '1', 's', '0']
const entry = new StreamEntry(
  '1-0',
  fields.map((text) => Buffer.from(text)),
)

/** One operation waits, and stays until it is acknowledged. */
function start(saveMany: (operations: readonly BehindOperation<number>[], context: SaveManyContext) => unknown) {
  const clock = new SteppingClock()
  const random = drawing(0)
  const warnings: unknown[] = []
  const logger: Logger = {
    debug() {},
    info() {},
    error() {},
    warn: (facts, message) => warnings.push([facts, message]),
  }
  const settings = {
    ...{ counters: true, delay: 200, batch: 10, saveTimeout: 60_000, attempts: 3, maxWaiting: 4, maxParked: 8 },
    ...{ allowEviction: false, sequence: undefined, saveMany },
  }
  let released = 0
  let entries = [entry]
  let away = false
  const streams = {
    take: async (): Promise<Taken> => {
      if (away) throw new Error('not connected')
      return { kind: 'taken', depth: entries.length, age: 70, parked: 2, takenOver: 0, inARow: true, entries }
    },
    takeMore: async () => [],
    renewLock: async () => true,
    acknowledge: async () => {
      entries = []
      return true
    },
    park: async () => 0,
    releaseLock: async () => {
      released += 1
    },
  }
  const saving = new Saving<number>('views', settings, clock, random)
  const flushers = new Flushers<number>({
    ...{ namespace: 'views', settings, streams, saving, clock, random, logger },
    ...{ keys: createGroupedKeySpace('shop', 'views', 0, 1), tallies: new Tallies(), consumer: 'me' },
    decode: () => undefined,
  })
  const goAway = () => {
    away = true
  }
  return { clock, flushers, warnings, goAway, released: () => released }
}

test('closing while the source hangs: bounded, reported, given up, and nothing is left that would run on', async () => {
  const signals: AbortSignal[] = []
  const { clock, flushers, warnings, released } = start((_, { signal }) => {
    signals.push(signal)
    return new Promise(() => {})
  })
  await clock.advance(100)
  const closed = flushers.close(5_000, Promise.resolve())
  await clock.advance(5_000)
  await closed
  expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  expect(warnings).toContainEqual([
    { namespace: 'views', waiting: 1 },
    'write-behind: closed before all was saved; it waits in Redis for another',
  ])
  expect(released()).toBe(1)
  expect(clock.pending).toBe(0)
})

test('closing while a write past Redis hangs at the source is bounded too', async () => {
  const { clock, flushers } = start(() => {})
  await clock.advance(100)
  const closed = flushers.close(5_000, new Promise(() => {}))
  await clock.advance(5_000)
  await closed
  expect(clock.pending).toBe(0)
})

test('what was saved in time is not reported', async () => {
  const { clock, flushers, warnings } = start(() => {})
  const closed = flushers.close(5_000, Promise.resolve())
  await clock.advance(5_000)
  await closed
  expect(warnings).toEqual([])
})

test('health tells how full the streams are, and goes on counting while nobody can look', async () => {
  const { clock, flushers, goAway } = start(() => {
    throw new Error('away')
  })
  await clock.advance(1)
  expect(flushers.health).toMatchObject({
    waiting: 1,
    waitingShare: 0.25,
    parked: 2,
    parkedShare: 0.25,
    flushing: true,
  })
  goAway()
  await clock.advance(60_000)
  expect(flushers.health.oldestMilliseconds).toBeGreaterThan(50_000)
  expect(flushers.health.flushing).toBe(false)
})
