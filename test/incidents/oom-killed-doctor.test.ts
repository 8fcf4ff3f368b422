import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { askDoctor, evidenceOfCluster } from '../support/incident-doctor.ts'
import { storeSessions } from '../support/incident-sessions.ts'
import { memoryLimitsAvailable, startMemoryLimitedRedis } from '../support/memory-limited-redis.ts'

const afterwards = cleanup()
const unavailable = await memoryLimitsAvailable()
const named = unavailable === undefined ? '' : ` (skipped: ${unavailable})`
const mebibyte = 1024 ** 2
const clients = 312

describe.skipIf(unavailable !== undefined)(`the doctor on a Redis in a real memory limit${named}`, () => {
  test('64 MiB, 312 idle clients, 54 MiB of sessions: the root cause with its remedies and no red herring; after the fix nothing', async () => {
    const redis = await startMemoryLimitedRedis()
    afterwards(() => redis.stop())
    const operator = connect(redis.url)
    await Promise.all(Array.from({ length: clients - 1 }, () => connect(redis.url).ping()))
    await storeSessions(operator, 54 * mebibyte)

    const evidence = ['--limit', '64Mi', '--pod', 'pod.json', '--logs', 'previous.log', '--purpose', 'cache']
    const sick = await askDoctor([redis.url, ...evidence], evidenceOfCluster)
    const ids = sick.findings.map(({ id }) => id)
    expect(ids).toEqual(
      expect.arrayContaining(['no-memory-limit', 'policy-noeviction-on-cache', 'container-limit-too-close']),
    )
    expect(ids).toContain('container-oom-kill-suspected')
    expect(sick.exitCode).toBe(2)
    expect(sick.findings[0]?.severity).toBe('critical')
    const commands = sick.findings.flatMap(({ remedy }) => remedy.redisCli).join('\n')
    expect(commands).toMatch(/CONFIG SET maxmemory\b/i)
    expect(commands).toMatch(/CONFIG SET maxmemory-policy allkeys-/i)
    expect(sick.findings.map(({ remedy }) => remedy.helm ?? '').join('\n')).toMatch(/memory: *"?\d+Mi/)

    const dismissed = new Map(sick.redHerrings.map(({ id, whyNot }) => [id, whyNot]))
    for (const id of ['rh-client-count', 'rh-no-persistence', 'rh-cpu-limit', 'rh-fork-log']) {
      expect(dismissed.get(id), id).toMatch(/\w{3}/)
    }
    for (const id of ['connections-high', 'ephemeral-session-store', 'persistence-blocking-writes', 'fork-cost']) {
      expect(ids).not.toContain(id)
    }
    expect(JSON.stringify([sick.findings, sick.redHerrings])).not.toContain(String(redis.port))
    expect(redis.deaths()).toEqual([])

    await redis.restart({
      limit: 256 * mebibyte,
      settings: { maxmemory: '200mb', 'maxmemory-policy': 'allkeys-lru' },
    })
    await operator.ping()
    await storeSessions(operator, 60 * mebibyte)
    const well = await askDoctor([redis.url, '--limit', '256Mi', '--purpose', 'cache'])
    expect(well.findings.filter(({ severity }) => severity !== 'info')).toEqual([])
    expect(well.exitCode).toBe(0)
  })
})

function connect(url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null })
  client.on('error', () => {})
  afterwards(() => client.disconnect())
  return client
}
