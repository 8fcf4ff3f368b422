import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { LiveScreen } from './live-screen.ts'

class FakeKeyboard extends EventEmitter {
  raw = false
  reading = false
  setRawMode(raw: boolean): void {
    this.raw = raw
  }
  resume(): this {
    this.reading = true
    return this
  }
  pause(): this {
    this.reading = false
    return this
  }
}

function open(rows = 24) {
  const written: string[] = []
  const keyboard = new FakeKeyboard()
  const output = { write: (text: string) => written.push(text), isTTY: true, columns: 80, rows }
  return { screen: new LiveScreen(output, keyboard), keyboard, written }
}

test.each(['q', 'Q', '\x03'])('%j ends it', (key) => {
  const { screen, keyboard } = open()
  keyboard.emit('data', Buffer.from('x'))
  expect(screen.ended.aborted).toBe(false)
  keyboard.emit('data', Buffer.from(key))
  expect(screen.ended.aborted).toBe(true)
  screen.restore()
})

test('leaves the terminal as it was, once', () => {
  const { screen, keyboard, written } = open()
  expect(written.join('')).toBe('\x1b[?1049h\x1b[?25l')
  expect(keyboard).toMatchObject({ raw: true, reading: true })
  const exits = process.listenerCount('exit')
  screen.restore()
  screen.restore()
  expect(written.slice(1)).toEqual(['\x1b[?25h\x1b[?1049l'])
  expect(keyboard).toMatchObject({ raw: false, reading: false })
  expect(keyboard.listenerCount('data')).toBe(0)
  expect(process.listenerCount('exit')).toBe(exits - 1)
})

test('draws over itself and never scrolls', () => {
  const { screen, written } = open(3)
  screen.draw(['one', 'two', 'three', 'four'])
  expect(written[1]).toBe('\x1b[Hone\x1b[K\ntwo\x1b[K\n\x1b[J')
  screen.restore()
})
