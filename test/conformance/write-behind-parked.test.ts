import { describe, expect, test } from 'vitest'
import {
  type BehindOptions,
  type Cache,
  type CacheOptions,
  createCache,
  InvalidArgumentError,
  type Namespace,
  ParkedUnavailableError,
} from '../../packages/core/src/index.ts'
import { BehindSource } from '../support/behind-source.ts'
import { cleanup } from '../support/cleanup.ts'
import { behindTools, type OpenBehind } from '../support/open-behind.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
const { startRedis, open } = behindTools(afterwards)

const parkedKey = 'shop:{item:behind:0}:parked'
const streamKey = 'shop:{item:behind:0}:stream'

/** A source that refuses some keys for as long as they are in `bad`. */
function pickySource(...keys: string[]): { source: BehindSource; bad: Set<string> } {
  const source = new BehindSource()
  const bad = new Set(keys)
  source.before = (operations) => {
    if (operations.some(({ key }) => bad.has(key))) throw new Error('check constraint')
  }
  return { source, bad }
}

function openCounters(redis: CacheOptions['redis'], source: BehindSource, behind: BehindOptions<number> = {}) {
  return open<number>(redis, { counters: true, attempts: 1, ...behind }, source, { commandTimeout: 5_000 })
}

interface Held {
  readonly cache: Cache
  readonly items: Namespace<number>
  hits(): number
}

/** Writes other keys until so many are parked: nothing is while nothing else is saved. */
async function untilParked<V>(
  { items }: Pick<OpenBehind<V>, 'items'>,
  count: number,
  write: () => Promise<unknown>,
): Promise<void> {
  await until(async () => {
    await write()
    return (await items.listParked({ limit: 1_000 })).operations.length >= count
  }, `${count} operations are parked`)
}

describe('what is parked', () => {
  test('is listed a page at a time, with all that is to be known of it', async () => {
    const { server } = await startRedis()
    const { source } = pickySource('bad')
    const counters = openCounters(server.url, source, { attempts: 3 })
    const before = Date.now()
    for (const by of [1, 2, 3]) await counters.items.increment('bad', by, { id: `order-${by}` })
    await untilParked(counters, 3, () => counters.items.increment('good'))
    const first = await counters.items.listParked({ limit: 2 })
    expect(first.operations).toEqual(
      [1, 2].map((by) => ({
        ...{ kind: 'increment', key: 'bad', id: `order-${by}`, increment: by, attempts: 3 },
        ...{ reason: 'Error: check constraint', place: expect.any(String) },
        ...{ writtenAt: expect.any(Number), parkedAt: expect.any(Number) },
      })),
    )
    const [{ writtenAt, parkedAt } = { writtenAt: 0, parkedAt: 0 }] = first.operations
    expect(writtenAt).toBeGreaterThanOrEqual(before - 1)
    expect(parkedAt).toBeGreaterThanOrEqual(writtenAt)
    const second = await counters.items.listParked({ limit: 2, after: first.next ?? '' })
    expect(second.operations).toMatchObject([{ id: 'order-3' }])
    expect(second.next).toBeUndefined()
    await until(() => counters.health()?.parked === 3, 'health() tells of them')
    expect(counters.health()?.parkedShare).toBeCloseTo(3 / 10_000)
  })

  test('comes back with its ids: what was saved after all counts once', async () => {
    const { server, redis } = await startRedis()
    const { source, bad } = pickySource('bad')
    const counters = openCounters(server.url, source)
    const { items } = counters
    await items.increment('bad', 5, { id: 'once' })
    await items.increment('bad', 7, { id: 'twice' })
    await untilParked(counters, 2, () => items.increment('good'))
    bad.clear()
    // It reached the source, though the source said no.
    await source.saveMany([
      { kind: 'increment', key: 'bad', increment: 7, ids: ['twice'], increments: [7], sequence: undefined },
    ])
    expect(await items.retryParked('all')).toBe(2)
    expect(await items.drain()).toBe(true)
    expect(source.sums.get('bad')).toBe(12)
    expect(await redis.xlen(parkedKey)).toBe(0)
    expect(await items.retryParked('all')).toBe(0)
  })

  test('a counter that is retried is read with what waits, cached or not', async () => {
    const { server } = await startRedis()
    const { source, bad } = pickySource('bad')
    const counters = openCounters(server.url, source)
    const { items } = counters
    source.sums.set('bad', 100)
    await items.increment('bad', 5)
    await untilParked(counters, 1, () => items.increment('good'))
    expect(await items.get('bad')).toBe(100)
    let isHeld = true
    source.before = () => {
      if (isHeld) throw new Error('not yet')
    }
    expect(await items.retryParked('all')).toBe(1)
    expect(await items.get('bad')).toBe(105)
    isHeld = false
    bad.clear()
    expect(await items.drain()).toBe(true)
    expect(source.sums.get('bad')).toBe(105)
    expect(await items.get('bad')).toBe(105)
  })

  test('a retry makes other processes forget what they hold', async () => {
    const { server } = await startRedis()
    const { source, bad } = pickySource('bad')
    const [one, another] = [0, 1].map(() => {
      const cache = createCache({ name: 'shop', redis: server.url, commandTimeout: 5_000 })
      afterwards(() => cache.close())
      const items = cache.namespace<number>({
        ...{ name: 'item', write: 'behind', behind: { counters: true, attempts: 1, delay: 20 }, local: { ttl: '10m' } },
        load: (key) => source.read(key) as number | undefined,
        saveMany: source.saveMany,
      })
      return { cache, items, hits: () => cache.health().namespaces['item']?.localHits ?? 0 }
    }) as [Held, Held]
    await until(() => [one, another].every(({ cache }) => cache.health().redis.channel === 'connected'), 'they hear')
    source.sums.set('bad', 100)
    await one.items.increment('bad', 5)
    await untilParked(one, 1, () => one.items.increment('good'))
    await until(async () => {
      expect(await another.items.get('bad')).toBe(100)
      return another.hits() > 0
    }, 'it is held locally')
    bad.clear()
    await one.items.retryParked('all')
    await until(async () => (await another.items.get('bad')) === 105, 'the other one has heard of it')
  })

  test('a value that is retried does not overtake a newer one, in the source or in Redis', async () => {
    const { server } = await startRedis()
    const { source, bad } = pickySource('bad')
    const values = open<string>(server.url, { attempts: 1 }, source, { commandTimeout: 5_000 })
    const { items } = values
    await items.set('bad', 'old')
    await untilParked(values, 1, () => items.set('good', 'any'))
    bad.clear()
    await items.set('bad', 'new')
    expect(await items.drain()).toBe(true)
    expect(await items.retryParked('all')).toBe(1)
    expect(await items.drain()).toBe(true)
    expect(source.values.get('bad')).toBe('new')
    expect(source.dropped).toBe(1)
    expect(await items.get('bad')).toBe('new')
  })

  test('a value that is retried alone is saved, and read once it is', async () => {
    const { server } = await startRedis()
    const { source, bad } = pickySource('bad')
    const values = open<{ version: number }>(server.url, { attempts: 1, sequence: ({ version }) => version }, source, {
      commandTimeout: 5_000,
    })
    const { items } = values
    await items.set('bad', { version: 4 })
    await untilParked(values, 1, () => items.set('good', { version: 1 }))
    expect((await items.listParked()).operations).toMatchObject([{ kind: 'set', value: { version: 4 } }])
    expect(await items.get('bad')).toBeUndefined()
    bad.clear()
    await items.retryParked('all')
    expect(await items.get('bad')).toEqual({ version: 4 })
    expect(source.calls.flat().findLast(({ key }) => key === 'bad')?.sequence).toBe(4)
  })

  test('what fails again is parked again, and one retry of all ends', async () => {
    const { server } = await startRedis()
    const { source } = pickySource('bad')
    const counters = openCounters(server.url, source)
    const { items } = counters
    for (let index = 0; index < 250; index++) await items.increment('bad', 1, { id: `order-${index}` })
    await untilParked(counters, 250, () => items.increment('good'))
    expect(await items.retryParked('all')).toBe(250)
    await untilParked(counters, 250, () => items.increment('good'))
    const { operations } = await items.listParked({ limit: 1_000 })
    expect(new Set(operations.map(({ id }) => id)).size).toBe(250)
  })

  test('is thrown away by name only, and told once more', async () => {
    const { server, redis } = await startRedis()
    const { source } = pickySource('bad')
    const counters = openCounters(server.url, source)
    const { items } = counters
    for (const id of ['a', 'b', 'c']) await items.increment('bad', 1, { id })
    await untilParked(counters, 3, () => items.increment('good'))
    const [first, second] = (await items.listParked()).operations
    const places = [first?.place ?? '', second?.place ?? '']
    expect(await items.discardParked(places)).toEqual([first, second])
    expect(await items.discardParked(places)).toEqual([])
    expect(await items.retryParked(places)).toBe(0)
    expect(await redis.xlen(parkedKey)).toBe(1)
  })

  test('a retry and a discard of the same place: one of them has it', async () => {
    const { server } = await startRedis()
    const { source, bad } = pickySource('bad')
    const counters = openCounters(server.url, source)
    const { items } = counters
    for (let index = 0; index < 60; index++) await items.increment('bad', 1, { id: `order-${index}` })
    await untilParked(counters, 60, () => items.increment('good'))
    bad.clear()
    const places = (await items.listParked()).operations.map(({ place }) => place)
    const [retried, ...discarded] = await Promise.all([
      items.retryParked('all'),
      ...places.map((place) => items.discardParked([place])),
    ])
    await items.drain()
    expect(retried + discarded.flat().length).toBe(60)
    expect(source.sums.get('bad') ?? 0).toBe(retried)
  })

  test('an entry that nobody can read is parked, listed as that, and may be thrown away', async () => {
    const { server, redis } = await startRedis()
    const { source } = pickySource()
    const counters = openCounters(server.url, source)
    await redis.xadd('shop:{item:behind:0}:stream', '*', 'what', 'ever')
    await untilParked(counters, 1, () => counters.items.increment('good'))
    const { operations } = await counters.items.listParked()
    expect(operations).toMatchObject([{ kind: 'unreadable', key: '', attempts: 0 }])
    expect(await counters.items.discardParked(operations.map(({ place }) => place))).toEqual(operations)
  })
})

describe('bounds', () => {
  test('beyond maxParked nothing is lost: it stays among what waits until there is room', async () => {
    const { server, redis } = await startRedis()
    const { source, bad } = pickySource('bad-1', 'bad-2')
    const counters = openCounters(server.url, source, { maxParked: 1 })
    const { items } = counters
    await items.increment('bad-1')
    await untilParked(counters, 1, () => items.increment('good'))
    await items.increment('bad-2')
    await until(async () => {
      await items.increment('good')
      return counters.health()?.failure === 'ParkedFull'
    }, 'health() says what is the matter')
    expect(counters.health()?.parkedShare).toBe(1)
    expect(await redis.xlen(parkedKey)).toBe(1)
    const places = (await items.listParked()).operations.map(({ place }) => place)
    await items.discardParked(places)
    await until(async () => (await items.listParked()).operations[0]?.key === 'bad-2', 'the other one has its place')
    bad.clear()
    await items.retryParked('all')
    expect(await items.drain(20_000)).toBe(true)
    expect(source.sums.get('bad-2')).toBe(1)
  })

  test('a retry that a full Redis refuses changes nothing, and says so', async () => {
    const { server, redis } = await startRedis()
    const { source } = pickySource('bad')
    const counters = openCounters(server.url, source)
    const { items } = counters
    await items.increment('bad')
    await untilParked(counters, 1, () => items.increment('good'))
    await items.drain()
    await redis.config('SET', 'maxmemory', '1')
    await expect(items.retryParked('all')).rejects.toThrow(ParkedUnavailableError)
    expect(await redis.xlen(parkedKey)).toBe(1)
    expect(await redis.xlen(streamKey)).toBe(0)
  })

  test('a retry that finds no room in the stream changes nothing, and says so', async () => {
    const { server, redis } = await startRedis()
    const { source } = pickySource('bad')
    const counters = openCounters(server.url, source, { maxWaiting: 3 })
    const { items } = counters
    for (let index = 0; index < 2; index++) await items.increment('bad')
    await untilParked(counters, 2, () => items.increment('good'))
    await items.drain()
    source.before = () => {
      throw new Error('away')
    }
    for (let index = 0; index < 2; index++) await items.increment('good')
    await expect(items.retryParked('all')).rejects.toThrow(/maxWaiting/)
    expect(await redis.xlen(parkedKey)).toBe(2)
    expect(await redis.xlen(streamKey)).toBe(2)
  })

  test('without Redis: a typed error', async () => {
    const { server } = await startRedis()
    const counters = openCounters(server.url, new BehindSource())
    await counters.items.drain()
    await server.kill()
    await expect(counters.items.listParked()).rejects.toMatchObject({
      code: 'PLIMSOLL_PARKED_UNAVAILABLE',
      retryAfter: 5,
    })
  })

  test('wrong arguments name themselves', async () => {
    const { server } = await startRedis()
    const { items } = openCounters(server.url, new BehindSource())
    await expect(items.listParked({ limit: 0 })).rejects.toThrow(/limit.*1 to 1,000/)
    await expect(items.listParked({ after: 'x' })).rejects.toThrow(InvalidArgumentError)
    await expect(items.discardParked(['7/1-0'])).rejects.toThrow(/places/)
    await expect(items.retryParked(['1-0'])).rejects.toThrow(/places/)
    const through = createCache({ name: 'shop', redis: server.url })
    afterwards(() => through.close())
    await expect(through.namespace({ name: 'plain', load: () => 1 }).listParked()).rejects.toThrow(/write: "behind"/)
  })
})

test('on a cluster all slot groups are listed and retried', async () => {
  const cluster = await startRedisCluster(3)
  afterwards(() => cluster.stop())
  const keys = Array.from({ length: 30 }, (_, index) => `bad-${index}`)
  const { source, bad } = pickySource(...keys)
  const counters = openCounters({ cluster: [...cluster.urls] }, source)
  const { items } = counters
  await until(() => items.increment('first').then((_) => true), 'the cluster is connected')
  for (const key of keys) await items.increment(key, 2)
  const others = Array.from({ length: 40 }, (_, index) => `good-${index}`)
  await untilParked(counters, 30, () => Promise.all(others.map((key) => items.increment(key))))
  const listed: string[] = []
  let after: string | undefined
  do {
    const page = await items.listParked({ limit: 7, ...(after === undefined ? {} : { after }) })
    listed.push(...page.operations.map(({ key }) => key))
    after = page.next
  } while (after !== undefined)
  expect(listed.sort()).toEqual([...keys].sort())
  bad.clear()
  expect(await items.retryParked('all')).toBe(30)
  expect(await items.drain()).toBe(true)
  expect(keys.every((key) => source.sums.get(key) === 2)).toBe(true)
})
