import { describe, expect, test } from 'vitest'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { Account, type AccountedRedis } from './account.ts'
import { Ledger } from './ledger.ts'

function open(options: { budget?: number; evicts?: boolean; hears?: boolean } = {}) {
  const clock = new SteppingClock(0)
  let written = 0
  const redis: AccountedRedis = {
    clock,
    ledger: new Ledger(),
    memory: 'normal',
    evicts: options.evicts ?? false,
    hears: options.hears ?? true,
    wrote: (bytes) => {
      written += bytes
    },
  }
  return { clock, redis, account: new Account('product', 'normal', options.budget, redis), written: () => written }
}

describe('the books of a namespace', () => {
  test('hold what was stored until it ends or goes', () => {
    const { account, redis, written } = open()
    account.stored('a', 1_000, 60_000)
    account.stored('b', 1_000, 60_000)
    expect(redis.ledger.totals(0)['product']?.entries).toBe(2)
    expect(written()).toBe(2_000)
    account.gone('a')
    expect(redis.ledger.totals(0)['product']?.entries).toBe(1)
    expect(redis.ledger.totals(60_001)['product']).toBeUndefined()
  })

  test.each([
    [true, { eviction: 1, restart: 0, flush: 0, unknown: 0 }],
    [false, { eviction: 0, restart: 0, flush: 0, unknown: 1 }],
  ])('count a key that is gone before its time once (Redis evicts: %s)', (evicts, expected) => {
    const { account } = open({ evicts })
    account.stored('a', 1_000, 60_000)
    account.absent('a')
    account.absent('a')
    account.absent('never stored')
    expect(account.earlyEnds).toEqual(expected)
  })

  test('do not count what was deleted, or has come to its end', async () => {
    const { account, clock } = open()
    account.stored('a', 1_000, 60_000)
    account.stored('b', 1_000, 5_000)
    account.gone('a')
    account.absent('a')
    await clock.advance(4_500)
    account.absent('b')
    expect(account.earlyEnds.unknown).toBe(0)
  })
})

describe('a budget', () => {
  test('is of the whole fleet', () => {
    const { account } = open({ budget: 10_000 })
    account.heardOf('other', 6_000)
    expect(account.settle(3_000)).toBe(9_000)
    expect(account.claim()).toBe('normal')
    account.heardOf('third', 2_000)
    account.settle(3_000)
    expect(account.claim()).toBe('over-budget')
    account.heardOf('third', 0)
    account.settle(3_000)
    expect(account.claim()).toBe('normal')
  })

  test('counts what was stored since it was settled', () => {
    const { account } = open({ budget: 10_000 })
    for (let count = 0; count < 10; count++) account.stored(`key-${count}`, 1_000, 60_000)
    expect(account.claim()).toBe('normal')
    account.stored('one more', 1_000, 60_000)
    expect(account.claim()).toBe('over-budget')
  })

  test('forgets those that have been silent for a minute', async () => {
    const { account, clock } = open({ budget: 10_000 })
    account.heardOf('other', 60_000)
    account.settle(0)
    expect(account.claim()).toBe('over-budget')
    await clock.advance(60_001)
    expect(account.settle(0)).toBe(0)
    expect(account.claim()).toBe('normal')
  })

  test('is none where none was given', () => {
    const { account } = open()
    account.heardOf('other', 1e12)
    account.settle(1e12)
    expect(account.claim()).toBe('normal')
  })
})

describe('no early end is told', () => {
  const none = { eviction: 0, restart: 0, flush: 0, unknown: 0 }

  test('where deletions by others are not heard of', () => {
    const { account } = open({ hears: false })
    account.stored('a', 1_000, 60_000)
    account.absent('a')
    expect(account.earlyEnds).toEqual(none)
  })

  test('of keys whose deletion may have been missed, but of those that are stored later', () => {
    const { account, redis } = open()
    account.stored('a', 1_000, 60_000)
    redis.ledger.doubt()
    account.stored('b', 1_000, 60_000)
    expect(redis.ledger.totals(0)['product']?.entries).toBe(2)
    account.absent('a')
    expect(account.earlyEnds).toEqual(none)
    account.absent('b')
    expect(account.earlyEnds).toEqual({ ...none, unknown: 1 })
  })
})

describe('what strangers tell', () => {
  test('is bounded, and kept only where there is a budget', () => {
    const tell = (account: Account) => {
      for (let sender = 0; sender < 10_000; sender++) account.heardOf(`sender-${sender}`, 1)
      return account.settle(0)
    }
    expect(tell(open({ budget: 1_000 }).account)).toBe(4_096)
    expect(tell(open().account)).toBe(0)
  })
})
