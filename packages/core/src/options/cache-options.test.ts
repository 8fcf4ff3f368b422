import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { InvalidOptionsError } from '../errors.ts'
import { type CacheOptions, parseCacheOptions } from './cache-options.ts'

// Stands in every wrong value that can hold text: no message may repeat it.
const secret = 'hunter2'

function issuesOf(options: unknown): InvalidOptionsError {
  try {
    parseCacheOptions(options as CacheOptions)
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionsError)
    return error as InvalidOptionsError
  }
  throw new Error('these options were taken')
}

const wrong: readonly (readonly [path: string, options: Record<string, unknown>, allowed: string | RegExp])[] = [
  ['name', { name: undefined }, 'expected a name'],
  ['name', { name: '' }, /1 to 64 letters/],
  ['name', { name: `${secret} with spaces` }, /1 to 64 letters/],
  ['name', { name: 'x'.repeat(65) }, /1 to 64 letters/],
  ['name', { name: 'a:{b}' }, /1 to 64 letters/],
  ['redis', { redis: 6379 }, /redis:\/\//],
  ['redis', { redis: null }, /redis:\/\//],
  ['redis', { redis: '' }, /redis:\/\//],
  ['redis', { redis: `http://user:${secret}@host` }, /rediss:\/\//],
  ['redis', { redis: `user:${secret}@host:6379` }, /redis:\/\//],
  ['redis', { redis: `redis://user:${secret}@host:99999` }, /redis:\/\//],
  ['redis', { redis: {} }, /exactly one of primary, cluster and sentinels/],
  ['redis', { redis: { primary: 'redis://a', cluster: ['redis://b'] } }, /exactly one/],
  ['redis.reader', { redis: { cluster: ['redis://b'], reader: 'redis://c' } }, /primary only/],
  ['redis.db', { redis: { cluster: ['redis://b'], db: 3 } }, /database 0 only/],
  ['redis.db', { redis: { primary: 'redis://a', db: 1.5 } }, /database number/],
  ['redis.primary', { redis: { primary: secret } }, /redis:\/\//],
  ['redis.primary', { redis: { primary: 6379 } }, /redis:\/\/ or rediss:\/\/ URL, or \{ host, port \}/],
  ['redis.primary.port', { redis: { primary: { host: secret, port: 0 } } }, />=1/],
  ['redis.primary.hostname', { redis: { primary: { host: 'a', hostname: secret } } }, 'there is no such option'],
  ['redis.cluster', { redis: { cluster: secret } }, /list of addresses/],
  ['redis.cluster.1', { redis: { cluster: ['redis://a', secret] } }, /redis:\/\//],
  ['redis.tls', { redis: { primary: 'redis://a', tls: secret } }, /true, false or \{ ca/],
  ['redis.tls.pfx', { redis: { primary: 'redis://a', tls: { key: secret, pfx: secret } } }, 'there is no such option'],
  ['redis.password', { redis: { primary: 'redis://a', password: 12_345 } }, 'expected text'],
  ['redis.pasword', { redis: { primary: 'redis://a', pasword: secret } }, 'there is no such option'],
  ['commandTimeout', { commandTimeout: 0 }, /duration from 1ms to 1m/],
  ['commandTimeout', { commandTimeout: '2h' }, /duration from 1ms to 1m/],
  ['connectTimeout', { connectTimeout: secret }, /duration from 1ms to 1m/],
  ['maxConnections', { maxConnections: 1 }, /whole number from 2 to 1000/],
  ['maxConnections', { maxConnections: 2.5 }, /whole number from 2 to 1000/],
  ['maxConnections', { maxConnections: '4' }, /whole number from 2 to 1000/],
  ['readerLag', { readerLag: -1 }, /duration from 0 to 1m/],
  ['memoryLimit', { memoryLimit: '64MB' }, /size from 1Mi/],
  ['memoryLimit', { memoryLimit: 0 }, /size from 1Mi/],
  ['pressure', { pressure: true }, /object, or false/],
  ['pressure.interval', { pressure: { interval: 10 } }, /duration from 1s to 5m/],
  ['pressure.fill.shedding', { pressure: { fill: { shedding: 90 } } }, /number from 0.1 to 1/],
  ['pressure.fill', { pressure: { fill: { conserving: 0.95 } } }, /conserving <= shedding <= readOnly/],
  ['pressure.evictedShare', { pressure: { evictedShare: { conserving: 0.5 } } }, /conserving <= shedding/],
  ['pressure.timeToFull', { pressure: { timeToFull: { conserving: '1m' } } }, /conserving >= shedding/],
  ['pressure.settel', { pressure: { settel: '1m' } }, 'there is no such option'],
  ['local', { local: true }, /object, or false/],
  ['local', { local: [] }, /object, or false/],
  ['local.maxBytes', { local: { maxBytes: '1Ki' } }, /size from 64Ki to 64Gi/],
  ['local.maxBytes', { local: { maxBytes: secret } }, /size from 64Ki to 64Gi/],
  ['local.ttl', { local: { ttl: '2d' } }, /duration from 1ms to 1d/],
  ['local.clone', { local: { clone: secret } }, 'expected true or false'],
  ['local.max', { local: { max: 5 } }, 'there is no such option'],
  ['source', { source: 5 }, /\{ concurrency, queue \}/],
  ['source.concurrency', { source: { concurrency: 0 } }, /whole number from 1 to 10000/],
  ['source.queue', { source: { queue: Number.POSITIVE_INFINITY } }, /whole number from 0 to 1000000/],
  ['invalidation', { invalidation: true }, /"pubsub", "tracking" or false/],
  ['logger', { logger: { info() {} } }, /debug, info, warn and error/],
  ['clock', { clock: Date }, /now, setTimeout, clearTimeout/],
  ['random', { random: 0.5 }, /Math\.random/],
  ['ttl', { ttl: 0 }, /duration from 1ms to 365d/],
  ['ttl', { ttl: '5 minutes' }, /duration from 1ms to 365d/],
  ['ttl', { ttl: '366d' }, /duration from 1ms to 365d/],
  ['ttlJitter', { ttlJitter: 1 }, /number from 0 to 0.9/],
  ['staleWhileRevalidate', { staleWhileRevalidate: secret }, /duration from 0 to 365d/],
  ['staleIfError', { staleIfError: null }, /duration from 0 to 365d/],
  ['negativeTtl', { negativeTtl: '2d' }, /duration from 0 to 1d/],
  ['loadTimeout', { loadTimeout: '2h' }, /duration from 1ms to 1h/],
  ['softLoadTimeout', { softLoadTimeout: [] }, /duration from 1ms to 1h/],
  ['earlyExpiration', { earlyExpiration: true }, /object, or false/],
  ['earlyExpiration.beta', { earlyExpiration: { beta: 0 } }, /number from 0.01 to 100/],
  ['lease.ttl', { lease: { ttl: 10 } }, /duration from 100ms to 1m/],
  ['lease.wait', { lease: { wait: '6m' } }, /duration from 0 to 5m/],
  ['lease.timeout', { lease: { timeout: 1 } }, 'there is no such option'],
  ['maxValueBytes', { maxValueBytes: '1Gi' }, /size from 1 to 512Mi/],
  ['serializer', { serializer: 'yaml' }, /"json", "msgpack" or \{ name/],
  ['serializer', { serializer: { name: secret, serialize() {} } }, /"json", "msgpack" or \{ name/],
  ['compression.threshold', { compression: { threshold: -1 } }, /size from 0 to 512Mi/],
  ['priority', { priority: secret }, /"essential", "normal" or "expendable"/],
  ['redisUrl', { redisUrl: `redis://:${secret}@host` }, 'there is no such option'],
]

describe('parseCacheOptions', () => {
  test.each(wrong)('names %s and what is allowed there for %j', (path, options, allowed) => {
    const error = issuesOf({ name: 'shop', ...options })
    expect(error.issues).toEqual([{ path, expected: expect.stringMatching(allowed) }])
    expect(error.message).toContain(`1 option is wrong\n  - ${path}: `)
    expect(error.message).not.toContain(secret)
  })

  test('lists every wrong option in one error', () => {
    const all = Object.assign({}, ...wrong.map(([, options]) => options))
    const error = issuesOf({ ...all, name: `${secret}!` })
    const fields = new Set(error.issues.map((issue) => issue.path.split('.')[0]))
    expect(fields).toEqual(new Set(wrong.map(([path]) => path.split('.')[0])))
    expect(error.code).toBe('PLIMSOLL_INVALID_OPTIONS')
    expect(error.name).toBe('InvalidOptionsError')
    expect(error.message).toContain(`${error.issues.length} options are wrong`)
    for (const { path, expected } of error.issues) expect(error.message).toContain(`\n  - ${path}: ${expected}`)
    expect(error.message).not.toContain(secret)
    expect(JSON.stringify(error)).not.toContain(secret)
  })

  test('names every wrong field inside redis at once', () => {
    const error = issuesOf({
      name: 'shop',
      redis: { primary: secret, reader: secret, username: 1, password: [secret], tls: secret, db: -1, host: secret },
    })
    expect(error.issues.map((issue) => issue.path).sort()).toEqual([
      'redis.db',
      'redis.host',
      'redis.password',
      'redis.primary',
      'redis.reader',
      'redis.tls',
      'redis.username',
    ])
    expect(error.message).not.toContain(secret)
  })

  test('names what is wrong between the fields of redis beside what is wrong within them', () => {
    const error = issuesOf({ name: 'shop', redis: { primary: 'redis://a', cluster: ['redis://b'], db: 'x' } })
    expect(error.issues.map((issue) => issue.path)).toEqual(['redis.db', 'redis'])
  })

  test.each(['redis://host?db=x', 'redis://host/shop', 'redis://host/-1'])(
    'refuses %s, which names no database',
    (redis) => {
      expect(issuesOf({ name: 'shop', redis }).issues.map((issue) => issue.path)).toEqual(['redis'])
    },
  )

  test.each([undefined, null, 'shop', 5, []])('names the options themselves where they are %j', (options) => {
    expect(issuesOf(options).issues.map((issue) => issue.path)).toEqual(['(options)'])
  })

  test('wants a third connection where a reader takes one', () => {
    const redis = { primary: 'redis://a', reader: 'redis://b' }
    expect(issuesOf({ name: 'shop', redis, maxConnections: 2 }).issues).toEqual([
      { path: 'maxConnections', expected: expect.stringContaining('at least 3') },
    ])
    expect(parseCacheOptions({ name: 'shop', redis, maxConnections: 3 }).maxConnections).toBe(3)
  })

  test('fills in the defaults', () => {
    const settings = parseCacheOptions({ name: 'shop' })
    expect(settings).toMatchObject({
      name: 'shop',
      redis: undefined,
      commandTimeout: 200,
      connectTimeout: 500,
      maxConnections: 4,
      readerLag: 1_000,
      local: { ttl: 30_000, clone: false },
      source: { concurrency: 32, queue: 1_000 },
      invalidation: 'pubsub',
      random: Math.random,
      policy: { ttl: 300_000 },
    })
    expect(settings.local !== false && settings.local.maxBytes).toBeGreaterThanOrEqual(1024 ** 2)
    expect(Math.abs(settings.clock.now() - Date.now())).toBeLessThan(60_000)
    for (const level of ['debug', 'info', 'warn', 'error'] as const) settings.logger[level]({}, 'heard by nobody')
  })

  test('reads durations and sizes, and what is undefined as not given', () => {
    const settings = parseCacheOptions({
      name: 'shop',
      redis: undefined,
      commandTimeout: '150ms',
      connectTimeout: undefined,
      local: { maxBytes: '64Mi', ttl: '10s' },
      source: { concurrency: 5 },
      invalidation: false,
      ttl: '1m',
      lease: { ttl: '1s' },
    })
    expect(settings).toMatchObject({
      commandTimeout: 150,
      connectTimeout: 500,
      local: { maxBytes: 67_108_864, ttl: 10_000, clone: false },
      source: { concurrency: 5, queue: 1_000 },
      invalidation: false,
      policy: { ttl: 60_000, lease: { ttl: 1_000, wait: 3_000 } },
    })
    expect(parseCacheOptions({ name: 'shop', local: false }).local).toBe(false)
  })

  test('takes tracking, which has a connection more to each node of a cluster', () => {
    const cluster = { cluster: ['redis://a:7000'] }
    const few = { name: 'shop', invalidation: 'tracking', maxConnections: 2 } as const
    expect(parseCacheOptions({ ...few, redis: 'redis://a' }).invalidation).toBe('tracking')
    expect(parseCacheOptions({ ...few, redis: cluster, maxConnections: 3 }).maxConnections).toBe(3)
    expect(() => parseCacheOptions({ ...few, redis: cluster })).toThrow(
      'expected at least 3 with tracking on a cluster',
    )
  })

  test.each([
    'redis://localhost',
    'rediss://user:p%40ss@cache.example.com:6380/2',
    'redis://[::1]:6379',
    {
      primary: { host: '10.0.0.1' },
      reader: { host: '10.0.0.2', port: 6380 },
      tls: true,
      username: 'u',
      password: 'p',
    },
    { primary: 'redis://a', tls: { ca: 'PEM', cert: Buffer.from('PEM'), servername: 'a', rejectUnauthorized: false } },
    { cluster: ['redis://a:7000', { host: 'b', port: 7001 }], db: 0 },
    { sentinels: ['redis://a:26379'], sentinelName: 'main', db: 4 },
  ])('takes redis: %j', (redis) => {
    expect(parseCacheOptions({ name: 'shop', redis }).redis).toEqual(redis)
  })

  test("takes the service's own ioredis instance as it is", () => {
    const redis = new Redis({ lazyConnect: true })
    expect(parseCacheOptions({ name: 'shop', redis }).redis).toBe(redis)
    redis.disconnect()
  })

  test('has more connections by default where there is a reader', () => {
    const redis = { primary: 'redis://a', reader: 'redis://b' }
    expect(parseCacheOptions({ name: 'shop', redis }).maxConnections).toBe(6)
  })
})
