import { describe, expect, test } from 'vitest'
import { type Fenced, Fences } from './fences.ts'

function open() {
  const fences = new Fences<Fenced>()
  const openRead = (key = 'a') => {
    const read = { voided: false, touched: false }
    fences.openRead(key, read)
    return read
  }
  return { fences, openRead }
}

describe('a read', () => {
  test('can be joined until it is closed', () => {
    const { fences, openRead } = open()
    const read = openRead()
    expect(fences.findRead('a')).toBe(read)
    expect(fences.findRead('b')).toBeUndefined()
    fences.closeRead('a', read)
    expect(fences.findRead('a')).toBeUndefined()
    expect(read.voided).toBe(false)
  })

  test.each([
    ['a write begins', (fences: Fences<Fenced>) => void fences.openWrite('a')],
    ['another process writes', (fences: Fences<Fenced>) => fences.voidKey('a')],
    ['writes may have been missed', (fences: Fences<Fenced>) => fences.voidAll()],
  ])('is voided and not joined any more when %s', (_, happen) => {
    const { fences, openRead } = open()
    const read = openRead()
    const other = openRead('b')
    happen(fences)
    expect(read.voided).toBe(true)
    expect(fences.findRead('a')).toBeUndefined()
    if (fences.reads > 0) expect(other.voided).toBe(false)
  })

  test('that is set aside is not joined any more, and what it finds is not kept', () => {
    const { fences, openRead } = open()
    const read = openRead()
    const ticket = fences.openWrite('b')
    fences.setReadAside('a')
    fences.setReadAside('b')
    expect(fences.findRead('a')).toBeUndefined()
    expect(read.voided).toBe(true)
    expect(fences.closeWrite('b', ticket)).toBe(true)
  })

  test('that began during a write is voided when the write ends', () => {
    const { fences, openRead } = open()
    const ticket = fences.openWrite('a')
    const read = openRead()
    fences.closeWrite('a', ticket)
    expect(read.voided).toBe(true)
  })

  test.each([
    ['its key is touched in Redis', (fences: Fences<Fenced>) => fences.touch('a')],
    ['all keys are', (fences: Fences<Fenced>) => fences.touchAll()],
  ])('is told, not voided, and not joined any more when %s', (_, happen) => {
    const { fences, openRead } = open()
    const read = openRead()
    const ticket = fences.openWrite('b')
    happen(fences)
    expect(read).toEqual({ voided: false, touched: true })
    expect(fences.findRead('a')).toBeUndefined()
    expect(fences.closeWrite('b', ticket)).toBe(true)
  })

  test('that was voided does not close its successor', () => {
    const { fences, openRead } = open()
    const first = openRead()
    fences.voidKey('a')
    const second = openRead()
    fences.closeRead('a', first)
    expect(fences.findRead('a')).toBe(second)
  })
})

describe('a write', () => {
  test('is alone where nothing happened to its key', () => {
    const { fences } = open()
    const ticket = fences.openWrite('a')
    fences.closeWrite('b', fences.openWrite('b'))
    fences.voidKey('b')
    expect(fences.closeWrite('a', ticket)).toBe(true)
  })

  test('is not alone where another one began or ended meanwhile', () => {
    const { fences } = open()
    const first = fences.openWrite('a')
    const second = fences.openWrite('a')
    expect(fences.closeWrite('a', first)).toBe(false)
    expect(fences.closeWrite('a', second)).toBe(false)
  })

  test('that was overtaken is not alone, though the one that overtook it is', () => {
    const { fences } = open()
    const first = fences.openWrite('a')
    const second = fences.openWrite('a')
    fences.closeWrite('a', second)
    expect(fences.closeWrite('a', first)).toBe(false)
  })

  test('is not alone where another process wrote the key, or may have', () => {
    const { fences } = open()
    const first = fences.openWrite('a')
    fences.voidKey('a')
    expect(fences.closeWrite('a', first)).toBe(false)
    const second = fences.openWrite('a')
    fences.voidAll()
    expect(fences.closeWrite('a', second)).toBe(false)
  })
})

test('a write that something came between is under way until it ends: close() waits for it', () => {
  const { fences } = open()
  const [first, second] = [fences.openWrite('a'), fences.openWrite('a')]
  fences.closeWrite('a', first)
  expect(fences.writes).toBe(1)
  fences.voidKey('a')
  fences.voidAll()
  expect(fences.writes).toBe(1)
  fences.closeWrite('a', second)
  expect(fences.writes).toBe(0)
})

test('nothing is left of what has ended', () => {
  const { fences, openRead } = open()
  const tickets = ['a', 'b', 'a'].map((key) => [key, fences.openWrite(key)] as const)
  const reads = ['a', 'b', 'c'].map((key) => [key, openRead(key)] as const)
  expect(fences).toMatchObject({ reads: 3, writes: 3 })
  for (const [key, ticket] of tickets) fences.closeWrite(key, ticket)
  for (const [key, read] of reads) fences.closeRead(key, read)
  expect(fences).toMatchObject({ reads: 0, writes: 0 })
})

test('a write is told that its key was touched in Redis, and stays alone', () => {
  const { fences } = open()
  const ticket = fences.openWrite('a')
  fences.touch('a')
  expect(ticket.touched).toBe(true)
  expect(fences.closeWrite('a', ticket)).toBe(true)
})
