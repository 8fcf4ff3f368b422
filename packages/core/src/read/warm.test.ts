import { describe, expect, test } from 'vitest'
import { SourceOverloadedError } from '../errors.ts'
import type { WarmProgress } from '../options/call-options.ts'
import { SteppingClock, settle } from '../testing-support/stepping-clock.ts'
import { warm } from './warm.ts'

const keys = (count: number) => Array.from({ length: count }, (_, index) => `key-${index}`)

function open() {
  const clock = new SteppingClock(0)
  const got: string[] = []
  const waiting: (() => void)[] = []
  const get = (key: string) => {
    got.push(key)
    return new Promise<void>((resolve) => waiting.push(resolve))
  }
  const call = (more: object = {}) => ({ concurrency: 4, signal: undefined, onProgress: undefined, ...more })
  const answerAll = async () => {
    for (await settle(); waiting.length > 0; await settle()) for (const answer of waiting.splice(0)) answer()
  }
  return { clock, got, get, call, answerAll, random: () => 0.5 }
}

describe('warming', () => {
  test('gets each key once, no more at a time than it may, and tells how far it has come', async () => {
    const { clock, got, get, call, answerAll, random } = open()
    const told: WarmProgress[] = []
    const warming = warm(keys(1_000), get, call({ onProgress: (one: WarmProgress) => told.push(one) }), clock, random)
    await settle()
    expect(got).toHaveLength(4)
    await answerAll()
    expect(await warming).toEqual({ done: 1_000, failed: 0, total: 1_000 })
    expect(new Set(got).size).toBe(1_000)
    expect(got).toHaveLength(1_000)
    expect(told.map(({ done }) => done)).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1))
  })

  test('takes keys that come one by one, no further ahead than it needs them', async () => {
    const { clock, got, get, call, answerAll, random } = open()
    let produced = 0
    async function* stream() {
      for (const key of keys(10_000)) {
        produced += 1
        yield key
      }
    }
    const warming = warm(stream(), get, call(), clock, random)
    await settle()
    expect(produced).toBeLessThanOrEqual(260)
    await answerAll()
    expect(await warming).toEqual({ done: 10_000, failed: 0, total: undefined })
    expect(new Set(got).size).toBe(10_000)
  })

  test('stops at the signal when what has begun has ended, and closes what it takes keys from', async () => {
    const { clock, got, get, call, answerAll, random } = open()
    let closed = false
    function* stream() {
      try {
        yield* keys(10_000)
      } finally {
        closed = true
      }
    }
    const controller = new AbortController()
    let ended = false
    const warming = warm(stream(), get, call({ signal: controller.signal }), clock, random)
    warming.then(undefined, () => {
      ended = true
    })
    await settle()
    controller.abort(new Error('Ctrl-C'))
    await settle()
    expect(ended).toBe(false)
    await answerAll()
    await expect(warming).rejects.toThrow('Ctrl-C')
    expect(got).toHaveLength(4)
    expect(closed).toBe(true)
  })

  test('counts loads that fail, and waits while the bulkhead is full', async () => {
    const { clock, call, random } = open()
    let full = 3
    const get = async (key: string) => {
      if (key === 'key-7') throw new Error('no row')
      if (key === 'key-8' && full-- > 0) throw new SourceOverloadedError(1, 1)
    }
    const warming = warm(keys(10), get, call(), clock, random)
    await clock.advance(1_000)
    expect(await warming).toEqual({ done: 10, failed: 1, total: 10 })
    expect(full).toBe(-1)
  })

  test('fails as the keys do', async () => {
    const { clock, call, random } = open()
    async function* stream() {
      yield 'a'
      throw new Error('the query failed')
    }
    await expect(warm(stream(), async () => {}, call(), clock, random)).rejects.toThrow('the query failed')
  })
})
