import { Cluster, Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import type { RedisOption } from '../options/redis-options.ts'
import { type Client, createTopology, type Role } from './topology.ts'

const settings = { cacheName: 'shop', commandTimeout: 200, connectTimeout: 500 }
const clients: { disconnect(): void }[] = []

// Nothing is connected here: every client is lazy.
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect()
})

function open(option: RedisOption, role: Role = 'primary', purpose: 'data' | 'subscriber' = 'data'): Client {
  const client = createTopology(option, settings).open(role, purpose)
  clients.push(client)
  return client
}

function own<C extends Redis | Cluster>(client: C): C {
  clients.push(client)
  return client
}

/** What keeps ioredis from queueing, resending and waiting. */
const safe = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 500,
  protocol: 2,
  connectionName: 'plimsoll:shop:data',
}

describe('one server', () => {
  test.each([
    ['redis://cache.example.com', { host: 'cache.example.com', port: 6379, db: 0, password: null }],
    ['redis://cache:6380/3', { host: 'cache', port: 6380, db: 3 }],
    ['redis://cache?db=4', { host: 'cache', db: 4 }],
    ['redis://user:p%40ss%3A@cache', { username: 'user', password: 'p@ss:' }],
    ['redis://:secret@cache', { username: null, password: 'secret' }],
    ['redis://[::1]:7000', { host: '::1', port: 7000 }],
    ['rediss://cache', { host: 'cache', tls: { servername: 'cache' } }],
    ['rediss://10.0.0.1', { host: '10.0.0.1', tls: {} }],
    [{ primary: { host: 'cache' } }, { host: 'cache', port: 6379 }],
    [
      { primary: 'redis://cache', username: 'u', password: 'p', db: 2, tls: true },
      { username: 'u', password: 'p', db: 2, tls: {} },
    ],
    [
      { primary: 'redis://old:old@cache/1', password: 'new', db: 2 },
      { username: 'old', password: 'new', db: 2 },
    ],
    [{ primary: 'rediss://cache', tls: { ca: 'PEM' } }, { tls: { ca: 'PEM' } }],
  ])('%j is reached as it says, with safe settings', (option, expected) => {
    const { options } = open(option) as Redis
    expect(options).toMatchObject({ ...safe, ...expected })
  })

  test('has a name for each purpose, so that an operator can tell them', () => {
    expect((open('redis://a', 'primary', 'subscriber') as Redis).options.connectionName).toBe(
      'plimsoll:shop:subscriber',
    )
  })

  test('may have a reader beside it', () => {
    const option = { primary: 'redis://:one@a', reader: 'redis://:two@b:7000' }
    expect(createTopology(option, settings)).toMatchObject({ kind: 'standalone', hasReader: true })
    expect((open(option, 'primary') as Redis).options).toMatchObject({ host: 'a', password: 'one' })
    expect((open(option, 'reader') as Redis).options).toMatchObject({ host: 'b', port: 7000, password: 'two' })
    expect(createTopology('redis://a', settings).hasReader).toBe(false)
  })

  test('is tried again soon, and never long after', () => {
    const retry = (open('redis://a') as Redis).options.retryStrategy
    const pauses = Array.from({ length: 50 }, (_, index) => Number(retry?.(index + 1)))
    expect(pauses[0]).toBeLessThan(50)
    for (const pause of pauses) expect(pause).toBeLessThanOrEqual(2_500)
    expect(Math.min(...pauses.slice(10))).toBeGreaterThanOrEqual(1_500)
  })

  test('that says READONLY is left once for the new primary, not for every error', () => {
    const leaves = (open('redis://a') as Redis).options.reconnectOnError
    expect(leaves?.(new Error('OOM command not allowed'))).toBe(false)
    expect(leaves?.(new Error("READONLY You can't write against a read only replica."))).toBe(true)
    expect(leaves?.(new Error("READONLY You can't write against a read only replica."))).toBe(false)
  })
})

describe('sentinels', () => {
  test('are asked for the primary by its name', () => {
    const option = {
      sentinels: ['redis://s1:26379', { host: 's2', port: 26_380 }],
      sentinelName: 'main',
      password: 'p',
    }
    expect(createTopology(option, settings).kind).toBe('sentinel')
    expect((open(option) as Redis).options).toMatchObject({
      ...safe,
      ...{ name: 'main', password: 'p' },
      sentinels: [
        { host: 's1', port: 26_379 },
        { host: 's2', port: 26_380 },
      ],
    })
    expect((open({ sentinels: ['redis://s1'] }) as Redis).options.name).toBe('mymaster')
  })
})

describe('a cluster', () => {
  test('is found from some of its nodes, and does not queue at its own level either', () => {
    const option = { cluster: ['redis://:secret@a:7000', { host: 'b', port: 7001 }] }
    expect(createTopology(option, settings)).toMatchObject({ kind: 'cluster', hasReader: false })
    const cluster = open(option) as Cluster
    expect(cluster).toBeInstanceOf(Cluster)
    expect(cluster.options).toMatchObject({ enableOfflineQueue: false, lazyConnect: true, maxRedirections: 4 })
    expect(cluster.options.redisOptions).toMatchObject({ password: 'secret', maxRetriesPerRequest: 0, protocol: 2 })
  })
})

// As it is with one server.
test('credentials given beside the addresses win over those within them, on a cluster too', () => {
  const cluster = open({ cluster: ['redis://old:old@a'], username: 'new', password: 'new' }) as Cluster
  expect(cluster.options.redisOptions).toMatchObject({ username: 'new', password: 'new' })
})

describe("the service's own instance", () => {
  test('is duplicated with safe settings, and left alone itself', () => {
    const given = own(
      new Redis({
        ...{ lazyConnect: true, host: 'cache', port: 7000, password: 'secret', db: 3 },
        ...{ keyPrefix: 'theirs:', commandTimeout: 5, enableOfflineQueue: true, maxRetriesPerRequest: 20 },
        ...{ enableAutoPipelining: true, connectionName: 'theirs', stringNumbers: true },
      }),
    )
    const client = open(given) as Redis
    expect(client).not.toBe(given)
    expect(client.options).toMatchObject({
      ...safe,
      ...{ host: 'cache', port: 7000, password: 'secret', db: 3 },
      ...{ keyPrefix: '', enableAutoPipelining: false, stringNumbers: false },
    })
    expect(client.options.commandTimeout).toBeUndefined()
    expect(given.options).toMatchObject({ keyPrefix: 'theirs:', enableOfflineQueue: true, connectionName: 'theirs' })
    expect(given.status).toBe('wait')
    expect(createTopology(given, settings).kind).toBe('standalone')
  })

  test('may be of sentinels', () => {
    const given = own(new Redis({ lazyConnect: true, sentinels: [{ host: 's1', port: 26_379 }], name: 'main' }))
    expect(createTopology(given, settings).kind).toBe('sentinel')
    expect((open(given) as Redis).options).toMatchObject({ ...safe, name: 'main' })
  })

  test('may be a cluster', () => {
    const given = own(
      new Cluster([{ host: 'a', port: 7000 }], {
        ...{ lazyConnect: true, scaleReads: 'slave', keyPrefix: 'theirs:', enableOfflineQueue: true },
        redisOptions: { password: 'secret', commandTimeout: 5 },
      }),
    )
    expect(createTopology(given, settings).kind).toBe('cluster')
    const cluster = open(given) as Cluster
    expect(cluster.options).toMatchObject({ scaleReads: 'master', keyPrefix: '', enableOfflineQueue: false })
    expect(cluster.options.redisOptions).toMatchObject({ password: 'secret', maxRetriesPerRequest: 0 })
    expect(cluster.options.redisOptions?.commandTimeout).toBeUndefined()
  })
})
