import { afterEach, describe, expect, test } from 'vitest'
import { createKeySpace } from '../entry/key.ts'
import { CacheClosedError } from '../errors.ts'
import type { NamespaceOptions } from '../options/namespace-options.ts'
import { type Deferred, deferred } from '../testing-support/local-cache.ts'
import { lasting, SimulatedProcess } from '../testing-support/simulated-process.ts'
import { World } from '../testing-support/simulated-world.ts'
import { drawing, settle } from '../testing-support/stepping-clock.ts'
import { seenOf } from './lease.ts'

const { value: valueKey, lease: leaseKey } = createKeySpace('shop', 'product', 0)

const opened: SimulatedProcess[] = []
afterEach(() => {
  for (const process of opened.splice(0)) process.close()
})

/** So many processes round one Redis, whose loads end when the test says so. */
function open(count: number, options: Partial<NamespaceOptions<string>> = {}) {
  const world = new World()
  const loads: (Deferred<string | undefined> & { readonly by: string })[] = []
  const processes = Array.from({ length: count }, (_, index) => {
    const by = `P${index}`
    const load = () => {
      const pending = { ...deferred<string | undefined>(), by }
      loads.push(pending)
      return pending.promise
    }
    return new SimulatedProcess(world, by, { ...lasting(world), load, ...options })
  })
  opened.push(...processes)
  world.onPublish = (message) => {
    for (const process of processes) process.hear(message)
  }
  /** Lets everything happen that is due within so many milliseconds. */
  const pass = async (milliseconds: number) => {
    const until = world.clock.now() + milliseconds
    for (;;) {
      await world.calm()
      if ((world.clock.nextAt ?? Number.POSITIVE_INFINITY) > until) break
      world.clock.runNext()
    }
    await world.clock.advance(until - world.clock.now())
    await world.calm()
  }
  const [first, second, third] = processes
  if (first === undefined) throw new Error('there are processes')
  return { world, processes, loads, pass, first, second: second ?? first, third: third ?? first }
}

test('a read that meets the lease of another once its cache is closed does not wait for it', async () => {
  const { first, second, pass } = open(2)
  void first.namespace.get('a')
  await pass(0)
  const outcome: unknown[] = []
  second.namespace.get('a').catch((error: unknown) => outcome.push(error))
  second.namespace.close()
  second.close()
  await pass(10)
  expect(outcome).toEqual([expect.any(CacheClosedError)])
})

describe('one load across the processes', () => {
  test('of a cold key, however many ask', async () => {
    const { processes, loads, pass } = open(8)
    const answers = processes.flatMap(({ namespace }) => Array.from({ length: 100 }, () => namespace.get('a')))
    await pass(20)
    expect(loads).toHaveLength(1)
    loads[0]?.resolve('value')
    await pass(0)
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['value']))
    expect(loads).toHaveLength(1)
  })

  test('is renewed for as long as it takes', async () => {
    const { world, processes, loads, pass } = open(2)
    const answers = processes.map(({ namespace }) => namespace.get('a'))
    await pass(2_900)
    expect(loads).toHaveLength(1)
    expect(world.redis.ttl(leaseKey('a'))).toBeGreaterThan(1_000)
    loads[0]?.resolve('value')
    await pass(0)
    expect(await Promise.all(answers)).toEqual(['value', 'value'])
    expect(world.redis.get(leaseKey('a'))).toBeNull()
    expect(world.clock.pending).toBe(0)
  })

  test('wakes those who wait as soon as it ends, and a failed one makes room for the next', async () => {
    const { first, second, loads, pass } = open(2)
    const failed = first.namespace.get('a')
    failed.catch(() => {})
    await pass(0)
    const waiting = second.namespace.get('a')
    await pass(30)
    loads[0]?.reject(new Error('down'))
    await pass(0)
    await expect(failed).rejects.toThrow('down')
    expect(loads.map(({ by }) => by)).toEqual(['P0', 'P1'])
    loads[1]?.resolve('value')
    await pass(0)
    expect(await waiting).toBe('value')
  })

  test('that dies with its process is that of another within 2 seconds and a poll', async () => {
    const { first, second, loads, pass, world } = open(2)
    void first.namespace.get('a')
    await pass(0)
    first.die()
    const waiting = second.namespace.get('a')
    await pass(1_900)
    expect(loads).toHaveLength(1)
    await pass(400)
    expect(loads.map(({ by }) => by)).toEqual(['P0', 'P1'])
    loads[1]?.resolve('value')
    await pass(0)
    expect(await waiting).toBe('value')
    expect(world.redis.get(valueKey('a'))).not.toBeNull()
  })

  test('is waited for no longer than lease.wait; then everybody loads for himself and stores nothing', async () => {
    const { first, second, loads, pass } = open(2, { lease: { wait: 500 } })
    const slow = first.namespace.get('a')
    await pass(0)
    const waiting = second.namespace.get('a')
    await pass(499)
    expect(loads).toHaveLength(1)
    await pass(1)
    expect(loads.map(({ by }) => by)).toEqual(['P0', 'P1'])
    loads[1]?.resolve('of the second')
    await pass(0)
    expect(await waiting).toBe('of the second')
    loads[0]?.resolve('of the first')
    await pass(0)
    expect(await slow).toBe('of the first')
    expect(first.namespace.counters).toMatchObject({ stores: 1 })
    expect(second.namespace.counters).toMatchObject({ stores: 0, storesSkipped: 1 })
  })

  test('is not promised with lease: false', async () => {
    const { processes, loads, pass } = open(3, { lease: false })
    const answers = processes.map(({ namespace }) => namespace.get('a'))
    await pass(0)
    expect(loads).toHaveLength(3)
    for (const load of loads) load.resolve('value')
    await pass(0)
    expect(await Promise.all(answers)).toEqual(['value', 'value', 'value'])
    for (const { namespace } of processes) expect(namespace.counters.stores).toBe(1)
  })
})

test('a batch does not wait for a key that another process loads', async () => {
  const batches: (readonly string[])[] = []
  const loadMany = async (keys: readonly string[]) => {
    batches.push(keys)
    return new Map(keys.map((key) => [key, `${key} of the batch`]))
  }
  const { first, second, loads, pass } = open(2, { loadMany })
  void first.namespace.get('a')
  await pass(0)
  const many = second.namespace.getMany(['a', 'b', 'c'])
  await pass(10)
  expect(batches).toEqual([['b', 'c']])
  loads[0]?.resolve('a of the other')
  await pass(0)
  expect([...(await many)]).toEqual([
    ['a', 'a of the other'],
    ['b', 'b of the batch'],
    ['c', 'c of the batch'],
  ])
  expect(loads).toHaveLength(1)
})

describe('a load that lost its lease', () => {
  test.each([
    ['evicted', async (world: World) => world.redis.evict(leaseKey('a'))],
    ['taken by a write', async (_: World, other: SimulatedProcess) => void other.namespace.set('a', 'written')],
    ['voided by a delete', async (_: World, other: SimulatedProcess) => void other.namespace.delete('a')],
  ])('(%s) answers its callers and stores nothing in Redis', async (_, happen) => {
    const { world, first, second, loads, pass } = open(2, { save: () => {} })
    const slow = first.namespace.get('a')
    await pass(0)
    await happen(world, second)
    await pass(0)
    const before = world.redis.get(valueKey('a'))
    loads[0]?.resolve('old')
    await pass(0)
    expect(await slow).toBe('old')
    expect(world.redis.get(valueKey('a'))).toEqual(before)
    expect(first.namespace.counters).toMatchObject({ stores: 0, storesSkipped: 1 })
  })

  test('is renewed no more', async () => {
    const { world, first, loads, pass } = open(1)
    const slow = first.namespace.get('a')
    await pass(0)
    world.redis.evict(leaseKey('a'))
    await pass(600)
    expect(world.redis.get(leaseKey('a'))).toBeNull()
    const { log } = world
    const renewals = log.filter((line) => line.includes('renewLease')).length
    await pass(3_000)
    expect(log.filter((line) => line.includes('renewLease'))).toHaveLength(renewals)
    loads[0]?.resolve('value')
    await pass(0)
    expect(await slow).toBe('value')
  })
})

describe('an older value in Redis', () => {
  const options = { ttl: 1_000, staleWhileRevalidate: 60_000, local: { ttl: 100 } }

  test('is answered at once by every process, while one of them loads', async () => {
    const { processes, loads, pass } = open(4, options)
    const cold = processes[0]?.namespace.get('a')
    await pass(0)
    loads[0]?.resolve('first')
    await pass(1_500)
    await cold
    const answers = processes.map(({ namespace }) => namespace.get('a'))
    await pass(0)
    expect(await Promise.all(answers)).toEqual(['first', 'first', 'first', 'first'])
    expect(loads).toHaveLength(2)
    loads[1]?.resolve('second')
    await pass(0)
    await pass(200)
    const later = processes.map(({ namespace }) => namespace.get('a'))
    await pass(0)
    expect(await Promise.all(later)).toEqual(['second', 'second', 'second', 'second'])
    expect(loads).toHaveLength(2)
  })

  test('serves where the source fails, and the source is asked once a second', async () => {
    const { first, loads, pass } = open(1, { ttl: 1_000, staleIfError: 60_000, local: { ttl: 100 } })
    const cold = first.namespace.get('a')
    await pass(0)
    loads[0]?.resolve('first')
    await pass(1_500)
    await cold
    const answer = first.namespace.get('a')
    await pass(0)
    loads[1]?.reject(new Error('down'))
    await pass(0)
    expect(await answer).toBe('first')
    for (let index = 0; index < 9; index++) {
      const again = first.namespace.get('a')
      await pass(100)
      expect(await again).toBe('first')
    }
    expect(loads).toHaveLength(2)
  })
})

test('an early refresh loads, though Redis still holds the fresh value that it is to replace', async () => {
  // A life of 949.05 ms: what is kept here and what is stored in Redis must still be known for the same.
  const { world, first, loads, pass } = open(1, { ttl: 999, ttlJitter: 0.1, earlyExpiration: { beta: 1 } })
  const cold = first.namespace.get('a')
  await pass(50)
  loads[0]?.resolve('first')
  await pass(900)
  expect(await cold).toBe('first')
  world.random = drawing(0.999_999, 0)
  expect(await first.namespace.get('a')).toBe('first')
  await pass(0)
  expect(loads).toHaveLength(2)
  loads[1]?.resolve('second')
  await pass(0)
  expect(await first.namespace.get('a')).toBe('second')
})

describe('a full Redis', () => {
  test('costs one load a process, and every process keeps its value', async () => {
    const { world, processes, loads, pass } = open(3)
    world.redis.full = true
    for (let round = 0; round < 5; round++) {
      const answers = processes.map(({ namespace }) => namespace.get('a'))
      await pass(0)
      for (const load of loads) load.resolve('value')
      await pass(0)
      expect(await Promise.all(answers)).toEqual(['value', 'value', 'value'])
      await pass(1_000)
    }
    expect(loads).toHaveLength(3)
    expect(world.redis.get(valueKey('a'))).toBeNull()
  })

  test('still loses what is written: a set that it refuses drops the older value everywhere', async () => {
    const { world, first, second, loads, pass } = open(2, { save: () => {} })
    const filled = [first, second].map(({ namespace }) => namespace.get('a'))
    await pass(0)
    loads[0]?.resolve('old')
    await pass(0)
    await Promise.all(filled)
    world.redis.full = true
    const written = first.namespace.set('a', 'new')
    await pass(0)
    await written
    expect(world.redis.get(valueKey('a'))).toBeNull()
    expect(await first.namespace.get('a')).toBe('new')
    const other = second.namespace.get('a')
    await pass(0)
    loads[1]?.resolve('new')
    await pass(0)
    expect(await other).toBe('new')
    expect(loads).toHaveLength(2)
  })
})

describe('an entry that is not believed any more, for messages may have been missed,', () => {
  async function doubted(staleIfError: number) {
    const made = open(1, { staleIfError })
    const filled = made.first.namespace.get('a')
    await made.pass(0)
    made.loads[0]?.resolve('perhaps old')
    await made.pass(0)
    await filled
    made.world.redis.evict(valueKey('a'))
    made.first.namespace.onDoubt()
    const answer = made.first.namespace.get('a')
    answer.catch(() => {})
    await made.pass(0)
    made.loads[1]?.reject(new Error('down'))
    await made.pass(0)
    return { answer, loads: made.loads }
  }

  test('is looked up again', async () => {
    expect((await doubted(0)).loads).toHaveLength(2)
  })

  test('answers where the source fails and staleIfError allows it', async () => {
    expect(await (await doubted(60_000)).answer).toBe('perhaps old')
  })

  test('is no answer to a failing source without staleIfError', async () => {
    await expect((await doubted(0)).answer).rejects.toThrow('down')
  })
})

test('what was seen is told from what has arrived by its time of expiry', () => {
  expect(seenOf(null).toString()).toBe('-')
  expect(seenOf(undefined).toString()).toBe('-')
  expect(seenOf(Buffer.from('PL..freshest, and more')).toString()).toBe('+freshest')
  expect(seenOf(Buffer.from('PL')).toString()).toBe('+')
})

// A refresh that nobody waits for has nothing to wait for either.
test('no timer is left when every flight has ended', async () => {
  const { world, processes, loads, pass } = open(3)
  const answers = processes.map(({ namespace }) => namespace.get('a'))
  await pass(100)
  loads[0]?.resolve('value')
  await pass(0)
  await Promise.all(answers)
  await settle()
  expect(world.clock.pending).toBe(0)
})
