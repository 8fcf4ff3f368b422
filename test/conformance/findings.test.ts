import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { describe, expect } from 'vitest'
import { findRedisServer } from '../../scripts/redis-server.ts'
import { doctor } from '../support/pressure-doctor.ts'
import { fillTo, infoNumber, openWatching, patience, seenBy, startOperated } from '../support/pressure-redis.ts'
import { storeSessions, storeSessionsTo } from '../support/pressure-sessions.ts'
import { test } from '../support/pressure-test.ts'
import { until } from '../support/until.ts'

const inDocker = (await findRedisServer()).kind === 'container'

interface Cause {
  readonly finding: string
  readonly severity: 'critical' | 'warning' | 'info'
  readonly when: string
  /** What is said beside the name. */
  readonly says: RegExp
  readonly settings?: Readonly<Record<string, string>>
  readonly argv?: readonly string[]
  /** What both hold. */
  readonly well: (operator: Redis) => Promise<unknown>
  readonly provoke: (operator: Redis) => Promise<unknown>
}

const small = { maxmemory: '16mb' }
const session = ['--purpose', 'session']
const halfHour = 1_800
const day = 86_400

const untilTtlIsKnown = (operator: Redis) =>
  until(async () => /avg_ttl=[1-9]/.test(await operator.info('keyspace')), 'Redis knows its average TTL', patience)

async function scatter(operator: Redis, every: number): Promise<void> {
  await operator.eval(
    `for n = 1, 40000 do redis.call('SET', 's:' .. n, string.rep('x', 900)) end
     for n = 1, 40000 do if n % ARGV[1] > 0 then redis.call('DEL', 's:' .. n) end end`,
    ...[0, every],
  )
}

const causes: readonly Cause[] = [
  {
    ...{ finding: 'memory-high', severity: 'warning', when: 'there are too many sessions' },
    ...{ says: /8\d(\.\d)? % of the limit in force, 16 MiB \(maxmemory\)/, settings: small, argv: session },
    well: (operator) => storeSessions(operator, 2_000, { ttl: halfHour }),
    provoke: (operator) => storeSessionsTo(operator, 0.84, { ttl: halfHour }),
  },
  {
    ...{ finding: 'memory-high', severity: 'critical', when: 'there are far too many sessions' },
    ...{ says: /9\d(\.\d)? % full/, settings: small, argv: session },
    well: (operator) => storeSessions(operator, 2_000, { ttl: halfHour }),
    provoke: (operator) => storeSessionsTo(operator, 0.94, { ttl: halfHour }),
  },
  {
    ...{ finding: 'memory-high', severity: 'critical', when: 'a worker holds the memory that others need' },
    ...{ says: /by prefix, of what was sampled: embedding\S* .*\(9\d(\.\d)? %\), session/ },
    ...{ settings: small, argv: [...session, '--sample', '20000'] },
    well: (operator) => storeSessions(operator, 200, { ttl: halfHour }),
    provoke: (operator) => storeSessionsTo(operator, 0.94, { prefix: 'embedding', ttl: day }),
  },
  {
    ...{ finding: 'keys-without-ttl', severity: 'warning', when: 'sessions are stored without a TTL' },
    ...{ says: /session:?\*?: 200 of 1,200 sampled/, settings: small, argv: [...session, '--sample', '5000'] },
    well: (operator) => storeSessions(operator, 1_000, { ttl: halfHour }),
    provoke: (operator) => storeSessions(operator, 200),
  },
  {
    ...{ finding: 'big-values', severity: 'warning', when: 'sessions are large' },
    ...{ says: /20 sampled keys above/, settings: { maxmemory: '64mb' }, argv: [...session, '--sample', '5000'] },
    well: (operator) => storeSessions(operator, 1_000, { ttl: halfHour }),
    provoke: (operator) => storeSessions(operator, 20, { bytes: 150_000, ttl: halfHour }),
  },
  {
    ...{ finding: 'fragmentation-high', severity: 'warning', when: 'every fourth key is left between holes' },
    ...{ says: /allocator_frag_ratio|mem_fragmentation_ratio/, settings: { maxmemory: '256mb' }, argv: session },
    well: (operator) => scatter(operator, 1),
    provoke: (operator) => scatter(operator, 4),
  },
  {
    ...{ finding: 'policy-volatile-no-ttl', severity: 'critical', when: 'no key of a full Redis has one' },
    ...{ says: /has nothing to evict: no key has a TTL/, settings: { ...small, 'maxmemory-policy': 'volatile-lru' } },
    well: (operator) => storeSessionsTo(operator, 0.85, { ttl: halfHour }),
    provoke: async (operator) => {
      await operator.flushall()
      await storeSessionsTo(operator, 0.85)
    },
  },
  {
    ...{ finding: 'policy-volatile-no-ttl', severity: 'warning', when: 'no key has one, and there is room still' },
    ...{ says: /0 of 1,000 keys/, settings: { ...small, 'maxmemory-policy': 'volatile-ttl' }, argv: session },
    well: (operator) => storeSessions(operator, 1_000, { ttl: halfHour }),
    provoke: async (operator) => {
      await operator.flushall()
      await storeSessions(operator, 1_000)
    },
  },
  {
    ...{ finding: 'ttl-too-long', severity: 'info', when: 'sessions live for months' },
    ...{ says: /on average/, settings: small, argv: session },
    well: async (operator) => {
      await storeSessions(operator, 1_000, { ttl: halfHour })
      await untilTtlIsKnown(operator)
    },
    provoke: async (operator) => {
      await operator.flushall()
      await storeSessions(operator, 1_000, { ttl: 90 * day })
      await untilTtlIsKnown(operator)
    },
  },
  {
    ...{ finding: 'oom-rejecting-writes', severity: 'critical', when: 'Redis is full and may not evict' },
    ...{ says: /maxmemory_policy is noeviction/, settings: small },
    well: (operator) => fillTo(operator, 0.7),
    provoke: async (operator) => {
      await fillTo(operator, 1.05)
      await expect(operator.set('refused', 'value')).rejects.toThrow(/^OOM/)
    },
  },
  {
    ...{ finding: 'command-dominant', severity: 'info', when: 'one command takes the time' },
    ...{ says: /^KEYS takes [6-9]\d(\.\d)? % of the time/ },
    well: async (operator) => {
      await storeSessions(operator, 20_000, { bytes: 10, ttl: day })
      await operator.setrange('bits', 16 * 1024 ** 2, 'x')
      for (const [command, args] of Object.entries(heavy)) await spend(operator, command, args, 60_000)
    },
    provoke: (operator) => spend(operator, 'keys', heavy['keys'] ?? [], 600_000),
  },
]

const heavy: Readonly<Record<string, readonly (string | number)[]>> = {
  keys: ['none*'],
  scan: [0, 'MATCH', 'none*', 'COUNT', 20_000],
  bitcount: ['bits'],
}

/** Runs the command until Redis has spent so many microseconds on it. */
async function spend(operator: Redis, command: string, args: readonly (string | number)[], microseconds: number) {
  const spent = async () =>
    Number(new RegExp(`cmdstat_${command}:calls=\\d+,usec=(\\d+)`).exec(await operator.info('commandstats'))?.[1] ?? 0)
  while ((await spent()) < microseconds) await operator.call(command, ...args)
}

describe.concurrent('each cause on a real Redis, and its twin without it', () => {
  test.skipIf(inDocker)(
    'persistence-blocking-writes (critical): Redis cannot save (needs a redis-server on PATH)',
    async ({ afterwards }) => {
      const folder = await mkdtemp(join(tmpdir(), 'redis-misconf-'))
      afterwards(() => rm(folder, { recursive: true, force: true }))
      const { redis, operator } = await startOperated(afterwards, {
        ...{ ...small, dir: folder, dbfilename: 'dump.rdb', save: '3600 1' },
      })
      await operator.set('key', 'value')
      expect((await doctor(redis.url)).severities).not.toHaveProperty('persistence-blocking-writes')

      // A folder in the place of the file: Redis cannot rename what it has saved.
      await mkdir(join(folder, 'dump.rdb', 'full'), { recursive: true })
      await operator.bgsave()
      await until(
        async () => (await operator.info('persistence')).includes('rdb_last_bgsave_status:err'),
        'saving fails',
        patience,
      )
      expect((await doctor(redis.url)).severities).toMatchObject({ 'persistence-blocking-writes': 'warning' })
      const looking = { over: false }
      const told = doctor(redis.url).finally(() => {
        looking.over = true
      })
      while (!looking.over)
        await operator.set('key', 'value').catch((error) => expect(error.message).toMatch(/^MISCONF/))
      expect((await told).severities).toMatchObject({ 'persistence-blocking-writes': 'critical' })

      // With no save points the same failure blocks nothing, and is none.
      await operator.config('SET', 'save', '')
      expect((await doctor(redis.url)).severities).not.toHaveProperty('persistence-blocking-writes')
    },
  )

  test('expired-stale (warning): more sessions die than Redis collects', async ({ afterwards }) => {
    const { redis, operator } = await startOperated(afterwards, { hz: '500' })
    await storeSessions(operator, 1_000, { bytes: 10, ttl: halfHour })
    expect((await doctor(redis.url)).severities).not.toHaveProperty('expired-stale')

    // Dead before they are looked at, faster than a cycle of 0.5 ms can take them away.
    let ended = false
    const feeding = (async () => {
      const script = `for n = 1, 4000 do redis.call('SET', 'dead:' .. n .. ':' .. ARGV[1], '', 'PX', 1) end`
      for (let round = 0; !ended; round++) await operator.eval(script, 0, round)
    })()
    try {
      await until(
        async () => (await doctor(redis.url)).severities['expired-stale'] === 'warning',
        'dead keys are found',
        patience,
      )
    } finally {
      ended = true
      await feeding
    }
  })

  for (const { finding, severity, when, says, settings, argv = [], well, provoke } of causes) {
    test(`${finding} (${severity}): ${when}`, async ({ afterwards }) => {
      const sound = await startOperated(afterwards, settings)
      const ill = await startOperated(afterwards, settings)
      await well(sound.operator)
      await well(ill.operator)
      await provoke(ill.operator)
      const [before, told] = await Promise.all([sound, ill].map(({ redis }) => doctor(redis.url, ...argv)))
      expect(before?.severities).not.toHaveProperty(finding)
      expect(told?.severities).toMatchObject({ [finding]: severity })
      expect(told?.evidence[finding]).toMatch(says)
      if (severity === 'critical') expect(told?.exitCode).toBe(2)
    })
  }

  test('ttl-too-long (warning): longer than what this process writes', async ({ afterwards }) => {
    const { redis, operator } = await startOperated(afterwards, small)
    await storeSessions(operator, 1_000, { bytes: 10, ttl: 300 })
    await untilTtlIsKnown(operator)
    const opened = openWatching(afterwards, { redis: redis.url })
    await until(() => seenBy(opened).node !== undefined, 'the first look', patience)
    expect(seenBy(opened).findings).not.toHaveProperty('ttl-too-long')
    await operator.flushall()
    await storeSessions(operator, 1_000, { bytes: 10, ttl: day })
    await until(() => seenBy(opened).findings['ttl-too-long'] === 'warning', 'it is found', patience)
  })

  test('config-denied (info): all the others are found without the right to CONFIG', async ({ afterwards }) => {
    const { redis, operator } = await startOperated(afterwards, { ...small, 'maxmemory-policy': 'volatile-lru' })
    await operator.call('ACL', 'SETUSER', 'visitor', 'on', '>secret', '~*', '+@all', '-config')
    await storeSessionsTo(operator, 0.92)
    await operator.config('RESETSTAT')
    const allowed = await doctor(redis.url, '--sample', '1000')
    const denied = await doctor(redis.url.replace('//', '//visitor:secret@'), '--sample', '1000')
    expect(allowed.severities).not.toHaveProperty('config-denied')
    expect(denied.severities).toEqual({ ...allowed.severities, 'config-denied': 'info' })
    expect(denied.severities).toMatchObject({ 'policy-volatile-no-ttl': 'critical', 'memory-high': 'critical' })
    expect(denied.exitCode).toBe(allowed.exitCode)

    // One bounded pass that only reads, and no key's value.
    const commands = [...(await operator.info('commandstats')).matchAll(/cmdstat_([^:]+):/g)].map(([, name]) => name)
    const reading = /^(info|config\|get|client\|setname|auth|scan|memory\|usage|pttl|type|dbsize)$/
    expect(commands.filter((name = '') => !reading.test(name) && name !== 'config|resetstat')).toEqual([])
    expect(await infoNumber(operator, 'evicted_keys')).toBe(0)
  })
})
