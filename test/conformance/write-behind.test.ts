import { describe, expect, test } from 'vitest'
import {
  type BehindOptions,
  type CacheOptions,
  EvictionPolicyError,
  InvalidOptionsError,
  WriteBehindRefusedError,
} from '../../packages/core/src/index.ts'
import { BehindSource } from '../support/behind-source.ts'
import { cleanup } from '../support/cleanup.ts'
import { behindTools } from '../support/open-behind.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()

const { startRedis, open } = behindTools(afterwards)

const openCounters = (redis: CacheOptions['redis'], source?: BehindSource, behind: BehindOptions<number> = {}) =>
  open<number>(redis, { counters: true, ...behind }, source)

const stream = 'shop:{item:behind:0}:stream'
const waiting = 'shop:{item:behind:0}:waiting'
const valueKey = (key: string) => `shop:{item:behind:0}:0:${key}:v`

describe('counters', () => {
  test('increments reach the source as one operation a key, and nothing is left in Redis', async () => {
    const { server, redis } = await startRedis()
    const { items, source } = openCounters(server.url, undefined, { delay: '1s' })
    await Promise.all(Array.from({ length: 50 }, (_, index) => items.increment(index % 2 ? 'odd' : 'even', 2)))
    expect(await redis.xlen(stream)).toBe(50)
    expect(await items.drain()).toBe(true)
    expect([...source.sums]).toEqual([
      ['even', 50],
      ['odd', 50],
    ])
    expect(source.calls.map((operations) => operations.length)).toEqual([2])
    expect(await redis.xlen(stream)).toBe(0)
    expect(await redis.exists(waiting)).toBe(0)
  })

  test('a read of a key that is not cached adds what waits to what the source has', async () => {
    const { server, redis } = await startRedis()
    const { items, source } = openCounters(server.url, undefined, { delay: '1m' })
    source.sums.set('a', 100)
    // Past the first round, which comes at once.
    await items.drain()
    expect(await items.increment('a', 5)).toBeUndefined()
    expect(await items.get('a')).toBe(105)
    await until(async () => (await redis.exists(valueKey('a'))) === 1, 'the value is stored')
    expect(await items.increment('a', -3)).toBe(102)
    expect(await items.get('a')).toBe(102)
    expect(source.sums.get('a')).toBe(100)
    await items.drain()
    expect(source.sums.get('a')).toBe(102)
    expect(await items.get('a')).toBe(102)
  })

  test.each([
    ['wants to be told that it does not load', { onDropOut: () => {} }],
    ['brings its own load', { load: () => 100 }],
  ])('so does a read that %s', async (_what, options) => {
    const { server } = await startRedis()
    const { items, source } = openCounters(server.url, undefined, { delay: '1m' })
    source.sums.set('a', 100)
    await items.drain()
    await items.increment('a', 5)
    expect(await items.get('a', options)).toBe(105)
    expect(await items.get('a')).toBe(105)
  })

  test('a value has no end while something of it waits, and its own afterwards', async () => {
    const { server, redis } = await startRedis()
    const { items } = openCounters(server.url, undefined, { delay: '1m' })
    await items.drain()
    await items.increment('a')
    expect(await items.get('a')).toBe(1)
    await until(async () => (await redis.exists(valueKey('a'))) === 1, 'the value is stored')
    await items.increment('a')
    expect(await redis.pttl(valueKey('a'))).toBe(-1)
    await items.drain()
    expect(await redis.pttl(valueKey('a'))).toBeGreaterThan(200_000)
    expect(await items.get('a')).toBe(2)
  })

  test('a read while a batch is on its way to the source waits until it is there, and counts nothing twice', async () => {
    const { server } = await startRedis()
    const { items, source } = openCounters(server.url)
    let committed = () => {}
    const commits = new Promise<void>((resolve) => {
      committed = resolve
    })
    let arrived = false
    source.before = async () => {
      arrived = true
      await commits
    }
    await items.increment('a', 7)
    await until(() => arrived, 'a batch is on its way')
    const read = items.get('a')
    await items.increment('a', 1)
    committed()
    expect(await read).toBe(8)
    await items.drain()
    expect(await items.get('a')).toBe(8)
  })

  test('reads while increments are written and saved all the time: never behind what was answered, never ahead of what was asked', async () => {
    const { server, redis } = await startRedis()
    const source = new BehindSource()
    const { items, unsureLoads } = open<number>(server.url, { counters: true, delay: 20 }, source, {
      // Each read of the source is a new chance to count what waits twice, or not at all.
      ...{ ttl: '20ms', negativeTtl: 0 },
    })
    // Between the commit and its acknowledgement nobody but the source knows what it has.
    source.after = async () => await new Promise((resolve) => setTimeout(resolve, 3))
    let asked = 0
    let answered = 0
    let over = false
    const writer = async () => {
      while (!over) {
        asked += 1
        await items.increment('a')
        answered += 1
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    }
    const writers = Array.from({ length: 6 }, writer)
    for (let read = 0; read < 300; read++) {
      if (read % 3 === 0) await redis.del(valueKey('a'))
      const least = answered
      const unsure = unsureLoads()
      const value = (await items.get('a')) ?? 0
      if (unsureLoads() !== unsure) continue
      expect(value).toBeGreaterThanOrEqual(least)
      expect(value).toBeLessThanOrEqual(asked)
    }
    over = true
    await Promise.all(writers)
    await items.drain()
    expect(source.sums.get('a')).toBe(answered)
    expect(source.reads).toBeGreaterThan(90)
  })

  test('the same id counts once, whichever way it goes', async () => {
    const { server } = await startRedis()
    const { items, source } = openCounters(server.url)
    await items.increment('a', 1, { id: 'order-17' })
    await items.increment('a', 1, { id: 'order-17' })
    await items.drain()
    await items.increment('a', 1, { id: 'order-17' })
    await items.drain()
    expect(source.sums.get('a')).toBe(1)
  })

  test('Redis is away: the source has it at once', async () => {
    const { server } = await startRedis()
    const { items, source } = openCounters(server.url)
    await items.increment('a', 1)
    await items.drain()
    await server.kill()
    await Promise.all(Array.from({ length: 20 }, () => items.increment('a', 1)))
    expect(source.sums.get('a')).toBe(21)
    expect(await items.get('a')).toBe(21)
    await server.start()
    await until(
      async () => (await items.increment('a', 1).then(() => items.drain())) && source.sums.get('a') === 22,
      'saved',
    )
  })

  test('a full Redis refuses the stream, not the increments, and what waited is flushed out of it', async () => {
    const { server, redis } = await startRedis({ maxmemory: '100mb', 'maxmemory-policy': 'noeviction' })
    const { items, source } = openCounters(server.url, undefined, { delay: '1m' })
    await items.drain()
    await items.increment('a', 1)
    await redis.config('SET', 'maxmemory', '1')
    await items.increment('a', 1)
    expect(source.sums.get('a')).toBe(1)
    expect(await items.drain()).toBe(true)
    expect(source.sums.get('a')).toBe(2)
    expect(await redis.xlen(stream)).toBe(0)
  })

  test('neither Redis nor the source takes it: a typed error with the id for the next attempt', async () => {
    const { server } = await startRedis()
    const { items, source } = openCounters(server.url)
    await items.drain()
    await server.kill()
    source.before = () => {
      throw new Error('no database')
    }
    const error = await items.increment('a', 1).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(WriteBehindRefusedError)
    expect(error).toMatchObject({
      code: 'PLIMSOLL_WRITE_BEHIND_REFUSED',
      retryAfter: 5,
      cause: { message: 'no database' },
    })
    source.before = () => {}
    await items.increment('a', 1, { id: (error as WriteBehindRefusedError).id })
    expect(source.sums.get('a')).toBe(1)
  })

  test('a flush of Redis loses what waited there, and nothing after it', async () => {
    const { server, redis } = await startRedis()
    const { items, source } = openCounters(server.url, undefined, { delay: '1m' })
    await items.drain()
    await items.increment('a', 1)
    await redis.flushall()
    await items.increment('a', 10)
    expect(await items.drain()).toBe(true)
    expect(source.sums.get('a')).toBe(10)
    expect(await items.get('a')).toBe(10)
  })
})

describe('values', () => {
  test('the last of a key is saved, with a sequence that grows', async () => {
    const { server } = await startRedis()
    const { items, source } = open<string>(server.url, { delay: '1m' })
    await items.drain()
    for (const value of ['one', 'two', 'three']) await items.set('a', value)
    expect(await items.get('a')).toBe('three')
    await items.drain()
    await items.set('a', 'four')
    await items.drain()
    const saved = source.calls.flat()
    expect(saved).toMatchObject([
      { kind: 'set', key: 'a', value: 'three', ids: [expect.anything(), expect.anything(), expect.anything()] },
      { kind: 'set', key: 'a', value: 'four' },
    ])
    const [first, second] = saved.map((operation) => operation.sequence ?? 0)
    expect(second).toBeGreaterThan(first ?? 0)
  })

  test('one that is set again while it is saved is acknowledged, and its neighbours with it', async () => {
    const { server, redis } = await startRedis()
    const { items, source, saved } = open<string>(server.url, { delay: '1m', batch: 2 }, undefined, {
      commandTimeout: 5_000,
    })
    await items.drain()
    let set = () => {}
    const again = new Promise<void>((resolve) => {
      set = resolve
    })
    source.before = () => again
    await items.set('a', 'one')
    await items.set('b', 'two')
    const draining = items.drain()
    await until(() => source.calls.length === 1, 'a batch is on its way')
    await items.set('a', 'three')
    set()
    await draining
    expect(saved()).toBe(2)
    expect(await items.drain()).toBe(true)
    expect(saved()).toBe(3)
    expect(await redis.exists(waiting)).toBe(0)
  })

  test('many are set in one call, and deleted in one', async () => {
    const { server, redis } = await startRedis()
    const { items, source } = open<string>(server.url, { delay: '1m' })
    await items.drain()
    await items.setMany([
      ['a', 'one'],
      ['b', 'two'],
      ['a', 'three'],
    ])
    expect(await items.getMany(['a', 'b'])).toEqual(
      new Map([
        ['a', 'three'],
        ['b', 'two'],
      ]),
    )
    await items.drain()
    expect(source.values).toEqual(
      new Map([
        ['a', 'three'],
        ['b', 'two'],
      ]),
    )
    await items.deleteMany(['a', 'b'])
    expect(await redis.exists(valueKey('a'), valueKey('b'))).toBe(0)
    expect(await items.get('a')).toBe('three')
  })

  test('update, tags and clear() are not for them', async () => {
    const { server } = await startRedis()
    const { items } = open<string>(server.url, {})
    await expect(items.update('a', () => 'one')).rejects.toThrow(InvalidOptionsError)
    await expect(items.invalidateTag('all')).rejects.toThrow(InvalidOptionsError)
    await expect(items.clear()).rejects.toThrow(InvalidOptionsError)
  })

  test('a read after the cached value was deleted waits for the newer one that is on its way', async () => {
    const { server } = await startRedis()
    const { items, source } = open<string>(server.url, { delay: 200 })
    source.values.set('a', 'old')
    await items.set('a', 'new')
    await items.delete('a')
    expect(await items.get('a')).toBe('new')
    expect(source.values.get('a')).toBe('new')
  })

  test('Redis is away: refused without a sequence of its own, saved with one', async () => {
    const { server } = await startRedis()
    const plain = open<string>(server.url, {})
    await plain.items.drain()
    await server.kill()
    await expect(plain.items.set('a', 'x')).rejects.toMatchObject({ code: 'PLIMSOLL_WRITE_BEHIND_REFUSED' })
    const versioned = open<{ version: number }>(server.url, { sequence: ({ version }) => version })
    await versioned.items.set('a', { version: 4 })
    await versioned.items.set('a', { version: 3 })
    expect(versioned.source.values.get('a')).toEqual({ version: 4 })
  })

  test('with a sequence of the values own the newest stays, in Redis and in the source', async () => {
    const { server } = await startRedis()
    const { items, source } = open<{ version: number }>(server.url, { sequence: ({ version }) => version, delay: '1m' })
    await items.drain()
    await items.set('a', { version: 2 })
    await items.set('a', { version: 1 })
    expect(await items.get('a')).toEqual({ version: 2 })
    await items.drain()
    expect(source.values.get('a')).toEqual({ version: 2 })
    expect(await items.get('a')).toEqual({ version: 2 })
  })
})

describe('flushing', () => {
  test('what cannot be saved is parked with its reason, and its neighbours are saved', async () => {
    const { server, redis } = await startRedis()
    const { items, source } = openCounters(server.url, undefined, { attempts: 2 })
    source.before = (operations) => {
      if (operations.some(({ key }) => key === 'bad')) throw new Error('check constraint')
    }
    await Promise.all(['good', 'bad', 'fine', 'bad'].map((key) => items.increment(key)))
    await until(async () => {
      await items.increment('good')
      return (await redis.xlen('shop:{item:behind:0}:parked')) === 2
    }, 'the bad ones are parked')
    await items.drain()
    expect(source.sums.get('fine')).toBe(1)
    expect(source.sums.has('bad')).toBe(false)
    const [[, fields] = ['', []]] = await redis.xrange('shop:{item:behind:0}:parked', '-', '+')
    expect(fields.join(' ')).toMatch(/reason Error: check constraint .* k bad b 1/)
    // The source is what counts.
    expect(await items.get('bad')).toBeUndefined()
    expect(await redis.xlen(stream)).toBe(0)
  })

  test('a source that is away parks nothing', async () => {
    const { server, redis } = await startRedis()
    const { items, source } = openCounters(server.url, undefined, { attempts: 1 })
    let away = true
    source.before = () => {
      if (away) throw new Error('connection refused')
    }
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => items.increment(key)))
    await until(() => source.calls.length > 12, 'it was tried again and again')
    expect(await redis.exists('shop:{item:behind:0}:parked')).toBe(0)
    away = false
    expect(await items.drain()).toBe(true)
    expect(source.sums.size).toBe(5)
  })

  test('consumers do not leak: of many processes that come and go only the last one is left', async () => {
    const { server, redis } = await startRedis()
    const source = new BehindSource()
    for (let index = 0; index < 3; index++) {
      const { items, close } = openCounters(server.url, source)
      await items.increment('a')
      await items.drain()
      await close()
    }
    expect(await redis.xinfo('CONSUMERS', stream, 'flushers')).toEqual([])
    expect(source.sums.get('a')).toBe(3)
  })

  test('what a dead process had taken is taken over, and its consumer goes', async () => {
    const { server, redis } = await startRedis()
    const source = new BehindSource()
    const first = openCounters(server.url, source, { delay: '1m' })
    await first.items.drain()
    await first.items.increment('a')
    // As if another had taken it and died: its lock is over.
    await redis.del('shop:{item:behind:0}:lock')
    await redis.xgroup('CREATE', stream, 'flushers', '0').catch(() => {})
    await redis.xreadgroup('GROUP', 'flushers', 'dead', 'COUNT', 10, 'STREAMS', stream, '>')
    expect(await first.items.drain()).toBe(true)
    expect(source.sums.get('a')).toBe(1)
    expect(first.takenOver()).toBe(1)
    expect(JSON.stringify(await redis.xinfo('CONSUMERS', stream, 'flushers'))).not.toContain('dead')
  })

  test('who has lost the lock acknowledges nothing: its successor does', async () => {
    const { server, redis } = await startRedis()
    const { items, source } = openCounters(server.url)
    let robbed = false
    source.before = async () => {
      if (!robbed) await redis.set('shop:{item:behind:0}:lock', 'another', 'PX', 100)
      robbed = true
    }
    await items.increment('a', 5)
    await until(() => robbed, 'a batch was saved')
    await until(async () => (await redis.xlen(stream)) === 0, 'it is saved once more and acknowledged')
    expect(source.sums.get('a')).toBe(5)
    expect(source.dropped).toBe(1)
  })

  test('close saves what waits', async () => {
    const { server, redis } = await startRedis()
    const { items, source, close } = openCounters(server.url, undefined, { delay: '1m' })
    await items.drain()
    await items.increment('a', 4)
    await close()
    expect(source.sums.get('a')).toBe(4)
    expect(await redis.exists('shop:{item:behind:0}:lock')).toBe(0)
  })

  test('on a cluster a value and its stream share a slot, and every group is flushed', async () => {
    const cluster = await startRedisCluster(3)
    afterwards(() => cluster.stop())
    const { items, source } = openCounters({ cluster: [...cluster.urls] })
    const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`)
    await until(() => items.increment('first').then((_) => true), 'the cluster is connected')
    await Promise.all(keys.map((key) => items.increment(key, 3)))
    expect(await items.drain()).toBe(true)
    expect(keys.every((key) => source.sums.get(key) === 3)).toBe(true)
    expect(await items.get('key-7')).toBe(3)
  })
})

describe('the eviction policy', () => {
  test('one that may evict the stream is refused, loudly, unless allowed', async () => {
    const { server } = await startRedis({ maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' })
    const { items, source, findings } = openCounters(server.url)
    const error = await items.increment('a').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(EvictionPolicyError)
    expect(source.calls).toEqual([])
    await until(() => findings().includes('policy-eviction-on-queue'), 'it is a finding')
    const allowed = openCounters(server.url, source, { allowEviction: true })
    await allowed.items.increment('a')
    await allowed.items.drain()
    expect(source.sums.get('a')).toBe(1)
  })

  test('volatile policies are taken: the stream has no TTL', async () => {
    const { server } = await startRedis({ maxmemory: '100mb', 'maxmemory-policy': 'volatile-lru' })
    const { items, source } = openCounters(server.url)
    await items.increment('a')
    await items.drain()
    expect(source.sums.get('a')).toBe(1)
  })
})
