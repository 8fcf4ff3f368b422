import { expect, test } from 'vitest'
import { findRedisServer } from '../../scripts/redis-server.ts'
import { cleanup } from '../support/cleanup.ts'
import { type OpenCache, openCache, untilHit, untilReady } from '../support/open-cache.ts'
import { startWatchedPair, type WatchedPair } from '../support/redis-sentinel.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
const inDocker = (await findRedisServer()).kind === 'container'

const watchedBy = ({ sentinel }: WatchedPair) => ({
  sentinels: [{ host: '127.0.0.1', port: sentinel.port }],
  sentinelName: 'shop-primary',
})

/** Until the cache writes to the new primary. */
async function failOver({ sentinel, atPrimary, atReplica }: WatchedPair, opened: OpenCache): Promise<void> {
  await sentinel.failover()
  await until(
    async () => (await atPrimary.info('replication')).includes('role:slave'),
    'the old primary is a replica',
    60_000,
  )
  await until(async () => {
    await opened.items.set('afterwards', 'value')
    return (await atReplica.exists('shop:{item:afterwards}:v')) === 1
  }, 'writes reach the new primary')
  await untilReady(opened)
}

test.skipIf(inDocker)('after a failover the new primary is used (needs a redis-server on PATH)', async () => {
  const pair = await startWatchedPair(afterwards)
  const opened = openCache({
    redis: watchedBy(pair),
  })
  afterwards(() => opened.cache.close())
  await untilReady(opened)
  await opened.items.set('key', 'value')
  await until(async () => (await pair.atReplica.exists('shop:{item:key}:v')) === 1, 'the replica has the entry')

  await failOver(pair, opened)
  expect(await untilHit(opened, 'key')).toBe('value')
})

test.skipIf(inDocker)('after a failover what others write to the new primary is noticed', async () => {
  const pair = await startWatchedPair(afterwards)
  const opened = openCache({
    redis: watchedBy(pair),
    ...{ invalidation: 'tracking', local: { ttl: '1h' }, commandTimeout: 5_000 },
  })
  afterwards(() => opened.cache.close())
  const hears = () => opened.cache.health().redis.tracking === 'connected'
  await untilReady(opened)
  await until(hears, 'it hears of others')
  await opened.items.get('key')
  await failOver(pair, opened)
  await until(hears, 'it hears of others again')
  const localHits = () => opened.cache.health().namespaces['item']?.localHits ?? 0
  await until(async () => {
    const before = localHits()
    await opened.items.get('key')
    return localHits() > before
  }, 'the local tier answers')
  opened.loaded.length = 0
  await pair.atReplica.del('shop:{item:key}:v', 'shop:{item:key}:l')
  await until(
    async () => (await opened.items.get('key')) !== undefined && opened.loaded.length > 0,
    'it is loaded anew',
  )
})
