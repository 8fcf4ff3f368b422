import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Breaker, BreakerOpenError, type BreakerOptions } from './breaker.ts'

class Trouble extends Error {}
class OrdinaryError extends Error {}

const fail = () => Promise.reject(new Trouble('no reply'))
const refuse = () => Promise.reject(new OrdinaryError('OOM'))
const succeed = () => Promise.resolve('reply')

const opened: Breaker[] = []

function open(options: Partial<BreakerOptions> = {}) {
  const transitions: string[] = []
  const breaker = new Breaker({
    name: 'test',
    consecutiveFailures: 3,
    resetAfter: 500,
    isTrouble: (error) => error instanceof Trouble,
    onTransition: (state, previous) => transitions.push(`${previous} > ${state}`),
    ...options,
  })
  opened.push(breaker)
  return { breaker, transitions }
}

async function times(count: number, action: () => Promise<unknown>): Promise<void> {
  for (let index = 0; index < count; index++) await action().catch(() => {})
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  for (const breaker of opened.splice(0)) breaker.close()
  vi.useRealTimers()
})

describe('a closed breaker', () => {
  test('hands on results and errors', async () => {
    const { breaker } = open()
    expect(await breaker.run(succeed)).toBe('reply')
    await expect(breaker.run(fail)).rejects.toThrow(Trouble)
    expect(await breaker.run(succeed)).toBe('reply')
    await expect(breaker.run(refuse)).rejects.toThrow(OrdinaryError)
  })

  test('opens after so many failures with no success between them', async () => {
    const { breaker, transitions } = open()
    await times(2, () => breaker.run(fail))
    expect(breaker).toMatchObject({ state: 'closed', closed: true })
    await times(1, () => breaker.run(fail))
    expect(breaker).toMatchObject({ state: 'open', closed: false })
    expect(transitions).toEqual(['closed > open'])
  })

  test('opens where the failures are under way together, and tells of it once', async () => {
    const { breaker, transitions } = open()
    await Promise.allSettled(Array.from({ length: 20 }, () => breaker.run(fail)))
    await vi.advanceTimersByTimeAsync(0)
    expect(transitions).toEqual(['closed > open'])
  })

  test('is not opened by failures with successes between them', async () => {
    const { breaker } = open()
    for (let round = 0; round < 4; round++) {
      await times(2, () => breaker.run(fail))
      await times(5, () => breaker.run(succeed))
    }
    expect(breaker.state).toBe('closed')
  })

  test('is not opened by failures long apart', async () => {
    const { breaker } = open()
    for (let round = 0; round < 10; round++) {
      await times(2, () => breaker.run(fail))
      await vi.advanceTimersByTimeAsync(2_001)
    }
    expect(breaker.state).toBe('closed')
  })

  test('is never opened by errors that are answers', async () => {
    const { breaker, transitions } = open()
    await times(100, () => breaker.run(refuse))
    await times(2, () => breaker.run(fail))
    await times(100, () => breaker.run(refuse))
    expect(breaker.state).toBe('closed')
    expect(transitions).toEqual([])
  })

  test('opens where most of a busy window fails', async () => {
    const { breaker } = open({ consecutiveFailures: 1_000 })
    await times(1, () => breaker.run(fail))
    for (let round = 0; round < 20; round++) {
      await times(2, () => breaker.run(fail))
      await times(1, () => breaker.run(succeed))
    }
    expect(breaker.state).toBe('open')
  })

  test('is quiet until something fails, and again when its window is clean', async () => {
    const { breaker } = open()
    expect(breaker.quiet).toBe(true)
    await times(1, () => breaker.run(refuse))
    expect(breaker.quiet).toBe(true)
    await times(1, () => breaker.run(fail))
    expect(breaker.quiet).toBe(false)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(breaker.quiet).toBe(true)
  })

  test('counts what is noted of calls that did not pass through it', async () => {
    const { breaker } = open()
    for (let index = 0; index < 3; index++) breaker.note(new OrdinaryError())
    await vi.advanceTimersByTimeAsync(0)
    expect(breaker.quiet).toBe(true)
    for (let index = 0; index < 3; index++) breaker.note(new Trouble())
    await vi.advanceTimersByTimeAsync(0)
    expect(breaker.state).toBe('open')
  })
})

describe('an open breaker', () => {
  async function tripped(options: Partial<BreakerOptions> = {}) {
    const made = open(options)
    await times(3, () => made.breaker.run(fail))
    expect(made.breaker.state).toBe('open')
    made.transitions.length = 0
    return made
  }

  test('runs nothing', async () => {
    const { breaker } = await tripped()
    const action = vi.fn(succeed)
    await expect(breaker.run(action)).rejects.toThrow(BreakerOpenError)
    expect(action).not.toHaveBeenCalled()
    expect(breaker.quiet).toBe(false)
  })

  test('is closed by a probe in the background', async () => {
    const probe = vi.fn(succeed)
    const { breaker, transitions } = await tripped({ probe })
    await vi.advanceTimersByTimeAsync(499)
    expect(probe).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(probe).toHaveBeenCalledTimes(1)
    expect(breaker.state).toBe('closed')
    expect(transitions).toEqual(['open > half-open', 'half-open > closed'])
    expect(await breaker.run(succeed)).toBe('reply')
  })

  test('stays open while the probe fails, and probes once a reset', async () => {
    const probe = vi.fn(fail)
    const { breaker } = await tripped({ probe })
    await vi.advanceTimersByTimeAsync(2_500)
    expect(probe).toHaveBeenCalledTimes(5)
    expect(breaker.state).toBe('open')
    probe.mockImplementation(succeed as never)
    await vi.advanceTimersByTimeAsync(500)
    expect(breaker.state).toBe('closed')
  })

  test('takes an error that is an answer for a successful probe', async () => {
    const { breaker } = await tripped({ probe: refuse })
    await vi.advanceTimersByTimeAsync(500)
    expect(breaker.state).toBe('closed')
  })

  test('never makes a caller the probe', async () => {
    let answer = (_: string): void => {}
    const probe = () =>
      new Promise<string>((resolve) => {
        answer = resolve
      })
    const { breaker } = await tripped({ probe })
    await vi.advanceTimersByTimeAsync(500)
    expect(breaker.state).toBe('half-open')
    const action = vi.fn(succeed)
    await expect(breaker.run(action)).rejects.toThrow(BreakerOpenError)
    expect(action).not.toHaveBeenCalled()
    answer('reply')
    await vi.advanceTimersByTimeAsync(0)
    expect(breaker.state).toBe('closed')
  })

  test('lets one caller try where there is no probe', async () => {
    const { breaker } = await tripped()
    await vi.advanceTimersByTimeAsync(500)
    expect(breaker.state).toBe('half-open')
    let answer = (_: string): void => {}
    const trial = breaker.run(
      () =>
        new Promise<string>((resolve) => {
          answer = resolve
        }),
    )
    const others = vi.fn(succeed)
    await expect(breaker.run(others)).rejects.toThrow(BreakerOpenError)
    expect(others).not.toHaveBeenCalled()
    answer('reply')
    expect(await trial).toBe('reply')
    expect(breaker.state).toBe('closed')
  })

  test('opens again where the trial of a caller fails', async () => {
    const { breaker, transitions } = await tripped()
    await vi.advanceTimersByTimeAsync(500)
    await expect(breaker.run(fail)).rejects.toThrow(Trouble)
    expect(breaker.state).toBe('open')
    expect(transitions).toEqual(['open > half-open', 'half-open > open'])
  })

  test('needs the full count of failures again after it closed', async () => {
    const { breaker } = await tripped({ probe: succeed })
    await vi.advanceTimersByTimeAsync(500)
    await times(2, () => breaker.run(fail))
    expect(breaker.state).toBe('closed')
  })

  test('tries at once when told to', async () => {
    const probe = vi.fn(succeed)
    const { breaker, transitions } = await tripped({ probe })
    breaker.tryNow()
    await vi.advanceTimersByTimeAsync(0)
    expect(probe).toHaveBeenCalledTimes(1)
    expect(transitions).toEqual(['open > closed'])
    breaker.tryNow()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(probe).toHaveBeenCalledTimes(1)
    expect(breaker.state).toBe('closed')
  })

  test('stays as it was where trying at once fails', async () => {
    const { breaker, transitions } = await tripped({ probe: fail })
    breaker.tryNow()
    await vi.advanceTimersByTimeAsync(0)
    expect(breaker.state).toBe('open')
    expect(transitions).toEqual([])
  })

  test('leaves no timer behind when it is closed for good', async () => {
    const { breaker, transitions } = await tripped({ probe: succeed })
    breaker.close()
    expect(vi.getTimerCount()).toBe(0)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(transitions).not.toContain('half-open > closed')
  })
})

test('is not opened by calls that began together, of which a third fails', async () => {
  const { breaker } = open({ consecutiveFailures: 10 })
  const started: { resolve: (value: string) => void; reject: (error: Error) => void }[] = []
  const calls = Array.from({ length: 40 }, () =>
    breaker.run(() => new Promise<string>((resolve, reject) => void started.push({ resolve, reject }))),
  )
  for (const [index, { resolve, reject }] of started.entries()) {
    if (index % 3 !== 0) resolve('reply')
    else reject(new Trouble('no reply'))
    await calls[index]?.catch(() => {})
    await vi.advanceTimersByTimeAsync(0)
  }
  expect(breaker.state).toBe('closed')
})
