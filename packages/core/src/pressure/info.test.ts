import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseInfo, parseMemoryStats, unknownVitals } from './info.ts'
import { memoryStats70, redis62, redis70, redis80Empty, valkey91 } from './info-replies.fixture.ts'
import type { Vitals } from './vitals.ts'

const totalSystem = 25_276_502_016

function change(name: string, value: string | number): Vitals {
  return parseInfo(redis70.replace(new RegExp(`^${name}:.*$`, 'm'), `${name}:${value}`), 0)
}

describe('INFO of Redis 7.0', () => {
  test.each([
    ['\n', redis70],
    ['\r\n', redis70.replaceAll('\n', '\r\n')],
  ])('is read with lines that end in %j', (_, text) => {
    const vitals = parseInfo(text, 1_795_233_460_000)
    expect(vitals).toMatchObject({
      at: 1_795_233_460_000,
      origin: 'info',
      engine: 'redis',
      version: '7.0.15',
      runId: 'edb92bd2d84b14abfc9df1425eb20327e3e9b9c0',
      role: 'primary',
      deployment: 'standalone',
      provider: 'unknown',
      uptimeSeconds: 0,
      loading: false,
      errors: { ERR: 2 },
      keyspace: [],
      implausible: [],
    })
    expect(vitals.memory).toMatchObject({
      used: 991_792,
      rss: 12_181_504,
      dataset: 115_480,
      max: 67_108_864,
      policy: 'noeviction',
      totalSystem,
      fragmentationRatio: 13.9,
      fragmentationBytes: 11_305_248,
      allocator: 'jemalloc-5.3.0',
    })
    expect(vitals.clients).toEqual({ connected: 1, max: 10_000, blocked: 0, tracking: 0, clusterConnections: 0 })
    expect(vitals.totals).toMatchObject({ evictionExceededNowMilliseconds: 0, expiredStalePercent: 0, commands: 4 })
    expect(vitals.totals.outputBufferDisconnections).toBeUndefined()
    expect(vitals.persistence).toMatchObject({ appendOnly: false, lastSaveFailed: false, secondsSinceSave: 0 })
    expect(vitals.replication).toEqual({
      connectedReplicas: 0,
      primaryLinkUp: undefined,
      replicationId: 'f401fac15b0f40f4a937595a4843ee488302b4f8',
    })
  })

  test('leaves out an average TTL that nothing has', () => {
    const { keyspace } = parseInfo('# Keyspace\ndb0:keys=5,expires=0,avg_ttl=77\ndb3:keys=4,expires=2,avg_ttl=9', 0)
    expect(keyspace).toEqual([
      { database: 0, keys: 5, expiring: 0, averageTtlMilliseconds: undefined },
      { database: 3, keys: 4, expiring: 2, averageTtlMilliseconds: 9 },
    ])
  })

  test.each(['keys=18446744073709551615,expires=3', 'keys=-1,expires=0', 'expires=0', ''])(
    'takes no part of a keyspace for the whole: db3:%s',
    (text) => {
      const { keyspace, implausible } = parseInfo(`# Keyspace\ndb0:keys=5,expires=0,avg_ttl=0\ndb3:${text}`, 0)
      expect({ keyspace, implausible }).toEqual({ keyspace: undefined, implausible: ['db3'] })
    },
  )

  test('takes no error word of a script for one of Redis', () => {
    const text = '# Errorstats\nerrorstat_OOM:count=3\nerrorstat_user-17:count=1\nerrorstat___proto__:count=1'
    expect(parseInfo(text, 0).errors).toEqual({ OOM: 3 })
  })

  test('tells a replica, a failed save, and negative fragmentation', () => {
    expect(change('role', 'slave').role).toBe('replica')
    expect(change('role', 'constructor').role).toBeUndefined()
    expect(change('rdb_last_bgsave_status', 'err').persistence.lastSaveFailed).toBe(true)
    expect(change('mem_fragmentation_bytes', -500)).toMatchObject({
      memory: { fragmentationBytes: -500 },
      implausible: [],
    })
    expect(change('loading', 1).loading).toBe(true)
  })

  test('tells providers by what they say of themselves', () => {
    expect(change('os', 'Amazon ElastiCache').provider).toBe('elasticache')
    expect(parseInfo(`${redis70}\nmaxmemory_reservation:5`, 0).provider).toBe('azure')
  })
})

describe('other servers', () => {
  test('Redis 6.2 does not tell how long memory was exceeded', () => {
    const vitals = parseInfo(redis62, 0)
    expect(vitals.version).toBe('6.2.16')
    expect(vitals.totals.evictionExceededNowMilliseconds).toBeUndefined()
  })

  test('Redis 8.0 tells a dataset that cannot be while it is empty', () => {
    const vitals = parseInfo(redis80Empty, 0)
    expect(vitals.memory.dataset).toBeUndefined()
    expect(vitals.implausible).toEqual(['used_memory_dataset'])
  })

  test('Valkey tells its own version and mode, and buffers beyond used memory', () => {
    const vitals = parseInfo(valkey91, 0)
    expect(vitals).toMatchObject({ engine: 'valkey', version: '9.1.2', deployment: 'cluster' })
    expect(vitals.memory.clientsNormal).toBeUndefined()
    expect(vitals.implausible).toEqual(['mem_clients_normal'])
    expect(vitals.keyspace).toEqual([{ database: 0, keys: 10, expiring: 4, averageTtlMilliseconds: 5_000 }])
  })
})

describe('numbers that cannot be true', () => {
  test.each([
    ['used_memory', '18446744073702280352'],
    ['used_memory', '-1'],
    ['used_memory', String(totalSystem * 2)],
    ['used_memory', '12abc'],
    ['used_memory', 'nan'],
    ['used_memory_rss', String(totalSystem * 2)],
    ['used_memory_dataset', '991793'],
    ['total_system_memory', '9007199254740993'],
    ['evicted_keys', '-5'],
    ['mem_fragmentation_ratio', 'inf'],
    ['mem_fragmentation_ratio', '45687396783620096.00'],
  ])('%s:%s is left out and named', (name, value) => {
    const vitals = change(name, value)
    expect(vitals.implausible).toEqual([name])
    expect(Object.values({ ...vitals.memory, ...vitals.totals })).not.toContain(Number(value))
  })

  test('say nothing of the fragmentation that was made of them', () => {
    const { memory } = change('used_memory', '-1')
    expect(memory).toMatchObject({ used: undefined, fragmentationRatio: undefined, fragmentationBytes: undefined })
  })

  test('a maxmemory beyond the machine is a mistake of somebody, not of Redis', () => {
    expect(change('maxmemory', totalSystem * 4)).toMatchObject({ memory: { max: totalSystem * 4 }, implausible: [] })
  })
})

describe('whatever the text', () => {
  const numbersOf = (vitals: Vitals) =>
    [vitals.memory, vitals.clients, vitals.totals, vitals.persistence]
      .flatMap((group) => Object.values<unknown>({ ...group }))
      .filter((value) => typeof value === 'number')

  const lines = redis70.split('\n')
  const spoiled = fc
    .array(fc.tuple(fc.nat(lines.length - 1), fc.oneof(fc.string(), fc.bigInt().map(String), fc.double().map(String))))
    .map((changes) => {
      const copy = [...lines]
      for (const [at, value] of changes) copy[at] = `${lines[at]?.split(':')[0]}:${value}`
      return copy.join('\n')
    })

  test('nothing is thrown, and every number could be true', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), spoiled), (text) => {
        const vitals = parseInfo(text, 5)
        for (const value of numbersOf(vitals)) expect(Math.abs(value)).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER)
        const { used = 0, clientsNormal = 0, dataset = 0 } = vitals.memory
        if (vitals.memory.used !== undefined) expect(Math.max(clientsNormal, dataset)).toBeLessThanOrEqual(used)
      }),
    )
  })

  test('nothing is thrown for any reply of MEMORY STATS', () => {
    fc.assert(fc.property(fc.anything(), (reply) => parseMemoryStats(reply, 1, 5).at === 5))
  })
})

describe('MEMORY STATS', () => {
  const pairs = memoryStats70.flatMap((name, i) => (i % 2 === 0 ? [[String(name), memoryStats70[i + 1]] as const] : []))

  test.each([
    ['a flat array', memoryStats70],
    ['a map', new Map(pairs)],
    ['an object', Object.fromEntries(pairs)],
  ])('is read from %s', (_, reply) => {
    const vitals = parseMemoryStats(reply, 12, 7)
    expect(vitals).toMatchObject({ origin: 'memory-stats', at: 7, keys: 12, keyspace: undefined, implausible: [] })
    expect(vitals.memory).toMatchObject({
      used: 989_224,
      rss: 989_224 + 11_305_248,
      peak: 991_792,
      startup: 876_112,
      max: undefined,
      policy: undefined,
    })
    expect(vitals.memory.fragmentationRatio).toBeCloseTo(13.9, 1)
  })

  test('without the number of keys', () => {
    expect(parseMemoryStats(memoryStats70, undefined, 7)).not.toHaveProperty('keys')
  })
})

test('what is unknown is left undefined', () => {
  const vitals = unknownVitals(3)
  expect(vitals).toMatchObject({ at: 3, origin: 'none', loading: false, implausible: [] })
  expect(Object.values(vitals.memory).every((value) => value === undefined)).toBe(true)
})
