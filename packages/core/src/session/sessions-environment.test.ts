import { expect, test } from 'vitest'
import { InvalidOptionsError } from '../errors.ts'
import { parseSessionsOptions, type SessionsOptions } from './session-options.ts'
import { sessionsFromEnvironment } from './sessions-environment.ts'

test('an empty environment says nothing', () => {
  expect(sessionsFromEnvironment({})).toEqual({})
  expect(sessionsFromEnvironment({ SESSION_IDLE_TIMEOUT: '', SESSION_REDIS_URL: '' })).toEqual({})
})

test('what it says can be spread into createSessions', () => {
  const found = sessionsFromEnvironment({
    SESSION_REDIS_URL: 'redis://sessions:6380',
    SESSION_IDLE_TIMEOUT: '30m',
    SESSION_ABSOLUTE_TIMEOUT: '7d',
    SESSION_TOUCH_AFTER: '10s',
    SESSION_MAX_PER_USER: '5',
    REDIS_PRIMARY_HOST: 'cache',
    REDIS_COMMAND_TIMEOUT_MS: '150',
  })
  expect(found).toEqual({
    redis: 'redis://sessions:6380',
    idleTimeout: 1_800_000,
    absoluteTimeout: 604_800_000,
    touchAfter: 10_000,
    maxSessionsPerUser: 5,
    commandTimeout: 150,
  })
  expect(parseSessionsOptions({ name: 'shop', ...found }).cache.redis).toBe('redis://sessions:6380')
})

test('without a Redis of their own sessions are where the cache is', () => {
  expect(sessionsFromEnvironment({ REDIS_PRIMARY_HOST: 'cache' })).toEqual({
    redis: { primary: { host: 'cache', port: 6379 } },
  })
})

test('everything that is wrong is named at once, and no value is repeated', () => {
  const environment = {
    SESSION_REDIS_URL: 'http://user:hunter2@host',
    SESSION_IDLE_TIMEOUT: 'hunter2',
    SESSION_ABSOLUTE_TIMEOUT: '5 years',
    SESSION_TOUCH_AFTER: '-1s',
    SESSION_MAX_PER_USER: '0',
    REDIS_PORT: 'hunter2',
  }
  let error: unknown
  try {
    sessionsFromEnvironment(environment)
  } catch (caught) {
    error = caught
  }
  expect(error).toBeInstanceOf(InvalidOptionsError)
  const { issues, message } = error as InvalidOptionsError
  expect(issues.map(({ path }) => path).sort()).toEqual(Object.keys(environment).sort())
  expect(message).not.toContain('hunter2')
})

test.each([
  ['name', { name: 'a b' }],
  ['redis', { redis: undefined }],
  ['redis', { redis: 'http://host' }],
  ['idleTimeout', { idleTimeout: '1ms' }],
  ['absoluteTimeout', { absoluteTimeout: '2 days' }],
  ['touchAfter', { touchAfter: '2d' }],
  ['maxSessionsPerUser', { maxSessionsPerUser: 1_001 }],
  ['whenTooMany', { whenTooMany: 'newest-out' }],
  ['userOf', { userOf: 'userId' }],
  ['merge', { merge: 'yes' }],
  ['maxBytes', { maxBytes: '1Gi' }],
  ['compression.threshold', { compression: { threshold: -1 } }],
  ['shadow.maxAge', { shadow: { maxAge: '61s' } }],
  ['lossGrace', { lossGrace: '1h' }],
  ['connectRedisPrefix', { connectRedisPrefix: 5 }],
  ['backing', { backing: { load() {} } }],
  ['commandTimeout', { commandTimeout: 0 }],
  ['local', { local: {} }],
  ['sesionTimeout', { sesionTimeout: 5 }],
])('createSessions names %s for %j', (path, options) => {
  try {
    parseSessionsOptions({ name: 'shop', redis: 'redis://host', ...options } as unknown as SessionsOptions)
  } catch (error) {
    expect((error as InvalidOptionsError).issues.map((issue) => issue.path)).toEqual([path])
    return
  }
  throw new Error('these options were taken')
})
