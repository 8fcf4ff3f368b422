import { describe, expect, test } from 'vitest'
import { SourceOverloadedError, type WarmProgress, WarmStalledError } from '../errors.ts'
import { SteppingClock, settle } from '../testing-support/stepping-clock.ts'
import { createAheadCounts } from './ahead-counts.ts'
import { type Errand, type ErrandOutcome, endedErrand } from './errand.ts'
import { type WarmCall, warm } from './warm.ts'

const keys = (count: number) => Array.from({ length: count }, (_, index) => `key-${index}`)

/** A warming whose batches end when the test says so. */
function open() {
  const clock = new SteppingClock(0)
  const got: string[] = []
  const waiting: (() => void)[] = []
  const told: WarmProgress[] = []
  const outcomes = new Map<string, ErrandOutcome | Error>()
  const begin = (all: Iterable<string> | AsyncIterable<string>, more: Partial<WarmCall> = {}) => {
    const prepare = (some: readonly string[]) => {
      got.push(...some)
      return new Promise<Errand[]>((resolve) => {
        waiting.push(() =>
          resolve(
            some.map((key) => {
              const outcome = outcomes.get(key) ?? 'loaded'
              return outcome instanceof Error ? endedErrand('failed', outcome) : endedErrand(outcome)
            }),
          ),
        )
      })
    }
    const onProgress = (progress: WarmProgress) => void told.push(progress)
    const call = {
      concurrency: 4,
      batch: 1,
      wait: 60_000,
      signal: undefined,
      onProgress,
      totals: createAheadCounts(),
      ...more,
    }
    const warming = warm('product', all, prepare, call, clock, () => 0.5)
    warming.catch(() => {})
    return warming
  }
  const answerAll = async () => {
    for (await settle(); waiting.length > 0; await settle()) for (const answer of waiting.splice(0)) answer()
  }
  const pass = async (milliseconds: number) => {
    for (const until = clock.now() + milliseconds; clock.now() < until; ) {
      await answerAll()
      await clock.advance(50)
    }
    await answerAll()
  }
  return { clock, got, told, outcomes, begin, answerAll, pass }
}

describe('warming', () => {
  test('sees to each key once, no more at a time than it may, and tells how far it has come', async () => {
    const { got, told, begin, answerAll } = open()
    const warming = begin(keys(1_000))
    await settle()
    expect(got).toHaveLength(4)
    await answerAll()
    expect(await warming).toMatchObject({ done: 1_000, loaded: 1_000, found: 0, failed: 0, total: 1_000 })
    expect(new Set(got).size).toBe(1_000)
    expect(got).toHaveLength(1_000)
    expect(told.map(({ done }) => done)).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1))
  })

  test('goes by batches where it is told so, each key in one of them', async () => {
    const { got, told, begin, answerAll } = open()
    const warming = begin(keys(10_050), { batch: 100 })
    await settle()
    expect(got).toHaveLength(400)
    expect(new Set(got.slice(0, 100).map((key) => Math.floor(Number(key.slice(4)) / 100))).size).toBe(1)
    await answerAll()
    expect((await warming).done).toBe(10_050)
    expect(new Set(got).size).toBe(10_050)
    expect(told).toHaveLength(101)
  })

  test('tells its rate and what is left', async () => {
    const { told, begin, pass } = open()
    const warming = begin(keys(40), { concurrency: 1 })
    await pass(0)
    await warming
    expect(told.at(-1)).toMatchObject({ perSecond: 0, secondsLeft: undefined })
    const slow = open()
    slow.outcomes.set('key-20', 'held')
    void slow.begin(keys(40), { concurrency: 1 })
    await slow.pass(1_000)
    expect(slow.told.at(-1)).toMatchObject({ done: 39, waitingFor: 'others' })
    expect(slow.told.at(-1)?.perSecond).toBeCloseTo(39, -1)
    expect(slow.told.at(-1)?.secondsLeft).toBeCloseTo(1 / 39, 1)
  })

  test('takes keys that come one by one, no further ahead than it needs them', async () => {
    const { got, begin, answerAll } = open()
    let produced = 0
    async function* stream() {
      for (const key of keys(10_000)) {
        produced += 1
        yield key
      }
    }
    const warming = begin(stream())
    await settle()
    expect(produced).toBeLessThanOrEqual(260)
    await answerAll()
    expect(await warming).toMatchObject({ done: 10_000, total: undefined, secondsLeft: undefined })
    expect(new Set(got).size).toBe(10_000)
  })

  test('comes back to what others load, and goes on with the rest meanwhile', async () => {
    const { got, outcomes, begin, pass } = open()
    outcomes.set('key-3', 'held')
    const warming = begin(keys(10), { concurrency: 1 })
    await pass(200)
    expect(new Set(got).size).toBe(10)
    expect(got.filter((key) => key === 'key-3').length).toBeGreaterThan(1)
    outcomes.set('key-3', 'found')
    await pass(200)
    expect(await warming).toMatchObject({ done: 10, found: 1, loaded: 9 })
  })

  test('stops at the signal when what has begun has ended, and closes what it takes keys from', async () => {
    const { got, begin, answerAll } = open()
    let closed = false
    function* stream() {
      try {
        yield* keys(10_000)
      } finally {
        closed = true
      }
    }
    const controller = new AbortController()
    let ended = false
    const warming = begin(stream(), { signal: controller.signal })
    warming.then(undefined, () => {
      ended = true
    })
    await settle()
    controller.abort(new Error('Ctrl-C'))
    await settle()
    expect(ended).toBe(false)
    await answerAll()
    await expect(warming).rejects.toThrow('Ctrl-C')
    expect(got).toHaveLength(4)
    expect(closed).toBe(true)
  })

  test('stops at once at the signal where it only waits, and leaves no timer', async () => {
    const { clock, outcomes, begin, answerAll } = open()
    for (const key of keys(4)) outcomes.set(key, 'late')
    const controller = new AbortController()
    const warming = begin(keys(4), { signal: controller.signal })
    await answerAll()
    expect(clock.pending).toBeGreaterThan(0)
    controller.abort(new Error('Ctrl-C'))
    await expect(warming).rejects.toThrow('Ctrl-C')
    expect(clock.pending).toBe(0)
  })

  test('counts loads that fail, and waits while the bulkhead is full', async () => {
    const { outcomes, begin, pass } = open()
    outcomes.set('key-7', new Error('no row'))
    outcomes.set('key-8', new SourceOverloadedError(1, 1))
    const warming = begin(keys(10))
    await pass(1_000)
    outcomes.delete('key-8')
    await pass(1_000)
    expect(await warming).toMatchObject({ done: 10, failed: 1, loaded: 9 })
  })
})

describe('warming in trouble', () => {
  test('pauses while Redis does not answer, longer and longer, and goes on where it was', async () => {
    const { got, told, outcomes, begin, pass } = open()
    const all = keys(100)
    for (const key of all) outcomes.set(key, 'late')
    const warming = begin(all)
    await pass(10_000)
    expect(got.length).toBeLessThan(100)
    expect(told.at(-1)).toMatchObject({ done: 0, waitingFor: 'redis' })
    outcomes.clear()
    await pass(2_000)
    expect(await warming).toMatchObject({ done: 100, loaded: 100, waitingFor: undefined })
  })

  test.each([
    ['redis', 'refused' as const],
    ['others', 'held' as const],
    ['source', new SourceOverloadedError(1, 1)],
  ])('ends where it has come no further for as long as it may wait: for %s', async (waitingFor, outcome) => {
    const { outcomes, begin, pass } = open()
    for (const key of keys(5)) outcomes.set(key, outcome)
    const warming = begin(keys(10), { wait: 5_000 })
    await pass(7_000)
    const error = await warming.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(WarmStalledError)
    expect(error).toMatchObject({ code: 'PLIMSOLL_WARM_STALLED', waitingFor, progress: { done: 5, loaded: 5 } })
  })

  test('does not end while anything moves', async () => {
    const { outcomes, begin, pass } = open()
    outcomes.set('key-0', 'held')
    async function* stream() {
      yield* keys(50)
    }
    const warming = begin(stream(), { concurrency: 1, wait: 1_000 })
    await pass(900)
    outcomes.clear()
    await pass(500)
    expect((await warming).done).toBe(50)
  })

  test('fails as the keys do, and begins nothing more', async () => {
    const { got, begin, answerAll } = open()
    async function* stream() {
      yield* keys(600)
      throw new Error('the query failed')
    }
    const warming = begin(stream())
    await answerAll()
    await expect(warming).rejects.toThrow('the query failed')
    expect(got.length).toBeLessThan(600)
  })
})
