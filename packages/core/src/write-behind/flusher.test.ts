import { describe, expect, test } from 'vitest'
import { createGroupedKeySpace } from '../entry/key.ts'
import type { BehindOperation } from '../options/behind-options.ts'
import { silentLogger } from '../options/logger.ts'
import type { HandedOut, StreamCommands, Taken } from '../redis/stream-commands.ts'
import { StreamEntry } from '../redis/stream-entry.ts'
import { drawing, SteppingClock } from '../testing-support/stepping-clock.ts'
import { Flusher } from './flusher.ts'
import { Saving } from './saving.ts'
import { Tallies } from './tallies.ts'

/** One stream with one lock, as the scripts have it. */
class FakeStream {
  entries: StreamEntry[] = []
  parked: string[] = []
  heldBy: string | undefined
  away = false
  /** Of more Redis does not answer in time. */
  mostInTime = Number.POSITIVE_INFINITY
  mostAsked = 0
  /** All of it has been handed out before, to somebody who is gone. */
  isLeft = false
  takes = 0
  renewals = 0
  #last = 0
  #handedOut = 0

  add(key: string): void {
    this.#last += 1
    const fields = { o: `id-${this.#last}`, k: key, b: '1', s: '0' }
    const flat = Object.entries(fields).flat()
    this.entries.push(
      new StreamEntry(
        `${this.#last}-0`,
        flat.map((text) => Buffer.from(text)),
      ),
    )
  }

  readonly commands = {
    take: async (...[, consumer, turn, , most]: Parameters<StreamCommands['take']>): Promise<Taken> => {
      this.takes += 1
      this.mostAsked = Math.max(this.mostAsked, most)
      if (this.away || most > this.mostInTime) throw new Error('not connected')
      const seen = { depth: this.entries.length, age: 5, parked: this.parked.length }
      if (this.heldBy !== undefined && !this.heldBy.startsWith(`${consumer}.`))
        return { ...seen, kind: 'held', lockedFor: 400 }
      this.heldBy = turn
      const entries = this.entries.slice(0, most)
      this.#handedOut = entries.length
      return { ...seen, kind: 'taken', takenOver: 0, inARow: !this.isLeft, entries }
    },
    takeMore: async (...[, , , most]: Parameters<StreamCommands['takeMore']>) => {
      const from = this.#handedOut
      this.#handedOut = Math.min(this.entries.length, from + most)
      return this.entries.slice(from, this.#handedOut)
    },
    renewLock: async () => {
      this.renewals += 1
      return true
    },
    acknowledge: async (_: unknown, turn: string, { ids }: HandedOut) => {
      if (this.heldBy !== turn) return false
      this.entries = this.entries.filter(({ id }) => !ids.includes(id))
      return true
    },
    park: async (...[, , ids, , { text, attempts }, most]: Parameters<StreamCommands['park']>) => {
      if (this.parked.length >= most) return ids.length
      this.entries = this.entries.filter(({ id }) => !ids.includes(id))
      this.parked.push(...ids.map((id) => `${id} ${text} ${attempts}`))
      return 0
    },
    releaseLock: async () => {
      this.heldBy = undefined
    },
  }
}

function start(saveMany: (operations: readonly BehindOperation<number>[]) => unknown = () => {}, batch = 10) {
  const clock = new SteppingClock()
  const stream = new FakeStream()
  const batches: string[][] = []
  const tallies = new Tallies()
  const keys = createGroupedKeySpace('shop', 'views', 0, 1)
  const settings = {
    ...{ counters: true, delay: 200, batch, saveTimeout: 10_000, attempts: 3, maxWaiting: 100, maxParked: 100 },
    ...{ allowEviction: false, sequence: undefined },
    saveMany: (operations: readonly BehindOperation<number>[]) => {
      batches.push(operations.map(({ key }) => key))
      return saveMany(operations)
    },
  }
  const [group] = keys.groups
  if (group === undefined) throw new Error('a key space has a group')
  const random = drawing(0)
  const flusher = new Flusher<number>(
    {
      ...{ namespace: 'views', settings, streams: stream.commands, keys, tallies, clock, random, logger: silentLogger },
      saving: new Saving('views', settings, clock, random),
      consumer: 'me',
      decode: () => undefined,
    },
    group,
  )
  return { clock, stream, batches, tallies, flusher }
}

describe('a flusher', () => {
  test('asks less and less often while nothing comes, and soon again once something was written here', async () => {
    const { clock, stream, flusher, batches } = start()
    await clock.advance(10_000)
    expect(stream.takes).toBeLessThan(15)
    stream.add('a')
    flusher.wake()
    await clock.advance(200)
    expect(batches).toEqual([['a']])
    expect(stream.entries).toEqual([])
  })

  test('goes on at once while whole batches come', async () => {
    const { clock, stream, batches } = start()
    for (let index = 0; index < 25; index++) stream.add(`key-${index}`)
    await clock.advance(1)
    expect(batches.map(({ length }) => length)).toEqual([10, 10, 5])
  })

  test('goes on at once while more is left of what another had taken than one script brings', async () => {
    const { clock, stream, batches } = start(() => {}, 4_000)
    stream.isLeft = true
    for (let index = 0; index < 2_500; index++) stream.add('key')
    await clock.advance(1)
    expect(batches).toHaveLength(3)
    expect(stream.entries).toEqual([])
  })

  test('leaves the stream to whoever holds its lock, and takes it when that one is gone', async () => {
    const { clock, stream, batches, flusher } = start()
    stream.heldBy = 'another'
    stream.add('a')
    await clock.advance(2_000)
    expect(batches).toEqual([])
    expect(flusher.holdsLock).toBe(false)
    expect(flusher.depth).toBe(1)
    stream.heldBy = undefined
    await clock.advance(1_000)
    expect(batches).toEqual([['a']])
  })

  test('tries again with a growing pause while the source fails, and parks nothing', async () => {
    let failing = true
    const { clock, stream, batches, tallies, flusher } = start(() => {
      if (failing) throw new Error('away')
    })
    for (const key of ['a', 'b', 'c', 'd', 'e']) stream.add(key)
    await clock.advance(60_000)
    expect(stream.parked).toEqual([])
    expect(stream.entries).toHaveLength(5)
    expect(flusher.failure).toBe('Error')
    // Every 3 s at most, with a few calls each.
    expect(batches.length).toBeLessThan(200)
    expect(tallies.retried).toBeGreaterThan(5)
    failing = false
    await clock.advance(3_000)
    expect(stream.entries).toEqual([])
    expect(flusher.failure).toBeUndefined()
  })

  test('parks what fails time and again while others are saved, with its reason', async () => {
    const { clock, stream, tallies, batches } = start((operations) => {
      if (operations.some(({ key }) => key === 'bad')) throw new Error('constraint')
    })
    for (const key of ['a', 'bad', 'b', 'bad']) stream.add(key)
    for (let second = 0; second < 10; second++) {
      stream.add('fine')
      await clock.advance(1_000)
    }
    expect(stream.parked).toEqual(['2-0 Error: constraint 3', '4-0 Error: constraint 3'])
    expect(tallies.parked).toBe(2)
    expect(stream.entries).toEqual([])
    expect(batches.flat()).toContain('a')
  })

  test('tries a key that has been parked as often as any other when it comes again', async () => {
    const { clock, stream } = start((operations) => {
      if (operations.some(({ key }) => key === 'bad')) throw new Error('constraint')
    })
    for (let time = 0; time < 2; time++) {
      stream.add('bad')
      for (let second = 0; second < 10; second++) {
        stream.add('fine')
        await clock.advance(1_000)
      }
    }
    expect(stream.parked).toEqual(['1-0 Error: constraint 3', '12-0 Error: constraint 3'])
  })

  test('an entry that cannot be read is parked at once', async () => {
    const { clock, stream } = start()
    stream.entries.push(new StreamEntry('99-0', []))
    stream.add('a')
    await clock.advance(1)
    expect(stream.parked).toEqual(['99-0 NotReadable: no operation of ours 0'])
    expect(stream.entries).toEqual([])
  })

  test('keeps its lock while a batch takes long', async () => {
    let end = () => {}
    const { clock, stream } = start(
      () =>
        new Promise<void>((resolve) => {
          end = resolve
        }),
    )
    stream.add('a')
    await clock.advance(8_000)
    expect(stream.renewals).toBe(4)
    end()
    await clock.advance(1)
    expect(stream.entries).toEqual([])
  })

  test('goes on when Redis is back', async () => {
    const { clock, stream, batches } = start()
    stream.away = true
    stream.add('a')
    await clock.advance(10_000)
    stream.away = false
    await clock.advance(3_000)
    expect(batches).toEqual([['a']])
  })

  test('however long the source is away, no script is to take more than it can in time', async () => {
    const { clock, stream } = start(() => {
      throw new Error('away')
    }, 4_000)
    for (let index = 0; index < 13_000; index++) stream.add(`key-${index % 10}`)
    await clock.advance(30_000)
    expect(stream.entries).toHaveLength(13_000)
    expect(stream.mostAsked).toBe(11_000)
  })

  test('asks for less where Redis could not answer in time', async () => {
    let failing = true
    const { clock, stream } = start(() => {
      if (failing) throw new Error('away')
    })
    stream.mostInTime = 35
    for (let index = 0; index < 80; index++) stream.add(`key-${index}`)
    await clock.advance(20_000)
    failing = false
    await clock.advance(10_000)
    expect(stream.entries).toEqual([])
  })

  test('ends without a timer, and gives its lock back', async () => {
    const { clock, stream, flusher } = start()
    await clock.advance(1)
    await flusher.close()
    expect(clock.pending).toBe(0)
    expect(stream.heldBy).toBeUndefined()
  })
})
