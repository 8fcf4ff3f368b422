import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { openCache, untilReady } from '../support/open-cache.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
const keys = Array.from({ length: 50 }, (_, index) => `key-${index}`)

test('a process that was busy for longer than the command deadline takes the replies that are there, and not Redis for gone', async () => {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const opened = openCache({ redis: redis.url, commandTimeout: 50 })
  afterwards(() => opened.cache.close())
  const { cache, items, loaded } = opened
  await untilReady(opened)
  await items.getMany(keys)
  loaded.length = 0
  for (let round = 0; round < 5; round++) {
    const reading = keys.map((key) => items.get(key))
    const writing = items.set('written', String(round))
    // The commands leave in the next tick; what comes back waits in the socket.
    await new Promise((resolve) => setImmediate(resolve))
    keepBusy(200)
    expect(await Promise.all(reading)).toEqual(keys.map((key) => `loaded ${key}`))
    await writing
    expect(await items.get('written')).toBe(String(round))
  }
  // A write takes two commands; the stall in the first may leave no time for the second, which makes it an invalidation.
  expect(loaded.filter((key) => key !== 'written')).toEqual([])
  expect(cache.health()).toMatchObject({ mode: 'normal', breakers: { read: 'closed', write: 'closed' } })
  await until(() => cache.health().redis.pendingInvalidations === 0, 'Redis has heard of every write')
})

function keepBusy(milliseconds: number): void {
  const until = performance.now() + milliseconds
  while (performance.now() < until);
}
