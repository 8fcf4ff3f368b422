import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import type { Namespace } from './namespace.ts'
import type { NamespaceOptions } from './options/namespace-options.ts'
import { commandTimeout, finish, openOnLateRedis } from './testing-support/late-redis.ts'
import { runsOf } from './testing-support/schedules.ts'

const variants: Record<string, Partial<NamespaceOptions<string>>> = {
  plain: {},
  tagged: { tags: () => ['tag'] },
  versioned: { version: () => 1 },
  'without leases': { lease: false },
}

const calls: Record<string, (namespace: Namespace<string>) => Promise<unknown>> = {
  get: (namespace) => namespace.get('key'),
  getMany: (namespace) => namespace.getMany(['key', 'other', 'third']),
  set: (namespace) => namespace.set('key', 'value'),
  setMany: (namespace) =>
    namespace.setMany([
      ['key', 'value'],
      ['other', 'value'],
    ]),
  delete: (namespace) => namespace.delete('key'),
  deleteMany: (namespace) => namespace.deleteMany(['key', 'other']),
}

afterEach(() => {
  vi.restoreAllMocks()
})

test('however late Redis is, one call waits for it no longer than the command deadline', async () => {
  const delay = fc.oneof(fc.nat(250), fc.constantFrom(0, 199, 200, 60_000))
  const delays = fc.array(delay, { minLength: 1, maxLength: 12 })
  const one = fc.record({
    variant: fc.constantFrom(...Object.keys(variants)),
    first: fc.constantFrom(...Object.keys(calls)),
    call: fc.constantFrom(...Object.keys(calls)),
    delays,
  })
  const property = fc.asyncProperty(one, async ({ variant, first, call, delays }) => {
    const { clock, namespace, close } = openOnLateRedis(
      { load: async () => 'loaded', save: async () => {}, ...variants[variant] },
      delays,
    )
    // What Redis and the process hold, distrust and have under way is then no longer as at the start.
    await finish(clock, calls[first]?.(namespace))
    // Whoever got no answer may hold a lease nevertheless, and to wait for another's load is another matter.
    await clock.advance(60_000)
    // The news of many are told together, when they are written.
    const deadlines = call === 'setMany' ? 2 : 1
    expect(await finish(clock, calls[call]?.(namespace))).toBeLessThanOrEqual(deadlines * commandTimeout)
    close()
  })
  await fc.assert(property, { numRuns: runsOf(0.1) })
}, 120_000)
