import { describe, expect } from 'vitest'
import {
  fillTo,
  openWatching,
  patience,
  populate,
  seenBy,
  startOperated,
  untilLooked,
  untilMode,
} from '../support/pressure-redis.ts'
import { test } from '../support/pressure-test.ts'
import { until } from '../support/until.ts'

type Operated = Awaited<ReturnType<typeof startOperated>>

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
    await untilMode(opened, 'normal')
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
