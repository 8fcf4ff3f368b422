import { expect, test, vi } from 'vitest'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { Probe } from './probe.ts'

function open(options: { pause?: () => number; look?: () => Promise<never[]>; random?: () => number } = {}) {
  const clock = new SteppingClock(0)
  const looked: number[] = []
  const onFailure = vi.fn()
  const probe = new Probe({
    clock,
    random: options.random ?? (() => 0.5),
    look: () => {
      looked.push(clock.now())
      return options.look?.() ?? Promise.resolve([])
    },
    onAnswers: () => {},
    onFailure,
    pause: options.pause ?? (() => 10_000),
  })
  return { clock, probe, looked, onFailure }
}

test('looks at once, and then at its pace', async () => {
  const { clock, probe, looked } = open()
  probe.lookSoon()
  await clock.advance(25_000)
  expect(looked).toEqual([50, 10_050, 20_050])
})

test.each([
  [0, 8_000],
  [0.999_999, 12_000],
])('spreads a fleet by a fifth (drawn: %d)', async (drawn, pause) => {
  const { clock, probe, looked } = open({ random: () => drawn })
  probe.lookSoon()
  await clock.advance(13_000)
  expect((looked[1] ?? 0) - (looked[0] ?? 0)).toBeCloseTo(pause, 0)
})

test('is brought forward by what happens, but not more than once in 900 ms', async () => {
  const { clock, probe, looked } = open()
  probe.lookSoon()
  await clock.advance(100)
  for (let elapsed = 0; elapsed < 3_000; elapsed += 10) {
    probe.lookSoon()
    await clock.advance(10)
  }
  expect(looked).toEqual([50, 950, 1_850, 2_750])
})

test('has one look under way at a time', async () => {
  const answers: (() => void)[] = []
  const { clock, probe, looked } = open({ look: () => new Promise((resolve) => answers.push(() => resolve([]))) })
  probe.lookSoon()
  await clock.advance(60_000)
  probe.lookSoon()
  await clock.advance(60_000)
  expect(looked).toEqual([50])
  answers[0]?.()
  await clock.advance(60_000)
  expect(looked).toHaveLength(2)
})

test('goes on after a look that failed', async () => {
  const { clock, probe, looked, onFailure } = open({ look: () => Promise.reject(new Error('gone')) })
  probe.lookSoon()
  await clock.advance(25_000)
  expect(looked).toHaveLength(3)
  expect(onFailure).toHaveBeenCalledTimes(3)
})

test('leaves no timer behind', async () => {
  const { clock, probe, looked } = open()
  probe.lookSoon()
  await clock.advance(100)
  probe.close()
  probe.lookSoon()
  await clock.advance(60_000)
  expect(looked).toHaveLength(1)
})
