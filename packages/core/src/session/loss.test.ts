import { describe, expect, test } from 'vitest'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { LossGrace, type SeenNode } from './loss.ts'

const grace = 30_000

function open(severalNodes = false) {
  const clock = new SteppingClock(1_700_000_000_000)
  const loss = new LossGrace(clock, grace, severalNodes)
  const look = (node: Partial<SeenNode>) => {
    const seen = { node: '1', runId: 'first', keys: 100, loading: false, appendOnly: false, startedAt: undefined }
    loss.looked([{ ...seen, at: clock.now(), ...node }])
  }
  return { clock, loss, look }
}

test('of more runs than are told apart none is believed, those that had lost nothing either', () => {
  const { clock, loss } = open(true)
  const seen = { keys: 1, loading: false, appendOnly: false, startedAt: undefined, at: clock.now() }
  loss.looked([{ ...seen, node: '1', runId: 'kept' }])
  for (let index = 0; index < 999; index++) loss.believes(`run-${index}`)
  expect(loss.believes('kept')).toBe(true)
  loss.believes('one more')
  loss.believes('and one more')
  expect(loss.believes('kept')).toBe(false)
})

describe('a miss is believed', () => {
  test('from the start, for what was never seen cannot be missed', () => {
    const { loss, look } = open()
    expect(loss.believes('first')).toBe(true)
    look({})
    expect(loss.believes('first')).toBe(true)
    expect(loss.left).toBe(0)
  })

  test('from each node of a cluster that has been looked at', () => {
    const { clock, loss } = open(true)
    const seen = { keys: 1, loading: false, appendOnly: false, startedAt: undefined, at: clock.now() }
    expect(loss.believes('a')).toBe(true)
    expect(loss.believes('b')).toBe(true)
    loss.looked(['a', 'b', 'c'].map((runId) => ({ ...seen, node: runId, runId })))
    expect(loss.believes('c')).toBe(true)
    // Never looked at: it may have come in the place of one of them.
    expect(loss.believes('d')).toBe(false)
  })

  test('by the runs that lost nothing, while another is in its grace', () => {
    const { clock, loss } = open(true)
    const seen = { loading: false, appendOnly: false, startedAt: undefined, at: clock.now() }
    const look = (runs: Record<string, string>, keys: number) =>
      loss.looked(Object.entries(runs).map(([node, runId]) => ({ ...seen, node, runId, keys })))
    look({ one: 'a', two: 'b' }, 100)
    look({ one: 'a', two: 'new' }, 0)
    expect(loss.believes('a')).toBe(true)
    expect(loss.believes('new')).toBe(false)
  })
})

describe('after a restart', () => {
  test('the first miss is enough to notice, before any look, and ends with the grace', async () => {
    const { clock, loss, look } = open()
    look({})
    expect(loss.believes('second')).toBe(false)
    expect(loss.left).toBe(grace)
    await clock.advance(grace - 1)
    expect(loss.believes('second')).toBe(false)
    await clock.advance(1)
    expect(loss.believes('second')).toBe(true)
    expect(loss.losses).toBe(1)
  })

  test('also where only misses have told of the run before', () => {
    const { loss } = open()
    expect(loss.believes('first')).toBe(true)
    expect(loss.believes('second')).toBe(false)
  })

  test('it is noticed by a look where nobody came', () => {
    const { loss, look } = open()
    look({})
    look({ runId: 'second', keys: 0 })
    expect(loss.left).toBe(grace)
    expect(loss.believes('second')).toBe(false)
  })

  test.each([
    ['reads all changes when it starts', { appendOnly: true, keys: 100 }, true],
    ['reads all changes, and some keys have ended meanwhile', { appendOnly: true, keys: 60 }, true],
    ['was to read all changes and has none', { appendOnly: true, keys: 0 }, false],
    ['was to read all changes and has few', { appendOnly: true, keys: 10 }, false],
    ['has as many keys, of a snapshot that may be old', { keys: 100 }, false],
    ['does not say how many keys it has', { appendOnly: true, keys: undefined }, false],
  ])('a Redis that %s: kept %j is %s', (_, node, kept) => {
    const { loss, look } = open()
    look({})
    expect(loss.believes('second')).toBe(false)
    look({ runId: 'second', ...node })
    expect(loss.believes('second')).toBe(kept)
    expect(loss.left === 0).toBe(kept)
  })

  test('a replica that was there all along has kept what it has', async () => {
    const { clock, loss, look } = open()
    look({})
    await clock.advance(10_000)
    look({ runId: 'replica', startedAt: clock.now() - 3_600_000 })
    expect(loss.believes('replica')).toBe(true)
    look({ runId: 'restarted', startedAt: clock.now() - 1_000 })
    expect(loss.believes('restarted')).toBe(false)
  })

  test('nothing is judged while it loads its data', () => {
    const { loss, look } = open()
    look({})
    look({ runId: 'second', keys: 3, loading: true })
    expect(loss.believes('second')).toBe(false)
    look({ runId: 'second', keys: 100, appendOnly: true })
    expect(loss.believes('second')).toBe(true)
  })
})

test('after a flush nobody is believed until the grace is over', async () => {
  const { clock, loss, look } = open()
  look({})
  loss.emptied()
  expect(loss.believes('first')).toBe(false)
  expect(loss.believes(undefined)).toBe(false)
  await clock.advance(grace)
  expect(loss.believes('first')).toBe(true)
})

test('where Redis does not tell its run, a reconnect is doubted until a look, or for two seconds', async () => {
  const { clock, loss, look } = open()
  loss.reconnected()
  expect(loss.believes(undefined)).toBe(false)
  await clock.advance(2_000)
  expect(loss.believes(undefined)).toBe(true)
  loss.reconnected()
  look({ runId: undefined })
  expect(loss.believes(undefined)).toBe(true)
})

test('a clock that is set back does not hold the grace for hours', async () => {
  const { clock, loss, look } = open()
  look({})
  loss.emptied()
  await clock.advance(-7_200_000)
  expect(loss.left).toBe(0)
})

test('without a grace every miss is believed', () => {
  const loss = new LossGrace(new SteppingClock(), 0, false)
  loss.believes('first')
  loss.emptied()
  expect(loss.believes('second')).toBe(true)
  expect(loss.losses).toBe(0)
})
