import { afterEach, expect, test } from 'vitest'
import { createKeySpace } from '../entry/key.ts'
import { CacheClosedError, WarmStalledError } from '../errors.ts'
import type { NamespaceOptions } from '../options/namespace-options.ts'
import { lasting, SimulatedProcess } from '../testing-support/simulated-process.ts'
import { World } from '../testing-support/simulated-world.ts'
import { settle } from '../testing-support/stepping-clock.ts'

const { value: valueKey, lease: leaseKey } = createKeySpace('shop', 'product', 0)
const opened: SimulatedProcess[] = []
afterEach(() => {
  for (const process of opened.splice(0)) process.close()
})

/** Two processes round one Redis, whose loads take 10 ms; `calls` has the keys of each. */
function open(options: Partial<NamespaceOptions<string>> = {}) {
  const world = new World()
  const calls: string[][] = []
  const load = async (keys: readonly string[]) => {
    calls.push([...keys])
    await new Promise<void>((resolve) => world.clock.setTimeout(resolve, 10))
    return new Map(keys.map((key) => [key, `value of ${key}`]))
  }
  const processes = ['P0', 'P1'].map(
    (name) => new SimulatedProcess(world, name, { ...lasting(world), load: undefined, loadMany: load, ...options }),
  )
  opened.push(...processes)
  const [first, second] = processes as [SimulatedProcess, SimulatedProcess]
  const pass = async (milliseconds: number) => {
    const until = world.clock.now() + milliseconds
    for (await world.calm(); (world.clock.nextAt ?? Number.POSITIVE_INFINITY) <= until; await world.calm()) {
      world.clock.runNext()
    }
    await world.clock.advance(until - world.clock.now())
    await world.calm()
  }
  /** Every key that was loaded, as often as it was. */
  const loaded = () => calls.flat().sort()
  return { world, calls, loaded, first, second, pass }
}

test('a batch is one call of loadMany, and its keys are in Redis afterwards', async () => {
  const { world, calls, first, pass } = open()
  const warming = first.namespace.warm(['a', 'b', 'c'])
  await pass(20)
  expect(await warming).toMatchObject({ done: 3, loaded: 3, found: 0, unstored: 0 })
  expect(calls).toEqual([['a', 'b', 'c']])
  for (const key of ['a', 'b', 'c']) expect(world.redis.get(valueKey(key))).not.toBeNull()
  const again = first.namespace.warm(['a', 'b', 'c', 'd'])
  await pass(20)
  expect(await again).toMatchObject({ done: 4, loaded: 1, found: 3 })
  expect(calls[1]).toEqual(['d'])
})

test('it is counted neither as a hit nor as a miss: nobody asked', async () => {
  const { first, second, pass } = open()
  for (const { namespace } of [first, second]) {
    const warming = namespace.warm(['a', 'b'])
    await pass(200)
    await warming
  }
  for (const { namespace } of [first, second])
    expect(namespace.counters).toMatchObject({ misses: 0, redisHits: 0, localHits: 0, getErrors: 0 })
})

test('the same key twice is loaded once', async () => {
  const { loaded, first, pass } = open()
  const warming = first.namespace.warm(['a', 'a', 'b', 'a'])
  await pass(500)
  expect(await warming).toMatchObject({ done: 4, total: 4 })
  expect(loaded()).toEqual(['a', 'b'])
})

test('a key that cannot be one is a failed one, and holds up nobody', async () => {
  const { loaded, first, pass } = open()
  const warming = first.namespace.warm(['a', 7 as unknown as string, 'b'])
  await pass(500)
  expect(await warming).toMatchObject({ done: 3, failed: 1, loaded: 2 })
  expect(loaded()).toEqual(['a', 'b'])
})

test('what another process loads is left to it, and found afterwards; nobody sleeps for it', async () => {
  const { loaded, first, second, pass } = open()
  const all = ['a', 'b', 'c', 'd']
  const both = [first.namespace.warm(all), second.namespace.warm(all)]
  await pass(500)
  const [one, other] = await Promise.all(both)
  expect((one?.loaded ?? 0) + (other?.loaded ?? 0)).toBe(4)
  expect(loaded()).toEqual(all)
  expect(first.namespace.counters.leaseWaits + second.namespace.counters.leaseWaits).toBe(0)
})

test('what a killed process had begun is loaded when its leases are over', async () => {
  const { loaded, first, second, pass } = open()
  void first.namespace.warm(['a']).catch(() => {})
  await pass(5)
  expect(loaded()).toEqual(['a'])
  first.die()
  const warming = second.namespace.warm(['a'])
  await pass(1_900)
  expect(loaded()).toEqual(['a'])
  await pass(500)
  expect(await warming).toMatchObject({ done: 1, loaded: 1 })
})

test('while Redis answers too late nothing is loaded, and afterwards each key once', async () => {
  const { world, loaded, first, pass } = open()
  first.late = true
  const warming = first.namespace.warm(['a', 'b'])
  await pass(5_000)
  expect(loaded()).toEqual([])
  first.late = false
  await pass(5_000)
  expect(await warming).toMatchObject({ done: 2, loaded: 2, unstored: 0 })
  expect(loaded()).toEqual(['a', 'b'])
  expect(world.redis.get(leaseKey('a'))).toBeNull()
})

test('what was loaded is offered to a Redis that answers late until it takes it', async () => {
  const { loaded, first, second, pass } = open()
  first.losesStores = true
  const warming = first.namespace.warm(['a'])
  await pass(1_000)
  first.losesStores = false
  const other = second.namespace.warm(['a'])
  await pass(1_000)
  expect(await warming).toMatchObject({ done: 1, loaded: 1, unstored: 0 })
  expect(await other).toMatchObject({ done: 1, found: 1 })
  expect(loaded()).toEqual(['a'])
})

test('what Redis does not take while the lease may live is not loaded again by this call', async () => {
  const { loaded, first, pass } = open()
  first.losesStores = true
  const warming = first.namespace.warm(['a'])
  await pass(5_000)
  expect(await warming).toMatchObject({ done: 1, loaded: 1, unstored: 1 })
  expect(loaded()).toEqual(['a'])
})

test('a full Redis gives no leases: it ends, and the source was not asked', async () => {
  const { world, loaded, first, pass } = open()
  world.redis.full = true
  const warming = first.namespace.warm(['a', 'b'], { wait: '5s' })
  warming.catch(() => {})
  await pass(10_000)
  await expect(warming).rejects.toThrow(WarmStalledError)
  expect(loaded()).toEqual([])
})

test('a get of a key that is being warmed is answered as any other, also where warming would wait', async () => {
  const { loaded, first, pass } = open()
  first.late = true
  const warming = first.namespace.warm(['a'])
  await settle()
  const got = first.namespace.get('a')
  await pass(100)
  expect(await got).toBe('value of a')
  first.late = false
  await pass(10_000)
  await warming
  expect(loaded().length).toBeLessThanOrEqual(2)
})

test('closing ends it', async () => {
  const { first, pass } = open()
  first.late = true
  const warming = first.namespace.warm(['a'])
  warming.catch(() => {})
  await pass(300)
  first.namespace.close()
  await expect(warming).rejects.toThrow(CacheClosedError)
})

test('without load and loadMany there is nothing to warm by', async () => {
  const { first } = open({ loadMany: undefined })
  await expect(first.namespace.warm(['a'])).rejects.toThrow('load or loadMany')
})

test('after the signal what has begun ends, nothing else begins, and no lease is left', async () => {
  const { world, calls, first, pass } = open()
  const controller = new AbortController()
  const keys = Array.from({ length: 50 }, (_, index) => `key-${index}`)
  const warming = first.namespace.warm(keys, { concurrency: 2, batch: 5, signal: controller.signal })
  warming.catch(() => {})
  await pass(5)
  controller.abort(new Error('Ctrl-C'))
  await pass(20)
  await expect(warming).rejects.toThrow('Ctrl-C')
  expect(calls.flat()).toHaveLength(10)
  for (const key of keys) expect(world.redis.get(leaseKey(key))).toBeNull()
  expect(world.clock.pending).toBe(0)
})
