import { expect, test } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import { Context } from './load-context.ts'

const open = () => new Context<string>('older')

test('offers the value being replaced', () => {
  expect(open().stale).toBe('older')
})

test.each([
  ['5s', 5_000],
  [250, 250],
] as const)('takes %s for the time to live', (given, milliseconds) => {
  const context = open()
  context.ttl(given)
  expect(context.chosenTtl).toBe(milliseconds)
})

test.each(['soon', '', 0, -1, Number.NaN, undefined])('refuses %s as a time to live', (given) => {
  expect(() => open().ttl(given as never)).toThrow(InvalidArgumentError)
})

test('can be told to store nothing', () => {
  const context = open()
  expect(context.skipped).toBe(false)
  context.skip()
  expect(context.skipped).toBe(true)
})
