import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import type { Namespace } from './namespace.ts'
import type { NamespaceOptions } from './options/namespace-options.ts'
import { openOnLateRedis } from './testing-support/late-redis.ts'
import { runsOf } from './testing-support/schedules.ts'

const key = 'session-of-ada'
const value = 'card-number-4711'
const tag = 'customer-0815'
const secrets = [key, value, tag]

const calls: Record<string, (namespace: Namespace<string>) => unknown> = {
  get: (namespace) => namespace.get(key),
  getMany: (namespace) => namespace.getMany([key]),
  set: (namespace) => namespace.set(key, value),
  'set what is too large': (namespace) => namespace.set(key, value.repeat(10_000)),
  'set what is no value': (namespace) => namespace.set(key, (() => value) as never),
  setMany: (namespace) => namespace.setMany([[key, value]]),
  update: (namespace) => namespace.update(key, () => value, { wait: 500 }),
  delete: (namespace) => namespace.delete(key),
  deleteMany: (namespace) => namespace.deleteMany([key]),
  warm: (namespace) => namespace.warm([key], { wait: 500 }),
  invalidateTag: (namespace) => namespace.invalidateTag(tag),
  'get with a wrong option': (namespace) => namespace.get(key, { ttl: value as never }),
}

/** How the source, or what the service says of its values, fares. */
const services: Record<string, Partial<NamespaceOptions<string>>> = {
  well: { load: async () => value, save: async () => {} },
  down: {
    load: async () => {
      throw new Error('the source is down')
    },
    save: async () => {
      throw new Error('the source is down')
    },
  },
  silent: { load: () => new Promise(() => {}), save: async () => {}, loadTimeout: 300 },
  'with tags that cannot be': { load: async () => value, save: async () => {}, tags: () => [value.repeat(100), ''] },
  'with versions that cannot be': { load: async () => value, save: async () => {}, version: () => Number.NaN },
}

afterEach(() => {
  vi.restoreAllMocks()
})

test('no log line, error or number of the cache holds a key, a value or a tag, whatever goes wrong', async () => {
  const one = fc.record({
    service: fc.constantFrom(...Object.keys(services)),
    asked: fc.array(fc.constantFrom(...Object.keys(calls)), { minLength: 1, maxLength: 4 }),
    delays: fc.array(fc.constantFrom(0, 60, 199, 60_000), { minLength: 1, maxLength: 6 }),
  })
  const property = fc.asyncProperty(one, async ({ service, asked, delays }) => {
    const options = { tags: () => [tag], maxValueBytes: 1_000, ...services[service] }
    const { clock, namespace, logged, close } = openOnLateRedis(options, delays)
    const errors: unknown[] = []
    for (const call of asked) {
      const ending = (async () => await calls[call]?.(namespace))().catch((error: unknown) => errors.push(error))
      await clock.advance(10_000)
      await ending
    }
    const told = inspect([logged, errors, namespace.statistics], { depth: 9, maxStringLength: 100_000 })
    for (const secret of secrets) expect(told).not.toContain(secret)
    close()
  })
  await fc.assert(property, { numRuns: runsOf(0.06) })
}, 120_000)
