import { describe, expect, test } from 'vitest'
import { cascade } from './policy.ts'

const builtIn = cascade()

describe('cascade', () => {
  test('fills in every default', () => {
    expect(builtIn).toEqual({
      ttl: 300_000,
      ttlJitter: 0.1,
      staleWhileRevalidate: 0,
      staleIfError: 0,
      negativeTtl: 10_000,
      loadTimeout: 10_000,
      softLoadTimeout: 200,
      earlyExpiration: { beta: 1 },
      lease: { ttl: 2_000, wait: 3_000 },
      maxValueBytes: 1_048_576,
      serializer: 'json',
      compression: { threshold: 4_096 },
      priority: 'normal',
    })
  })

  test('lets a later layer win, and leaves alone what it does not set', () => {
    const policy = cascade({ ttl: 1_000, staleIfError: 5 }, { ttl: 2_000, staleIfError: undefined })
    expect(policy).toEqual({ ...builtIn, ttl: 2_000, staleIfError: 5 })
  })

  test('keeps zero and false, which are values too', () => {
    const policy = cascade({ negativeTtl: 0, ttlJitter: 0, lease: false, compression: false, earlyExpiration: false })
    expect(policy).toMatchObject({
      negativeTtl: 0,
      ttlJitter: 0,
      lease: false,
      compression: false,
      earlyExpiration: false,
    })
  })

  test('cascades each field of an object by itself', () => {
    expect(cascade({ lease: { ttl: 500 } }, { lease: { wait: 0, ttl: undefined } }).lease).toEqual({
      ttl: 500,
      wait: 0,
    })
  })

  test('an object switches on again what a layer before switched off, with the defaults', () => {
    const policy = cascade({ lease: false, compression: false }, { lease: { wait: 10 }, compression: {} })
    expect(policy.lease).toEqual({ ttl: 2_000, wait: 10 })
    expect(policy.compression).toEqual({ threshold: 4_096 })
  })

  test('replaces a serializer whole', () => {
    const serializer = { name: 'own', serialize: () => Buffer.alloc(0), deserialize: () => null }
    expect(cascade({ serializer: 'msgpack' }, { serializer }).serializer).toBe(serializer)
  })

  test('never changes the defaults', () => {
    cascade({ lease: { ttl: 1 }, ttl: 1 })
    expect(cascade()).toEqual(builtIn)
  })
})
