import { expect, test } from 'vitest'
import { findRedisServer } from '../../scripts/redis-server.ts'
import { cleanup } from '../support/cleanup.ts'
import { openCache, untilHit, untilReady } from '../support/open-cache.ts'
import { startWatchedPair } from '../support/redis-sentinel.ts'

const afterwards = cleanup()
const inDocker = (await findRedisServer()).kind === 'container'

test.skipIf(inDocker)('finds the primary by its sentinel (needs a redis-server on PATH)', async () => {
  const { sentinel, atPrimary } = await startWatchedPair(afterwards)
  const opened = openCache({
    redis: { sentinels: [{ host: '127.0.0.1', port: sentinel.port }], sentinelName: 'shop-primary' },
  })
  afterwards(() => opened.cache.close())
  await untilReady(opened)
  await opened.items.set('key', 'value')
  expect(await atPrimary.exists('shop:{item:key}:v')).toBe(1)
  expect(await untilHit(opened, 'key')).toBe('value')
})
