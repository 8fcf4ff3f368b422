import { afterEach, describe, expect, test } from 'vitest'
import { CopyNames } from '../entry/copy-names.ts'
import { createKeySpace } from '../entry/key.ts'
import type { NamespaceOptions } from '../options/namespace-options.ts'
import { lasting, SimulatedProcess } from '../testing-support/simulated-process.ts'
import { World } from '../testing-support/simulated-world.ts'

const keys = createKeySpace('shop', 'product', 0)
const copies = new CopyNames('shop', 'product', 2).of('key')
const [one, other] = copies as [(typeof copies)[0], (typeof copies)[0]]

const opened: SimulatedProcess[] = []
afterEach(() => {
  for (const process of opened.splice(0)) process.close()
})

/** Two processes without a local tier; what is asked of Redis can be told by what happened in the world. */
function open(options: Partial<NamespaceOptions<string>> = {}) {
  const world = new World()
  const processes = ['A', 'B'].map(
    (name) =>
      new SimulatedProcess(world, name, {
        ...lasting(world),
        local: false,
        copies: { count: 2, beyond: 1 },
        ...options,
      }),
  )
  opened.push(...processes)
  world.onPublish = (message) => {
    for (const process of processes) process.hear(message)
  }
  world.source.change('key', 'row 1')
  const [first, second] = processes.map(({ namespace }) => namespace)
  if (first === undefined || second === undefined) throw new Error('there are processes')
  /** 0 is the original. */
  const choose = (place: number) => {
    world.random = () => (place + 0.5) / 3
  }
  const get = async (namespace = first) => {
    const answer = namespace.get('key')
    await world.rest()
    return await answer
  }
  const happened = (what: string) => world.log.splice(0).filter((step) => step.includes(what)).length
  const held = (name: string) => world.redis.get(name)
  return { world, first, second, choose, get, happened, held, count: () => first.counters }
}

describe('a hot key', () => {
  test('is read from the place that chance points at, and the copy is made there where it is not', async () => {
    const { choose, get, held, count } = open()
    choose(0)
    expect(await get()).toBe('row 1')
    expect(copies.map(({ value }) => held(value))).toEqual([null, null])
    choose(2)
    expect(await get()).toBe('row 1')
    expect(held(one.value)).toBeNull()
    expect(held(other.value)).toEqual(held(keys.value('key')))
    expect(held(other.lease)).toBeNull()
    expect(count()).toMatchObject({ loads: 1, redisHits: 1, copyHits: 0, copyFills: 1 })
    expect(await get()).toBe('row 1')
    expect(count()).toMatchObject({ loads: 1, redisHits: 2, copyHits: 1, copyFills: 1 })
  })

  test('is read from the original below the rate', async () => {
    const { choose, get, count } = open({ copies: { count: 2, beyond: 1_000 } })
    choose(1)
    for (let read = 0; read < 20; read++) await get()
    expect(count()).toMatchObject({ copyHits: 0, copyFills: 0 })
  })

  test('is loaded once: the source is asked for the original only', async () => {
    const { world, first, second, choose } = open()
    choose(1)
    const answers = Promise.all([first.get('key'), second.get('key')])
    await world.rest()
    expect(await answers).toEqual(['row 1', 'row 1'])
    expect(first.counters.loads + second.counters.loads).toBe(1)
  })

  test('whose original is gone is loaded anew when the copies are over, after 10 s at the latest', async () => {
    const { world, choose, get, held, count } = open()
    choose(1)
    await get()
    await get()
    world.redis.evict(keys.value('key'))
    expect(await get()).toBe('row 1')
    expect(count()).toMatchObject({ loads: 1, copyHits: 1 })
    await world.clock.advance(10_000)
    expect(held(one.value)).toBeNull()
    await get()
    expect(count().loads).toBe(2)
  })

  test('has no copies of what is stale: the original is asked', async () => {
    const { world, choose, get, held } = open({ ttl: '5s', staleWhileRevalidate: '1h' })
    choose(1)
    await get()
    await get()
    expect(world.redis.ttl(one.value)).toBeLessThanOrEqual(5_000)
    await world.clock.advance(5_000)
    world.source.change('key', 'row 2')
    expect(held(one.value)).toBeNull()
    expect(await get()).toBe('row 1')
    expect(await get()).toBe('row 2')
  })

  test('is answered by the original where the copy is of before a clear, and copied anew', async () => {
    const { world, first, choose, get, held, count } = open({ clearable: true })
    choose(1)
    await get()
    await get()
    const before = held(one.value)
    const cleared = first.clear()
    await world.rest()
    await cleared
    world.source.change('key', 'row 2')
    expect(held(one.value)).toEqual(before)
    choose(0)
    expect(await get()).toBe('row 2')
    choose(1)
    expect(await get()).toBe('row 2')
    expect(held(one.value)).not.toEqual(before)
    expect(await get()).toBe('row 2')
    expect(count()).toMatchObject({ copyHits: 1, copyFills: 2 })
  })

  test('is answered by the original where the copy cannot be read, or is no entry', async () => {
    const { world, first, choose, get, held, count } = open()
    choose(1)
    await get()
    await get()
    const answer = first.get('key')
    await world.follow({ pick: 0, wrong: true, patient: true })
    await world.rest()
    expect(world.log).toContain('A: GET FAILS')
    expect(await answer).toBe('row 1')
    world.redis.set(one.value, 'foreign')
    expect(await get()).toBe('row 1')
    expect(held(one.value)).toEqual(held(keys.value('key')))
    expect(count()).toMatchObject({ loads: 1, redisTroubles: 0, unreadable: 0 })
  })

  test('is copied by one of those who miss the copy', async () => {
    const { world, first, second, choose, get } = open()
    choose(0)
    await get()
    choose(1)
    world.log.splice(0)
    const answers = Promise.all([first.get('key'), second.get('key')])
    await world.rest()
    await answers
    expect(first.counters.copyFills + second.counters.copyFills).toBe(1)
  })
})

describe('a write', () => {
  test('leaves no copy, and is told when none is left', async () => {
    const { world, first, second, choose, get, held } = open()
    for (const place of [1, 2]) {
      choose(place)
      await get()
      await get()
    }
    expect(copies.map(({ value }) => held(value) === null)).toEqual([false, false])
    const told: boolean[] = []
    world.onPublish = () => told.push(copies.every(({ value }) => held(value) === null))
    const set = first.set('key', 'row 2')
    await world.rest()
    await set
    expect(told).toEqual([true])
    choose(1)
    expect(await get(second)).toBe('row 2')
  })

  test('drops copies that this process knows nothing of', async () => {
    const { world, second, choose, get, held } = open()
    choose(2)
    await get()
    await get()
    const deleted = second.delete('key')
    await world.rest()
    await deleted
    expect(copies.map(({ value }) => held(value))).toEqual([null, null])
  })
})
