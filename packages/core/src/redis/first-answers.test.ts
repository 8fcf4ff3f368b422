import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { firstAnswers } from './first-answers.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const never = new Promise<string>(() => {})
const failed = () => Promise.reject(new Error('down'))
const after = (milliseconds: number) =>
  new Promise<string>((resolve) => setTimeout(() => resolve('late'), milliseconds))

test('all answers, without those that failed, and no timer is left', async () => {
  expect(await firstAnswers([Promise.resolve('a'), failed(), Promise.resolve('b')], 1_000)).toEqual(['a', 'b'])
  expect(vi.getTimerCount()).toBe(0)
})

test('does not wait for who is silent, unless all are', async () => {
  const some = firstAnswers([never, Promise.resolve('a')], 1_000)
  const first = firstAnswers([never, after(3_000)], 1_000)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await some).toEqual(['a'])
  await vi.advanceTimersByTimeAsync(2_000)
  expect(await first).toEqual(['late'])
})

test('rejects where all failed, and where nobody was asked', async () => {
  await expect(firstAnswers([failed(), failed()], 1_000)).rejects.toThrow('down')
  await expect(firstAnswers([], 1_000)).rejects.toThrow('nobody was asked')
  expect(vi.getTimerCount()).toBe(0)
})
