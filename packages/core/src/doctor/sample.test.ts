import { describe, expect, test } from 'vitest'
import { sampleKeys } from './sample.ts'
import type { InspectedKey, SampleClient } from './sample-client.ts'
import { sampleClientOf } from './sample-client.ts'

interface Stored {
  readonly bytes?: number
  readonly ttl?: number
  readonly type?: string
}

/** A node whose cursor is an index into its keys. */
function node(keys: Readonly<Record<string, Stored>>): SampleClient & { pages: number; inspected: number } {
  const names = Object.keys(keys)
  return {
    pages: 0,
    inspected: 0,
    async scan(cursor, count) {
      this.pages++
      const end = Number(cursor) + count
      return [
        end >= names.length ? '0' : String(end),
        names.slice(Number(cursor), end).map((name) => Buffer.from(name)),
      ]
    },
    async inspect(wanted) {
      this.inspected += wanted.length
      return wanted.map((key): InspectedKey => {
        const { bytes = 100, ttl = -1, type = 'string' } = keys[key.toString()] ?? {}
        return { bytes, ttl, type, denied: [] }
      })
    },
  }
}

function many(count: number, name: (index: number) => string, stored: (index: number) => Stored = () => ({})) {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [name(index), stored(index)]))
}

describe('what a sample tells', () => {
  test('sizes, times and prefixes', async () => {
    const redis = node({
      ...many(
        600,
        (index) => `session:${index}`,
        () => ({ bytes: 1_000, ttl: 60_000 }),
      ),
      ...many(
        300,
        (index) => `shop:{product:${index}}:v`,
        (index) => ({ bytes: 500, ttl: index < 100 ? -1 : 20_000 }),
      ),
      ...many(
        100,
        (index) => `job:${index}:state`,
        () => ({ bytes: 10, type: 'hash' }),
      ),
      gone: { type: 'none', ttl: -2 },
    })
    const progress: string[] = []
    const sample = await sampleKeys(redis, {
      limit: 10_000,
      keysInDatabase: 1_001,
      onProgress: ({ done, total }) => progress.push(`${done}/${total}`),
      clock: { now: () => 0 },
    })
    expect(sample).toMatchObject({
      ...{
        keys: 1_000,
        bytes: 751_000,
        withoutTtl: 200,
        hitsAdded: 2_000,
        endedBy: 'end',
        milliseconds: 0,
        denied: [],
      },
      ttlMilliseconds: { median: 60_000, most: 60_000 },
      prefixes: [
        { prefix: 'session', keys: 600, bytes: 600_000, withoutTtl: 0, averageTtlMilliseconds: 60_000 },
        { prefix: 'shop:{product:*}', keys: 300, bytes: 150_000, withoutTtl: 100, averageTtlMilliseconds: 20_000 },
        { prefix: 'job:*', keys: 100, bytes: 1_000, withoutTtl: 100, averageTtlMilliseconds: undefined },
      ],
    })
    expect(progress).toEqual(['500/1001', '1000/1001', '1001/1001'])
  })

  test('the largest keys, hashed unless asked for, and harmless on a terminal', async () => {
    const keys = {
      ...many(
        40,
        (index) => `k:${index}`,
        (index) => ({ bytes: index }),
      ),
      'big:\u001b[2J': { bytes: 9_999 },
    }
    const hidden = await sampleKeys(node(keys), { limit: 100 })
    expect(hidden.largest).toHaveLength(20)
    expect(hidden.largest[0]).toEqual({ key: expect.stringMatching(/^[0-9a-f]{12}$/), type: 'string', bytes: 9_999 })
    const shown = await sampleKeys(node(keys), { limit: 100, showKeys: true })
    expect(shown.largest.slice(0, 3).map(({ key }) => key)).toEqual(['big:\\u{1b}[2J', 'k:39', 'k:38'])
  })

  test('names of people are no prefixes', async () => {
    const { prefixes } = await sampleKeys(
      node({
        ...many(60, (index) => `cart:user${String.fromCharCode(97 + (index % 26), 97 + index / 26)}:items`),
        ...many(9, (index) => `mail:someone@example.com:${index}`),
        ...many(9, (index) => `session:3f2504e0-4f89-11d3-9a0c-0305e82c3301:${index}`),
        'profile:bob:picture': {},
        plain: {},
      }),
      { limit: 1_000 },
    )
    const names = prefixes.map(({ prefix }) => prefix).sort()
    expect(names).toEqual(['(no prefix)', 'cart:*', 'mail:*', 'profile:*', 'session:*'])
  })

  test('an empty node', async () => {
    const sample = await sampleKeys(node({}), { limit: 10 })
    expect(sample).toMatchObject({
      ...{ keys: 0, bytes: 0, prefixes: [], largest: [], ttlMilliseconds: { median: undefined, most: undefined } },
    })
  })
})

describe('what a sample costs', () => {
  test('never more keys than asked for', async () => {
    const redis = node(many(5_000, (index) => `key:${index}`))
    expect(await sampleKeys(redis, { limit: 1_200 })).toMatchObject({ keys: 1_200, endedBy: 'limit' })
    expect(redis.inspected).toBe(1_200)
  })

  test('no page after its time is up, nor after it was called off', async () => {
    const redis = node(many(5_000, (index) => `key:${index}`))
    let now = 0
    const sample = await sampleKeys(redis, { limit: 5_000, budget: 1_000, clock: { now: () => (now += 400) } })
    expect(sample.endedBy).toBe('budget')
    expect(redis.pages).toBeLessThan(4)
    const called = await sampleKeys(redis, { limit: 5_000, signal: AbortSignal.abort() })
    expect(called).toMatchObject({ keys: 500, endedBy: 'signal' })
  })

  test('an error ends it with what was seen, the first page excepted', async () => {
    const redis = node(many(5_000, (index) => `key:${index}`))
    const scan = redis.scan
    redis.scan = (cursor, count) =>
      cursor === '1000' ? Promise.reject(new Error('lost')) : scan.call(redis, cursor, count)
    expect(await sampleKeys(redis, { limit: 5_000 })).toMatchObject({ keys: 1_000, endedBy: 'error' })
    redis.scan = () => Promise.reject(new Error('lost'))
    await expect(sampleKeys(redis, { limit: 5_000 })).rejects.toThrow('lost')
  })

  test.each([0, -1, 1.5, Number.NaN, 10_000_001])('a limit of %d is refused', async (limit) => {
    await expect(sampleKeys(node({}), { limit })).rejects.toThrow('limit: expected')
  })
})

describe('over a client', () => {
  function client(replies: Record<string, [Error | null, unknown]>) {
    const commands: string[] = []
    return {
      commands,
      callBuffer: async () => [Buffer.from('0'), [Buffer.from('a'), Buffer.from('b')]],
      pipeline() {
        const queued: string[] = []
        return {
          call: (command: string, ...args: unknown[]) => void queued.push([command, ...args].join(' ')),
          exec: async () => {
            commands.push(...queued)
            return queued.map((command) => replies[command.split(' ')[0] ?? ''] ?? ([null, null] as [null, null]))
          },
        }
      },
    }
  }

  test('it asks for sizes, times and types, and never for all elements of a value', async () => {
    const redis = client({ MEMORY: [null, 64], PTTL: [null, -1], TYPE: [null, 'list'] })
    const sample = await sampleKeys(sampleClientOf(redis), { limit: 10 })
    expect(sample).toMatchObject({ keys: 2, bytes: 128, withoutTtl: 2, largest: [{ type: 'list' }, {}] })
    expect(redis.commands).toEqual(['MEMORY USAGE a', 'PTTL a', 'TYPE a', 'MEMORY USAGE b', 'PTTL b', 'TYPE b'])
  })

  test('what this user may not ask is named, and the rest is told', async () => {
    const redis = client({
      MEMORY: [new Error("NOPERM this user has no permissions to run the 'memory|usage' command"), undefined],
      PTTL: [null, 5_000],
      TYPE: [null, 'string'],
    })
    expect(await sampleKeys(sampleClientOf(redis), { limit: 10 })).toMatchObject({
      ...{ keys: 2, bytes: 0, denied: ['MEMORY USAGE'], ttlMilliseconds: { median: 5_000, most: 5_000 }, largest: [] },
    })
  })

  test('a lost connection is no missing right', async () => {
    const redis = client({ MEMORY: [new Error('Connection is closed.'), undefined] })
    await expect(sampleKeys(sampleClientOf(redis), { limit: 10 })).rejects.toThrow('Connection is closed.')
  })
})
