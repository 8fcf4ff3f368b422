import { expect, test } from 'vitest'
import { bar, canvasOf, harmless, paint, wrap } from './terminal.ts'

const output = { write: () => true }

test('colours on a terminal only, and not where they are not wanted', () => {
  expect(paint('word', canvasOf({ ...output, isTTY: true }, true), 'red')).toBe('\x1b[31mword\x1b[0m')
  expect(paint('word', canvasOf({ ...output, isTTY: true }, false), 'red')).toBe('word')
  expect(paint('word', canvasOf(output, true), 'red')).toBe('word')
})

test('as wide as the terminal, within what can be read', () => {
  expect(canvasOf({ ...output, columns: 80 }, true).width).toBe(80)
  expect(canvasOf({ ...output, columns: 5 }, true).width).toBe(40)
  expect(canvasOf({ ...output, columns: 500 }, true).width).toBe(110)
  expect(canvasOf(output, true).width).toBe(100)
})

test('wraps at spaces, with the lines after the first further in', () => {
  expect(wrap('- one two three four', 12, 2, 4)).toEqual(['  - one two', '    three', '    four'])
  expect(wrap('unbreakablylong word', 6)).toEqual(['unbreakablylong', 'word'])
  expect(wrap('', 10)).toEqual([''])
})

test('a bar is full at 1 and no fuller beyond', () => {
  expect(bar(0.5, 4)).toBe('██░░')
  expect(bar(3, 4)).toBe('████')
  expect(bar(-1, 4)).toBe('░░░░')
})

test('a key cannot steer the terminal', () => {
  expect(harmless('user\x1b[2J:1\u202e\r\n')).toBe('user�[2J:1���')
})
