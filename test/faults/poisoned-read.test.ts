import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { createCache } from '../../packages/core/src/index.ts'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'

const afterwards = cleanup()
const neighbours = Array.from({ length: 60 }, (_, index) => `neighbour-${index}`)

/** A Redis that drops every connection to which it owes more than 1 MB, and holds one value of 5 MB. */
async function start() {
  const redis = await startRedisServer({ 'client-output-buffer-limit': 'normal 1mb 1mb 0' })
  afterwards(() => redis.stop())
  const operator = new Redis(redis.url)
  afterwards(() => operator.disconnect())
  // Long enough for 60 reads one after the other on a slow machine.
  const cache = createCache({ name: 'shop', redis: redis.url, local: false, commandTimeout: '5s' })
  afterwards(() => cache.close())
  const loaded: string[] = []
  const items = cache.namespace<string>({
    name: 'item',
    ttl: '5m',
    load: async (key) => {
      loaded.push(key)
      return `loaded ${key}`
    },
  })
  await Promise.all(neighbours.map((key) => items.set(key, `stored ${key}`)))
  await operator.set('shop:{item:poisoned}:v', Buffer.alloc(5_000_000))
  const connectionsMade = async (): Promise<number> =>
    Number(/total_connections_received:(\d+)/.exec(await operator.info('stats'))?.[1])
  return { cache, items, loaded, connectionsMade }
}

test('a value over the output buffer limit of Redis does not fail those that are read with it', async () => {
  const { cache, items, loaded } = await start()
  const [poisoned, ...others] = await Promise.all(['poisoned', ...neighbours].map((key) => items.get(key)))
  expect(others).toEqual(neighbours.map((key) => `stored ${key}`))
  expect(poisoned).toBe('loaded poisoned')
  expect(loaded).toEqual(['poisoned'])
  expect(cache.health().namespaces['item']).toMatchObject({ redisHits: neighbours.length, loads: 1 })
})

test('nor in a getMany', async () => {
  const { items, loaded } = await start()
  const found = await items.getMany([...neighbours.slice(0, 30), 'poisoned', ...neighbours.slice(30)])
  expect(Object.fromEntries(found)).toEqual({
    ...Object.fromEntries(neighbours.map((key) => [key, `stored ${key}`])),
    poisoned: 'loaded poisoned',
  })
  expect(loaded).toEqual(['poisoned'])
})

test('such a value is answered by the source and not asked for in a loop', async () => {
  const { cache, items, loaded, connectionsMade } = await start()
  const before = await connectionsMade()
  for (let round = 1; round <= 40; round++) {
    const [poisoned, other] = await Promise.all([items.get('poisoned'), items.get(`neighbour-${round}`)])
    expect([poisoned, other]).toEqual(['loaded poisoned', `stored neighbour-${round}`])
    await pause(50)
  }
  expect(loaded).toEqual(Array(40).fill('poisoned'))
  // Twice in a row makes sure that it is the value and not Redis; each of the first two may be read together and alone.
  expect((await connectionsMade()) - before).toBeLessThanOrEqual(6)
  expect(cache.health()).toMatchObject({ mode: 'normal', breakers: { read: 'closed' } })
})
