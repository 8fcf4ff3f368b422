import { describe, expect, test } from 'vitest'
import { InvalidOptionsError } from '../errors.ts'
import { parseCacheOptions } from './cache-options.ts'
import { connectionFromEnvironment } from './environment.ts'

describe('connectionFromEnvironment', () => {
  test('answers nothing where nothing is set, so that the cache stays local', () => {
    expect(connectionFromEnvironment({})).toEqual({})
    expect(connectionFromEnvironment({ PATH: '/bin', REDIS_PRIMARY_HOST: '', REDIS_PORT: undefined })).toEqual({})
  })

  test('reads every variable', () => {
    const options = connectionFromEnvironment({
      REDIS_PRIMARY_HOST: 'primary.example.com',
      REDIS_READER_HOST: 'reader.example.com',
      REDIS_PORT: '6380',
      REDIS_TLS_ENABLED: 'true',
      REDIS_USERNAME: 'shop',
      REDIS_AUTH_TOKEN: 'token',
      REDIS_MAX_CONNECTIONS: '8',
      REDIS_CONNECT_TIMEOUT_MS: '300',
      REDIS_COMMAND_TIMEOUT_MS: '100',
      REDIS_MEMORY_LIMIT: '64Mi',
    })
    expect(options).toEqual({
      redis: {
        primary: { host: 'primary.example.com', port: 6380 },
        reader: { host: 'reader.example.com', port: 6380 },
        tls: true,
        username: 'shop',
        password: 'token',
      },
      maxConnections: 8,
      connectTimeout: 300,
      commandTimeout: 100,
      memoryLimit: 64 * 1024 ** 2,
    })
    expect(parseCacheOptions({ name: 'shop', ...options })).toMatchObject({ maxConnections: 8, commandTimeout: 100 })
  })

  test('takes the usual port without TLS by default', () => {
    expect(connectionFromEnvironment({ REDIS_PRIMARY_HOST: 'a' })).toEqual({
      redis: { primary: { host: 'a', port: 6379 } },
    })
  })

  test.each(['64', '64MB', 'much', '-1Gi'])('does not take REDIS_MEMORY_LIMIT=%s', (text) => {
    expect(() => connectionFromEnvironment({ REDIS_MEMORY_LIMIT: text })).toThrow(/REDIS_MEMORY_LIMIT: .*"64Mi"/)
  })

  test.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ])('reads REDIS_TLS_ENABLED=%s', (text, tls) => {
    const options = connectionFromEnvironment({ REDIS_PRIMARY_HOST: 'a', REDIS_TLS_ENABLED: text })
    expect(options.redis?.tls).toBe(tls)
  })

  test('names every wrong variable in one error, without the values', () => {
    const wrong = {
      REDIS_PRIMARY_HOST: 'redis://:hunter2@host',
      REDIS_READER_HOST: 'hunter2 hunter2',
      REDIS_PORT: '70000',
      REDIS_TLS_ENABLED: 'hunter2',
      REDIS_MAX_CONNECTIONS: '1',
      REDIS_CONNECT_TIMEOUT_MS: '5s',
      REDIS_COMMAND_TIMEOUT_MS: '-1',
    }
    let error: unknown
    try {
      connectionFromEnvironment({ ...wrong, REDIS_AUTH_TOKEN: 'hunter2' })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(InvalidOptionsError)
    const { issues, message } = error as InvalidOptionsError
    expect(issues.map((issue) => issue.path)).toEqual(Object.keys(wrong))
    expect(message).toContain('REDIS_PORT: expected a port from 1 to 65535')
    expect(message).not.toContain('hunter2')
  })

  test('wants a primary where there is a reader', () => {
    expect(() => connectionFromEnvironment({ REDIS_READER_HOST: 'a' })).toThrow(
      /REDIS_PRIMARY_HOST: expected a host, for REDIS_READER_HOST is set/,
    )
  })
})
