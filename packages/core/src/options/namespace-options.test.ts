import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { InvalidArgumentError, InvalidOptionsError } from '../errors.ts'
import { type CacheOptions, parseCacheOptions } from './cache-options.ts'
import { type GetOptions, type NamespaceOptions, parseGetOptions, parseNamespaceOptions } from './namespace-options.ts'

const secret = 'hunter2'

function parse(options: unknown, cache: Partial<CacheOptions> = {}) {
  return parseNamespaceOptions(options as NamespaceOptions<unknown>, parseCacheOptions({ name: 'shop', ...cache }))
}

function errorOf(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('these options were taken')
}

describe('parseNamespaceOptions', () => {
  test('takes copies as a number, or with the rate beyond which they are made', () => {
    expect(parse({ name: 'item' }).copies).toBeUndefined()
    expect(parse({ name: 'item', copies: 4 }).copies).toEqual({ count: 4, beyond: 100 })
    expect(parse({ name: 'item', copies: { count: 2, beyond: 5 } }).copies).toEqual({ count: 2, beyond: 5 })
  })

  test.each([
    [0, 'copies.count', 'expected a whole number from 1 to 31'],
    [32, 'copies.count', 'expected a whole number from 1 to 31'],
    [{ beyond: 5 }, 'copies.count', 'expected a whole number from 1 to 31'],
    [{ count: 2, beyond: 0 }, 'copies.beyond', 'expected a whole number from 1 to 1000000'],
    [{ count: 2, rate: 5 }, 'copies.rate', 'there is no such option'],
    [secret, 'copies', 'expected a whole number from 1 to 31, or { count, beyond }'],
    [false, 'copies', 'expected a whole number from 1 to 31, or { count, beyond }'],
  ])('names what is wrong with copies: %j', (copies, path, expected) => {
    const error = errorOf(() => parse({ name: 'item', copies }))
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect((error as InvalidOptionsError).issues).toEqual([{ path, expected }])
  })

  test('has no copies of what is written behind', () => {
    const behind = { name: 'item', write: 'behind', saveMany: () => {}, copies: 2 }
    const { issues } = errorOf(() => parse(behind, { redis: 'redis://nowhere' })) as InvalidOptionsError
    expect(issues).toEqual([{ path: 'copies', expected: expect.stringContaining('write: "through"') }])
  })

  test.each([
    ['on a cluster', { cluster: [{ host: 'nowhere', port: 6379 }] }],
    ['on one Redis', 'redis://nowhere'],
    ['without Redis', undefined],
  ])('has no copies of what writers without the SDK may delete, %s', (_, redis) => {
    const tracking = { redis, invalidation: 'tracking' as const }
    const error = errorOf(() => parse({ name: 'item', copies: 2 }, tracking)) as InvalidOptionsError
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect(error.issues).toEqual([{ path: 'copies', expected: expect.stringContaining('invalidation: "pubsub"') }])
    expect(parse({ name: 'item' }, tracking).copies).toBeUndefined()
    expect(parse({ name: 'item', copies: 2 }, { redis }).copies?.count).toBe(2)
  })

  test('lists every wrong option in one error, without the values', () => {
    const error = errorOf(() =>
      parse({
        name: `${secret} ${secret}`,
        schema: { parse: () => secret },
        load: secret,
        loadMany: {},
        save: null,
        schemaVersion: -1,
        local: { ttl: secret, maxBytes: 5 },
        source: { concurrency: secret },
        redis: `http://:${secret}@host`,
        ttl: secret,
        lease: secret,
        retries: secret,
      }),
    )
    expect(error).toBeInstanceOf(InvalidOptionsError)
    const { issues, message } = error as InvalidOptionsError
    expect(Object.fromEntries(issues.map(({ path, expected }) => [path, expected]))).toEqual({
      name: expect.stringContaining('1 to 64 letters'),
      schema: expect.stringContaining('Standard Schema'),
      load: expect.stringContaining('(key, context) => value'),
      loadMany: expect.stringContaining('(keys, context) => Map'),
      save: expect.stringContaining('(key, value, context) => void'),
      schemaVersion: 'expected a whole number from 0 to 1000000',
      'local.ttl': expect.stringContaining('duration from 1ms to 1d'),
      'local.maxBytes': 'there is no such option',
      'source.concurrency': 'expected a whole number from 1 to 10000',
      redis: expect.stringContaining('redis://'),
      ttl: expect.stringContaining('duration from 1ms to 365d'),
      lease: 'expected an object, or false to switch it off',
      retries: 'there is no such option',
    })
    expect(message).toMatch(/^namespace: 13 options are wrong/)
    expect(message).not.toContain(secret)
  })

  test('refuses a namespace that could keep its values nowhere', () => {
    const expected = [{ path: 'local', expected: expect.stringContaining('only place to keep values') }]
    expect(errorOf(() => parse({ name: 'a', local: false }))).toMatchObject({ issues: expected })
    expect(errorOf(() => parse({ name: 'a' }, { local: false }))).toMatchObject({ issues: expected })
    expect(parse({ name: 'a', local: false }, { redis: 'redis://a' }).local).toBe(false)
    expect(parse({ name: 'a', redis: 'redis://a' }, { local: false }).local).toBe(false)
  })

  test('says so beside what else is wrong', () => {
    expect(errorOf(() => parse({ name: 'not a name', local: false }))).toMatchObject({
      issues: [{ path: 'name' }, { path: 'local' }],
    })
  })

  test('cascades from built-in to cache to namespace', () => {
    const settings = parse(
      { name: 'a', staleIfError: '1h', lease: { wait: 0 }, local: { clone: true }, source: { queue: 0 } },
      {
        ttl: '1m',
        staleIfError: '1m',
        lease: { ttl: '1s' },
        local: { ttl: '7s' },
        source: { concurrency: 3, queue: 9 },
      },
    )
    expect(settings).toMatchObject({
      schemaVersion: 0,
      local: { ttl: 7_000, clone: true },
      source: { concurrency: 3, queue: 0 },
      policy: { ttl: 60_000, staleIfError: 3_600_000, negativeTtl: 10_000, lease: { ttl: 1_000, wait: 0 } },
    })
  })

  test("shares the cache's bulkhead where it has none of its own", () => {
    expect(parse({ name: 'a' }).source).toBeUndefined()
  })

  test('hands on the functions and the schema themselves', () => {
    const options = { name: 'a', schema: z.string(), load: () => 'x', loadMany: () => new Map(), save: () => {} }
    const settings = parse(options)
    for (const part of ['schema', 'load', 'loadMany', 'save'] as const) expect(settings[part]).toBe(options[part])
  })

  test('takes a schema that is a function, as arktype makes them', () => {
    const schema = Object.assign(() => {}, {
      '~standard': { version: 1, vendor: 'test', validate: () => ({ value: 1 }) },
    })
    expect(parse({ name: 'a', schema }).schema).toBe(schema)
  })
})

describe('parseGetOptions', () => {
  const settings = parse({ name: 'a', ttl: '1m', load: () => 'namespace', softLoadTimeout: 50 })

  test('lets a call set its own times over those of the namespace', () => {
    const call = parseGetOptions(
      { ttl: '5s', staleIfError: '1m', staleWhileRevalidate: 0, loadTimeout: 70, timeout: '1s' },
      settings,
    )
    expect(call.policy).toEqual({ ...settings.policy, ttl: 5_000, staleIfError: 60_000, loadTimeout: 70 })
    expect(call).toMatchObject({ load: settings.load, timeout: 1_000 })
  })

  test('takes another load', () => {
    const load = () => 'call'
    expect(parseGetOptions({ load }, settings)).toMatchObject({ load, timeout: undefined })
  })

  test.each([
    ['ttl', { ttl: secret }, /duration from 1ms/],
    ['timeout', { timeout: 0 }, /duration from 1ms to 1h/],
    ['load', { load: secret }, /expected a function/],
    ['retries', { retries: 3 }, 'there is no such option'],
    ['lease', { lease: false }, 'there is no such option'],
    ['(options)', 5, /./],
  ])('refuses a wrong %s as a wrong argument', (argument, options, message) => {
    const error = errorOf(() => parseGetOptions(options as GetOptions<unknown>, settings))
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(error).toMatchObject({
      argument,
      code: 'PLIMSOLL_INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    })
    expect((error as Error).message).not.toContain(secret)
  })
})

describe('version, tags and clearable', () => {
  test('are functions and a flag, and tags bring what clear() needs', () => {
    expect(parse({ name: 'item' })).toMatchObject({ version: undefined, tags: undefined, clearable: false })
    expect(parse({ name: 'item', clearable: true }).clearable).toBe(true)
    expect(parse({ name: 'item', tags: () => [] }).clearable).toBe(true)
  })

  test('are refused where they are neither, or contradict each other', () => {
    const error = errorOf(() => parse({ name: 'item', version: 1, tags: 'a', clearable: false }))
    expect((error as InvalidOptionsError).issues.map(({ path }) => path)).toEqual(['version', 'tags', 'clearable'])
  })
})
