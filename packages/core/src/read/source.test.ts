import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CacheClosedError, LoadTimeoutError, SourceOverloadedError, SourceUnavailableError } from '../errors.ts'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import type { Attempt } from './attempt.ts'
import { Source } from './source.ts'

const opened: Source[] = []

function open(limits = { concurrency: 2, queue: 2 }) {
  const clock = new SteppingClock(0)
  const states: string[] = []
  const source = new Source(limits, clock, (state) => states.push(state))
  opened.push(source)
  return { clock, source, states }
}

/** A load that ends when told to, and pays no attention to its signal. */
function stubborn() {
  let end = (_: string): void => {}
  const signals: AbortSignal[] = []
  const load = ({ signal }: Attempt): Promise<string> => {
    signals.push(signal)
    return new Promise((resolve) => {
      end = resolve
    })
  }
  return { load, signals, end: (value = 'late') => end(value) }
}

// The breaker is opossum's, which has timers of its own.
beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  for (const source of opened.splice(0)) source.close()
  vi.useRealTimers()
})

describe('a load', () => {
  test('hands on value and error as they are', async () => {
    const { clock, source } = open()
    expect(await source.run('product', 100, () => 'value')).toBe('value')
    const error = new TypeError('broken')
    await expect(source.run('product', 100, () => Promise.reject(error))).rejects.toBe(error)
    await expect(
      source.run('product', 100, () => {
        throw error
      }),
    ).rejects.toBe(error)
    expect(source.bulkhead.running).toBe(0)
    expect(clock.pending).toBe(0)
  })

  test('is aborted at its deadline, with an error that names the namespace', async () => {
    const { clock, source } = open()
    const slow = stubborn()
    const result = source.run('product', 100, slow.load)
    result.catch(() => {})
    await clock.advance(99)
    expect(slow.signals[0]?.aborted).toBe(false)
    await clock.advance(1)
    await expect(result).rejects.toThrow(LoadTimeoutError)
    await expect(result).rejects.toThrow('namespace product: the source did not answer within 100 ms')
    expect(slow.signals[0]?.reason).toBeInstanceOf(LoadTimeoutError)
  })

  test('waits for its place within the deadline, not on top of it', async () => {
    const { clock, source } = open({ concurrency: 1, queue: 5 })
    const first = stubborn()
    void source.run('product', 1_000, first.load)
    const second = stubborn()
    const waiting = source.run('product', 100, second.load)
    waiting.catch(() => {})
    await clock.advance(60)
    first.end()
    await clock.advance(39)
    expect(second.signals).toHaveLength(1)
    await clock.advance(1)
    await expect(waiting).rejects.toThrow(LoadTimeoutError)
  })

  test('that never got its place is never started', async () => {
    const { clock, source } = open({ concurrency: 1, queue: 5 })
    const first = stubborn()
    void source.run('product', 1_000, first.load)
    const second = stubborn()
    const waiting = source.run('product', 100, second.load)
    waiting.catch(() => {})
    await clock.advance(100)
    await expect(waiting).rejects.toThrow(LoadTimeoutError)
    first.end()
    await clock.advance(0)
    expect(second.signals).toHaveLength(0)
    expect(source.bulkhead).toMatchObject({ running: 0, waiting: 0 })
  })

  test('that ignores its signal keeps its place until it ends', async () => {
    const { clock, source } = open({ concurrency: 1, queue: 0 })
    const slow = stubborn()
    source.run('product', 100, slow.load).catch(() => {})
    await clock.advance(150)
    expect(source.bulkhead.running).toBe(1)
    await expect(source.run('product', 100, () => 'x')).rejects.toThrow(SourceOverloadedError)
    slow.end()
    await clock.advance(0)
    expect(source.bulkhead.running).toBe(0)
    expect(clock.pending).toBe(0)
  })

  test('that never ends gives its place back after twice its deadline, once', async () => {
    const { clock, source } = open({ concurrency: 1, queue: 0 })
    const slow = stubborn()
    source.run('product', 100, slow.load).catch(() => {})
    await clock.advance(199)
    expect(source.bulkhead.running).toBe(1)
    await clock.advance(1)
    expect(source.bulkhead.running).toBe(0)
    const next = stubborn()
    void source.run('product', 100, next.load)
    await clock.advance(0)
    slow.end()
    await clock.advance(0)
    expect(source.bulkhead.running).toBe(1)
    next.end()
  })

  test('beyond bulkhead and queue is refused at once', async () => {
    const { source } = open({ concurrency: 1, queue: 1 })
    for (let index = 0; index < 2; index++) source.run('product', 100, stubborn().load).catch(() => {})
    await expect(source.run('product', 100, () => 'x')).rejects.toThrow(SourceOverloadedError)
  })
})

describe('the breaker of the source', () => {
  const fail = () => Promise.reject(new Error('down'))
  async function trip(source: Source): Promise<void> {
    for (let index = 0; index < 10; index++) await source.run('product', 100, fail).catch(() => {})
  }

  test('opens after ten failures in a row, and spares the source', async () => {
    const { source, states } = open()
    for (let index = 0; index < 9; index++) await source.run('product', 100, fail).catch(() => {})
    expect(source.breaker).toBe('closed')
    await source.run('product', 100, fail).catch(() => {})
    expect(source.breaker).toBe('open')
    const load = vi.fn()
    await expect(source.run('product', 100, load)).rejects.toThrow(SourceUnavailableError)
    expect(load).not.toHaveBeenCalled()
    expect(states).toEqual(['open'])
  })

  test('makes the next caller after a second the trial', async () => {
    const { source, states } = open()
    await trip(source)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await source.run('product', 100, () => 'value')).toBe('value')
    expect(states).toEqual(['open', 'half-open', 'closed'])
  })

  test('counts deadlines', async () => {
    const { clock, source } = open({ concurrency: 20, queue: 0 })
    for (let index = 0; index < 10; index++) source.run('product', 100, stubborn().load).catch(() => {})
    await clock.advance(100)
    await vi.advanceTimersByTimeAsync(0)
    expect(source.breaker).toBe('open')
  })

  test('does not count what the bulkhead refused', async () => {
    const { source } = open({ concurrency: 1, queue: 0 })
    const slow = stubborn()
    void source.run('product', 100, slow.load)
    for (let index = 0; index < 50; index++) await source.run('product', 100, () => 'x').catch(() => {})
    await vi.advanceTimersByTimeAsync(0)
    expect(source.breaker).toBe('closed')
    slow.end()
  })
})

test('close() aborts what is loading and what waits', async () => {
  const { clock, source } = open({ concurrency: 1, queue: 5 })
  const slow = stubborn()
  const results = [source.run('product', 100, slow.load), source.run('product', 100, slow.load)]
  for (const result of results) result.catch(() => {})
  await clock.advance(0)
  source.close()
  for (const result of results) await expect(result).rejects.toThrow(CacheClosedError)
  expect(slow.signals).toHaveLength(1)
  expect(slow.signals[0]?.reason).toBeInstanceOf(CacheClosedError)
})
