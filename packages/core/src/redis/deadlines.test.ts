import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Deferred, deferred } from '../testing-support/local-cache.ts'
import type { Connection } from './connection.ts'
import { Deadlines, type Racing } from './deadlines.ts'
import { RedisTimeoutError } from './trouble.ts'

/** A connection whose replies the test sends, and which counts how it was told of their end. */
class FakeConnection {
  readonly replies: Deferred<string>[] = []
  ended: string[] = []

  send(): Promise<string> {
    const reply = deferred<string>()
    this.replies.push(reply)
    return reply.promise
  }
  answered(): void {
    this.ended.push('answered')
  }
  failed(): void {
    this.ended.push('failed')
  }
  gaveUp(): void {
    this.ended.push('gave up')
  }
}

function racingOn(connection: FakeConnection, outcomes: unknown[]): Racing<string> {
  return {
    connection: connection as unknown as Connection,
    command: () => Promise.reject(new Error('the fake connection sends nothing')),
    onReply: (reply) => outcomes.push(reply),
    onError: (error) => outcomes.push(error),
    until: 0,
    settled: false,
    place: 0,
  }
}

function open() {
  const deadlines = new Deadlines<string>(200)
  const connection = new FakeConnection()
  const race = () => {
    const outcomes: unknown[] = []
    deadlines.race(racingOn(connection, outcomes))
    return outcomes
  }
  return { deadlines, connection, race }
}

const late = [expect.any(RedisTimeoutError)]

describe('a command under way', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('ends with its reply', async () => {
    const { connection, race } = open()
    const outcomes = race()
    await vi.advanceTimersByTimeAsync(199)
    connection.replies[0]?.resolve('reply')
    await vi.advanceTimersByTimeAsync(500)
    expect(outcomes).toEqual(['reply'])
    expect(connection.ended).toEqual(['answered'])
  })

  test('ends with its error', async () => {
    const { connection, race } = open()
    const outcomes = race()
    connection.replies[0]?.reject(new Error('Connection is closed.'))
    await vi.advanceTimersByTimeAsync(500)
    expect(outcomes).toEqual([new Error('Connection is closed.')])
    expect(connection.ended).toEqual(['failed'])
  })

  test('ends at its deadline; a reply after that is counted and handed to nobody', async () => {
    const { connection, race } = open()
    const outcomes = race()
    await vi.advanceTimersByTimeAsync(199)
    expect(outcomes).toEqual([])
    await vi.advanceTimersByTimeAsync(2)
    expect(outcomes).toEqual(late)
    connection.replies[0]?.resolve('late')
    await vi.advanceTimersByTimeAsync(0)
    expect(outcomes).toEqual(late)
    expect(connection.ended).toEqual(['gave up', 'answered'])
  })

  test('has a deadline of its own, whatever becomes of those before and after', async () => {
    const { connection, race } = open()
    const outcomes: unknown[][] = []
    for (let index = 0; index < 5; index++) {
      outcomes.push(race())
      await vi.advanceTimersByTimeAsync(50)
    }
    // 250 ms have passed: the first is late, and the one at 100 ms is answered before its time.
    expect(outcomes).toEqual([late, [], [], [], []])
    connection.replies[2]?.resolve('third')
    await vi.advanceTimersByTimeAsync(51)
    expect(outcomes).toEqual([late, late, ['third'], [], []])
    await vi.advanceTimersByTimeAsync(101)
    expect(outcomes).toEqual([late, late, ['third'], late, late])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('is answered by a reply that was here before the timers of a stalled process ran', async () => {
    const { connection, race } = open()
    const outcomes = race()
    // The timer is due, and so is the reply, which the event loop reads right after its timers.
    vi.advanceTimersByTime(200)
    connection.replies[0]?.resolve('reply')
    await vi.advanceTimersByTimeAsync(100)
    expect(outcomes).toEqual(['reply'])
  })

  test('costs one timer, however many there are', () => {
    const { race } = open()
    for (let index = 0; index < 100; index++) race()
    expect(vi.getTimerCount()).toBe(1)
  })

  test('keeps no timer after close', () => {
    const { deadlines, race } = open()
    race()
    deadlines.close()
    race()
    expect(vi.getTimerCount()).toBe(0)
  })
})

// Under load something is always under way.
test('what has ended is forgotten even while others are under way', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const deadlines = new Deadlines<string>(60_000)
  const waiting: ((reply: string) => void)[] = []
  const connection = { send: () => new Promise<string>((resolve) => waiting.push(resolve)), answered() {} }
  const race = () => deadlines.race(racingOn(connection as unknown as FakeConnection, []))
  const run = async (count: number) => {
    for (let index = 0; index < count; index++) {
      race()
      waiting.shift()?.('reply')
      if (index % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    return process.memoryUsage().heapUsed
  }
  race()
  const before = await run(10_000)
  const after = await run(500_000)
  deadlines.close()
  expect(after - before).toBeLessThan(1_500_000)
})
