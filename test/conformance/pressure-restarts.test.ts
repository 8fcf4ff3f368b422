import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { findRedisServer } from '../../scripts/redis-server.ts'
import type { OpenCache } from '../support/open-cache.ts'
import { startEndpoint } from '../support/pressure-endpoint.ts'
import {
  infoNumber,
  openWatching,
  operate,
  patience,
  populate,
  seenBy,
  startOperated,
  untilLooked,
  untilMode,
  untilWriteIsRefused,
} from '../support/pressure-redis.ts'
import { test } from '../support/pressure-test.ts'
import { startReplicatedPair } from '../support/redis-replica.ts'
import { until } from '../support/until.ts'

const inDocker = (await findRedisServer()).kind === 'container'
const entries = 50

async function storeEntries({ items }: OpenCache): Promise<void> {
  for (let n = 0; n < entries; n++) await items.set(`product-${n}`, 'value')
}

const restarts = (opened: OpenCache) => seenBy(opened).node?.restarts ?? []
const early = ({ cache }: OpenCache) => cache.statistics().namespaces['item']?.earlyExpirations
/** Keys of which as many are followed as there are; one or two may be missed before the next look tells why. */
function expectAllGone(opened: OpenCache, cause: 'restart' | 'flush'): void {
  const { unknown = 0, ...told } = early(opened) ?? {}
  expect(unknown).toBeLessThanOrEqual(2)
  expect(told).toEqual({ eviction: 0, restart: 0, flush: 0, [cause]: entries - unknown })
}
const untilRestart = (opened: OpenCache) => until(() => restarts(opened).length > 0, 'the restart is seen', patience)

describe.concurrent('what became of the data is told by the next look', () => {
  test('a failover behind one address: another server, with the data', async ({ afterwards }) => {
    const { primary, replica, atPrimary, atReplica } = await startReplicatedPair(afterwards)
    const endpoint = await startEndpoint(afterwards, primary.port)
    const opened = openWatching(afterwards, { redis: endpoint.url })
    await storeEntries(opened)
    await untilLooked(opened)
    await until(
      async () => (await atReplica.dbsize()) === (await atPrimary.dbsize()),
      'the replica has it all',
      patience,
    )

    // One that is as young as the last look could as well be the old one, started again.
    await until(async () => (await infoNumber(atReplica, 'uptime_in_seconds')) >= 5, 'the replica is older', patience)

    await atReplica.replicaof('NO', 'ONE')
    endpoint.switchTo(replica.port)
    await untilRestart(opened)
    expect(restarts(opened)).toEqual([expect.objectContaining({ cause: 'failover', dataLost: false })])
    expect(early(opened)).toEqual({ eviction: 0, restart: 0, flush: 0, unknown: 0 })
    expect(opened.cache.statistics().targets['main']?.restarts).toEqual({ kept: 1, lost: 0 })
    expect(seenBy(opened).findings).not.toHaveProperty('container-oom-kill-suspected')
    await untilMode(opened, 'normal')
  })

  test('a death on the way up is told from a restart: as the kernel would have it', async ({ afterwards }) => {
    const { redis, operator } = await startOperated(afterwards)
    const opened = openWatching(afterwards, { redis: redis.url })
    for (let looks = 1; looks <= 4; looks++) {
      await populate(operator, 3_000)
      const used = (await operator.dbsize()) * 1_000
      await until(() => (seenBy(opened).node?.vitals.memory.used ?? 0) > used, `look ${looks} sees it grow`, patience)
    }
    await redis.kill()
    await redis.start()
    await untilRestart(opened)
    expect(restarts(opened)).toEqual([expect.objectContaining({ cause: 'oom-kill', dataLost: true })])
    expect(seenBy(opened).findings).toMatchObject({
      'container-oom-kill-suspected': 'warning',
      'no-memory-limit': 'critical',
    })
  })

  test('a restart that lost the data', async ({ afterwards }) => {
    const { redis } = await startOperated(afterwards)
    const opened = openWatching(afterwards, { redis: redis.url })
    await storeEntries(opened)
    await untilLooked(opened)
    expect(seenBy(opened).findings).toMatchObject({ 'no-memory-limit': 'warning' })

    await redis.kill()
    await redis.start()
    await untilRestart(opened)
    expect(restarts(opened)).toEqual([expect.objectContaining({ cause: 'restart', dataLost: true })])
    expectAllGone(opened, 'restart')
    expect(opened.cache.statistics().targets['main']?.restarts).toEqual({ kept: 0, lost: 1 })
    const { findings } = seenBy(opened)
    expect(findings).toMatchObject({ 'no-memory-limit': 'critical', 'early-expiration': 'warning' })
    expect(findings).not.toHaveProperty('container-oom-kill-suspected')
    await untilMode(opened, 'normal')
  })

  test.skipIf(inDocker)('a restart that kept the data (needs a redis-server on PATH)', async ({ afterwards }) => {
    const { redis, operator } = await startOperated(afterwards, { maxmemory: '64mb' })
    afterwards(() => rm(join(tmpdir(), `plimsoll-${redis.port}.rdb`), { force: true }))
    const opened = openWatching(afterwards, { redis: redis.url })
    await storeEntries(opened)
    await untilLooked(opened)

    await operator.save()
    await redis.kill()
    await redis.start()
    await untilRestart(opened)
    expect(restarts(opened)).toEqual([expect.objectContaining({ cause: 'restart', dataLost: false })])
    expect(early(opened)).toEqual({ eviction: 0, restart: 0, flush: 0, unknown: 0 })
    expect(seenBy(opened).findings).not.toHaveProperty('early-expiration')
  })

  test('FLUSHALL is no restart', async ({ afterwards }) => {
    const { redis, operator } = await startOperated(afterwards, { maxmemory: '64mb' })
    const opened = openWatching(afterwards, { redis: redis.url })
    await storeEntries(opened)
    await until(() => (seenBy(opened).node?.vitals.keyspace?.[0]?.keys ?? 0) >= entries, 'the keys are seen', patience)
    expect(seenBy(opened).findings).not.toHaveProperty('early-expiration')

    await operator.flushall()
    await until(() => (early(opened)?.flush ?? 0) > 0, 'the flush is seen', patience)
    expectAllGone(opened, 'flush')
    const { mode, findings } = seenBy(opened)
    expect({ mode, restarts: restarts(opened) }).toEqual({ mode: 'normal', restarts: [] })
    expect(findings).toMatchObject({ 'early-expiration': 'warning' })
  })

  test('keys that are deleted by somebody else are gone for an unknown reason', async ({ afterwards }) => {
    const { redis, operator } = await startOperated(afterwards, { maxmemory: '64mb' })
    const opened = openWatching(afterwards, { redis: redis.url })
    await storeEntries(opened)
    await untilLooked(opened)
    for (let n = 0; n < 5; n++) {
      await operator.unlink(`shop:{item:product-${n}}:v`)
      await opened.items.get(`product-${n}`)
    }
    expect(early(opened)).toEqual({ eviction: 0, restart: 0, flush: 0, unknown: 5 })
  })

  test('a primary that becomes a replica is a failover, and takes no writes', async ({ afterwards }) => {
    const { primary, replica, atReplica } = await startReplicatedPair(afterwards)
    await atReplica.replicaof('NO', 'ONE')
    const opened = openWatching(afterwards, { redis: primary.url })
    await untilLooked(opened)
    expect(seenBy(opened).findings).not.toHaveProperty('readonly-endpoint')

    await operate(afterwards, primary.url).replicaof('127.0.0.1', replica.port)
    await until(() => seenBy(opened).node?.vitals.role === 'replica', 'its new role is seen', patience)
    expect(opened.cache.statistics().targets['main']?.restarts).toEqual({ kept: 1, lost: 0 })
    // The same run, which has not ended.
    expect(restarts(opened)).toEqual([])
    expect(seenBy(opened).findings).toMatchObject({ 'readonly-endpoint': 'warning' })
    await untilWriteIsRefused(opened)
    expect(seenBy(opened).findings).toMatchObject({ 'readonly-endpoint': 'critical' })
  })
})
