import { describe, expect } from 'vitest'
import {
  fillTo,
  infoNumber,
  type Operated,
  openWatching,
  patience,
  populate,
  seenBy,
  startOperated,
  startSlowReader,
  untilLooked,
  untilMode,
  untilWriteIsRefused,
} from '../support/pressure-redis.ts'
import { test } from '../support/pressure-test.ts'
import { until } from '../support/until.ts'

const grave = (findings: Readonly<Record<string, string>>) =>
  Object.keys(findings).filter((id) => findings[id] !== 'info')

describe.concurrent('what a real Redis does, the finding that names it, and the mode', () => {
  test('a slow reader empties an allkeys-lru cache: its buffers and the eviction are named, writes stop until it is gone', async ({
    afterwards,
  }) => {
    const { redis, operator } = await startOperated(afterwards, {
      maxmemory: '16mb',
      'maxmemory-policy': 'allkeys-lru',
    })
    await populate(operator, 5_000)
    const opened = openWatching(afterwards, { redis: redis.url })
    await untilLooked(opened)
    expect(seenBy(opened)).toMatchObject({ mode: 'normal' })
    expect(grave(seenBy(opened).findings)).toEqual([])

    // Replies that no value stands behind: one that is evicted on the way would be the end of them.
    const end = await startSlowReader(redis.port, `EVAL "return string.rep('x', 2000000)" 0`, 30)
    afterwards(end)
    await until(
      () => {
        const { findings, node } = seenBy(opened)
        const isFound = findings['mass-eviction'] === 'critical' && findings['client-buffers'] === 'critical'
        return isFound && (node?.vitals.memory.clientsNormal ?? 0) > 16 * 1024 ** 2
      },
      'eviction and buffers are found',
      patience,
    )
    const { node } = seenBy(opened)
    expect(node?.trend?.evictedShare).toBeGreaterThan(0.5)
    // All keys are gone, and writes are refused all the same.
    await untilMode(opened, 'read-only')
    await until(
      () => seenBy(opened).findings['oom-rejecting-writes'] === 'critical',
      'refused writes are found',
      patience,
    )

    end()
    await until(
      async () => {
        await opened.items.set('price', 'newer')
        return opened.cache.health().targets['main']?.writes.refusal === undefined
      },
      'writes return',
      patience,
    )
    await until(() => !('client-buffers' in seenBy(opened).findings), 'the buffers are gone', patience)
    // What was evicted is still to be made up for.
    expect(seenBy(opened)).toMatchObject({ mode: 'shedding', findings: { 'mass-eviction': 'critical' } })
  })

  test('maxmemory lowered below what is used: noticed, and its end too, without a write of ours', async ({
    afterwards,
  }) => {
    const { redis, operator } = await startOperated(afterwards, { maxmemory: '64mb' })
    await populate(operator, 10_000)
    const opened = openWatching(afterwards, { redis: redis.url })
    await untilLooked(opened)
    expect(seenBy(opened)).toMatchObject({ mode: 'normal', findings: { 'policy-noeviction-on-cache': 'warning' } })
    expect(seenBy(opened).findings).not.toHaveProperty('oom-rejecting-writes')

    await operator.config('SET', 'maxmemory', '6mb')
    await untilMode(opened, 'read-only')
    expect(seenBy(opened)).toMatchObject({
      findings: {
        'oom-rejecting-writes': 'critical',
        'policy-noeviction-on-cache': 'critical',
        'memory-high': 'critical',
      },
      node: { canEvict: false },
    })

    await operator.config('SET', 'maxmemory', '64mb')
    await untilMode(opened, 'normal')
    expect(seenBy(opened).findings).not.toHaveProperty('memory-high')
    await until(
      async () => {
        await opened.items.set('price', 'new')
        return (await operator.exists('shop:{item:price}:v')) === 1
      },
      'writes are taken again, a few at first',
      patience,
    )
  })

  test('mass eviction: conserving above 5 % of the keys, shedding above 20 %', async ({ afterwards }) => {
    const { redis, operator } = await startOperated(afterwards, {
      maxmemory: '16mb',
      'maxmemory-policy': 'allkeys-lru',
    })
    await fillTo(operator, 0.98)
    const opened = openWatching(afterwards, { redis: redis.url })
    await untilLooked(opened)
    expect(seenBy(opened).mode).toBe('normal')

    async function evict(share: number): Promise<void> {
      for (;;) {
        const [keys, evicted] = await Promise.all([operator.dbsize(), infoNumber(operator, 'evicted_keys')])
        if (evicted / (keys + evicted) > share) return
        await populate(operator, 200)
      }
    }
    await evict(0.08)
    await untilMode(opened, 'conserving')
    expect(seenBy(opened).findings).toMatchObject({ 'mass-eviction': 'warning' })

    await evict(0.25)
    await untilMode(opened, 'shedding')
    expect(seenBy(opened).findings).toMatchObject({ 'mass-eviction': 'critical' })
    expect(opened.cache.health().reasons).toEqual([expect.stringMatching(/evicted/)])
  })

  test('a full cache that evicts is what was wanted: normal, and nothing to be said', async ({ afterwards }) => {
    const { redis, operator } = await startOperated(afterwards, {
      maxmemory: '16mb',
      'maxmemory-policy': 'allkeys-lru',
    })
    await fillTo(operator, 0.99)
    const opened = openWatching(afterwards, { redis: redis.url })
    await untilLooked(opened, 3)
    const { mode, findings, node } = seenBy(opened)
    expect({ mode, grave: grave(findings), canEvict: node?.canEvict }).toEqual({
      ...{ mode: 'normal', grave: [], canEvict: true },
    })
    expect(node?.fill).toBeGreaterThan(0.95)
  })

  test('volatile-lru without TTLs evicts nothing: shedding as it fills, read-only when writes are refused', async ({
    afterwards,
  }) => {
    const { redis, operator } = await startOperated(afterwards, {
      maxmemory: '16mb',
      'maxmemory-policy': 'volatile-lru',
    })
    await fillTo(operator, 0.93)
    const opened = openWatching(afterwards, { redis: redis.url })
    await untilMode(opened, 'shedding')
    expect(seenBy(opened)).toMatchObject({
      findings: { 'policy-volatile-no-ttl': 'critical', 'memory-high': 'critical' },
      node: { canEvict: false, line: { source: 'maxmemory', kills: false } },
    })
    expect(seenBy(opened).findings).not.toHaveProperty('oom-rejecting-writes')

    await fillTo(operator, 1.05)
    await untilWriteIsRefused(opened)
    expect(await opened.items.get('price')).toBe('new')
    await until(
      () => seenBy(opened).findings['oom-rejecting-writes'] === 'critical',
      'the refusals are found',
      patience,
    )
    expect(opened.cache.health().targets['main']?.writes).toMatchObject({ refusal: 'oom', admitted: 0 })

    // The remedy that the finding names.
    await operator.config('SET', 'maxmemory-policy', 'allkeys-lru')
    await until(
      async () => {
        await opened.items.set('price', 'newer')
        return seenBy(opened).mode !== 'read-only'
      },
      'writes return',
      patience,
    )
    await until(() => !('policy-volatile-no-ttl' in seenBy(opened).findings), 'the finding is gone', patience)
    expect(seenBy(opened).node?.canEvict).toBe(true)
  })

  test('maxmemory 0: named at the first look, and no mode but normal, for nobody knows the limit', async ({
    afterwards,
  }) => {
    const { redis, operator } = await startOperated(afterwards)
    const opened = openWatching(afterwards, { redis: redis.url })
    await until(() => seenBy(opened).node !== undefined, 'the first look', patience)
    expect(seenBy(opened).findings).toMatchObject({ 'no-memory-limit': 'warning' })
    await populate(operator, 20_000)
    await until(() => (seenBy(opened).node?.vitals.keyspace?.[0]?.keys ?? 0) >= 20_000, 'it was seen to grow', patience)
    const { mode, node } = seenBy(opened)
    expect({ mode, line: node?.line, fill: node?.fill }).toEqual({ mode: 'normal', line: undefined, fill: undefined })

    await operator.config('SET', 'maxmemory', '200mb')
    await until(() => !('no-memory-limit' in seenBy(opened).findings), 'the remedy is seen', patience)
    expect(seenBy(opened).node?.line?.bytes).toBe(200 * 1024 ** 2)
  })

  test('the bulk of one tenant is shed before it takes the room of what is essential to another', async ({
    afterwards,
  }) => {
    const { redis, operator } = await startOperated(afterwards, { maxmemory: '16mb' })
    await fillTo(operator, 0.92)
    const { cache, items } = openWatching(afterwards, { redis: redis.url })
    const sessions = cache.namespace<string>({
      name: 'session',
      ttl: '5m',
      priority: 'essential',
      load: () => undefined,
    })
    const embeddings = cache.namespace<string>({
      ...{ name: 'embedding', ttl: '5m', priority: 'expendable', load: () => undefined },
    })
    await untilMode({ cache, items, loaded: [], redisHits: () => 0 }, 'shedding')
    const value = 'x'.repeat(1_000)
    for (let round = 0; round < 50; round++) {
      await embeddings.set(`bulk-${round}`, value)
      await sessions.set(`visitor-${round}`, 'logged in')
    }
    const kept = async (namespace: string) => (await operator.keys(`shop:{${namespace}:*`)).length
    expect({ sessions: await kept('session'), embeddings: await kept('embedding') }).toEqual({
      ...{ sessions: 50, embeddings: 0 },
    })
    expect(await infoNumber(operator, 'evicted_keys')).toBe(0)
  })
})

async function addUser({ redis, operator }: Operated, ...rights: string[]): Promise<string> {
  await operator.call('ACL', 'SETUSER', 'service', 'on', '>secret', '~*', '&*', '+@all', ...rights)
  return redis.url.replace('redis://', 'redis://service:secret@')
}

describe.concurrent('a user who may not run INFO', () => {
  test('memory is told by MEMORY STATS, and the declared limit is kept', async ({ afterwards }) => {
    const operated = await startOperated(afterwards)
    const url = await addUser(operated, '-@dangerous')
    const opened = openWatching(afterwards, { redis: url, memoryLimit: '48Mi' })
    await opened.items.set('price', 'value')
    await untilLooked(opened)
    expect(seenBy(opened)).toMatchObject({
      mode: 'normal',
      findings: { 'info-denied': 'info' },
      node: {
        vitals: { origin: 'memory-stats', keys: 1, memory: { used: expect.any(Number), max: undefined } },
        line: { source: 'declared', kills: true },
      },
    })
    expect(seenBy(opened).node?.fill).toBeLessThan(0.3)
    expect(opened.cache.statistics().targets['main']?.looks).toMatchObject({ ok: 0, failed: 0 })

    await until(
      async () => {
        if ((seenBy(opened).node?.fill ?? 0) < 0.9) await populate(operated.operator, 500)
        return seenBy(opened).mode === 'shedding' || seenBy(opened).mode === 'read-only'
      },
      'it is seen to fill up',
      patience,
    )
    await until(() => seenBy(opened).findings['memory-high'] === 'critical', 'and said', patience)
    expect(await opened.items.get('price')).toBe('value')
  })

  test('without MEMORY too, the data plane alone decides the mode', async ({ afterwards }) => {
    const operated = await startOperated(afterwards, { maxmemory: '8mb' })
    const url = await addUser(operated, '-@dangerous', '-memory', '-dbsize')
    const opened = openWatching(afterwards, { redis: url })
    await opened.items.set('price', 'value')
    expect(await opened.items.get('price')).toBe('value')
    const { cache } = opened
    await until(() => (cache.statistics().targets['main']?.looks.denied ?? 0) > 1, 'two looks', patience)
    expect(seenBy(opened)).toMatchObject({
      mode: 'normal',
      findings: { 'info-denied': 'warning' },
      node: { vitals: { origin: 'none' }, trend: undefined, line: undefined, fill: undefined },
    })

    await fillTo(operated.operator, 1.05)
    expect(seenBy(opened).mode).toBe('normal')
    await opened.items.set('price', 'new')
    expect(seenBy(opened)).toMatchObject({ mode: 'read-only', findings: { 'oom-rejecting-writes': 'critical' } })
    expect(await opened.items.get('price')).toBe('new')

    await operated.operator.config('SET', 'maxmemory', '32mb')
    await until(
      async () => {
        await opened.items.set('price', 'newer')
        return seenBy(opened).mode === 'normal'
      },
      'writes return',
      patience,
    )
  })

  test('INFO that is allowed again is noticed with the next connection', async ({ afterwards }) => {
    const operated = await startOperated(afterwards, { maxmemory: '64mb' })
    const url = await addUser(operated, '-@dangerous')
    const opened = openWatching(afterwards, { redis: url })
    await until(() => 'info-denied' in seenBy(opened).findings, 'the first look', patience)
    await operated.operator.call('ACL', 'SETUSER', 'service', '+info')
    await operated.operator.call('CLIENT', 'KILL', 'USER', 'service')
    await until(() => seenBy(opened).node?.vitals.origin === 'info', 'INFO is read', patience)
    expect(seenBy(opened).findings).not.toHaveProperty('info-denied')
  })
})
