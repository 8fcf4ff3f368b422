import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { beforeAll, expect, test } from 'vitest'
import { slots } from '../../packages/core/src/coherence/generation-table.ts'
import { generationsHead } from '../../packages/core/src/coherence/messages.ts'
import { wrap } from '../../packages/core/src/entry/envelope.ts'
import { createKeySpace, type EntryKeys } from '../../packages/core/src/entry/key.ts'
import { encodeVersion } from '../../packages/core/src/entry/version.ts'
import { seenOf } from '../../packages/core/src/read/lease.ts'
import type { RedisCommands } from '../../packages/core/src/redis/commands.ts'
import { EntryCommands } from '../../packages/core/src/redis/entry-commands.ts'
import { classify } from '../../packages/core/src/redis/trouble.ts'
import { FakeRedis } from '../../packages/core/src/testing-support/fake-redis.ts'
import { SteppingClock } from '../../packages/core/src/testing-support/stepping-clock.ts'
import { cleanup } from '../support/cleanup.ts'
import { openCommands } from '../support/open-commands.ts'
import { until } from '../support/until.ts'

// What is proven on the fake Redis of the interleavings holds only as far as it does what the scripts do.

const afterwards = cleanup()
const channel = 'conformance:channel'
const keySpace = createKeySpace('conformance', 'product', 0)
const tokens = ['token-1', 'token-2', 'token-3']
const entries = [1_000, 2_000].map((freshUntil) =>
  wrap({ storedAt: 0, freshUntil, expiresAt: 9_000, loadTime: 1 }, 0, 4, Buffer.from('data')),
)
const versions = [1, 2, 3, 'text', 'texts', 2n ** 70n].map(encodeVersion)
const generationsOfEntries = [undefined, Buffer.from('identity-one\0'), Buffer.from('identity-two\x01\0\0\0\0\0\0')]
const versioned = versions.flatMap((version) =>
  generationsOfEntries.map((stamps) => ({
    version,
    entry: wrap({ storedAt: 0, freshUntil: 3_000, expiresAt: 9_000, loadTime: 1 }, 0, 4, Buffer.from('data'), {
      ...{ version, stamps },
    }),
  })),
)
// No entry at all, and shorter than what the scripts compare of one.
const values = [...entries, ...versioned.map(({ entry }) => entry), Buffer.from('foreign')]
const generations = createKeySpace('conformance', 'product', 0).generations
const head = generationsHead('me', 'product')

let server: Redis
let commands: RedisCommands
let entryCommands: EntryCommands
let heard: string[]

beforeAll(async () => {
  ;({ commands, server, heard } = await openCommands(afterwards, channel))
  entryCommands = new EntryCommands(commands)
})

interface Operation {
  readonly what: string
  real(): Promise<unknown>
  fake(redis: FakeRedis): unknown
}

const place = fc
  .constantFrom('a', 'b')
  .map((key): EntryKeys => ({ value: keySpace.value(key), lease: keySpace.lease(key) }))
const anyToken = fc.constantFrom(...tokens)
const anyValue = fc.constantFrom(...values)
const anyTtl = fc.constantFrom(100_000, 200_000, 300_000)
const anySeen = fc.constantFrom(...[null, ...values].map(seenOf))
const anyMessage = fc.nat(999).map((number) => `message ${number}`)
const budget = () => commands.budget()

const acquire = fc.tuple(place, anyToken, anyTtl, anySeen, fc.boolean()).map(
  ([keys, token, ttl, seen, wait]): Operation => ({
    what: `acquireLease ${keys.value} ${token} ${seen.toString('hex')} ${wait}`,
    real: () => entryCommands.acquireLease(keys, token, ttl, seen, wait, budget()),
    fake: (redis) => redis.acquireLease(keys, token, ttl, seen, wait),
  }),
)
const acquireUpdateLease = fc.tuple(place, anyToken, anyTtl).map(
  ([keys, token, ttl]): Operation => ({
    what: `acquireUpdateLease ${keys.value} ${token}`,
    real: () => entryCommands.acquireUpdateLease(keys, token, ttl, budget()),
    fake: (redis) => redis.acquireUpdateLease(keys, token, ttl),
  }),
)
const renew = fc.tuple(place, anyToken, anyTtl).map(
  ([keys, token, ttl]): Operation => ({
    what: `renewLease ${keys.value} ${token}`,
    real: () => entryCommands.renewLease(keys, token, ttl, budget()),
    fake: (redis) => redis.renewLease(keys, token, ttl),
  }),
)
const storeUnderLease = fc.tuple(place, anyToken, anyValue, anyTtl, anyMessage).map(
  ([keys, token, value, ttl, message]): Operation => ({
    what: `storeUnderLease ${keys.value} ${token}`,
    real: () => entryCommands.storeUnderLease(keys, token, value, ttl, channel, message, budget()),
    fake: (redis) => redis.storeUnderLease(keys, token, value, ttl, channel, message),
  }),
)
const release = fc.tuple(place, anyToken, anyMessage).map(
  ([keys, token, message]): Operation => ({
    what: `releaseLease ${keys.value} ${token}`,
    real: () => entryCommands.releaseLease(keys, token, channel, message, budget()),
    fake: (redis) => void redis.releaseLease(keys, token, channel, message),
  }),
)
const placeIntent = fc.tuple(place, anyToken, anyTtl).map(
  ([keys, token, ttl]): Operation => ({
    what: `placeIntent ${keys.value} ${token}`,
    real: () => entryCommands.placeIntent(keys, token, ttl, budget()),
    fake: (redis) => redis.placeIntent(keys, token, ttl),
  }),
)
const storeWrite = fc.tuple(place, anyToken, anyValue, anyTtl, anyMessage, fc.boolean()).map(
  ([keys, token, value, ttl, message, alone]): Operation => ({
    what: `storeWrite ${keys.value} ${token} ${alone}`,
    real: () => entryCommands.storeWrite(keys, token, value, ttl, channel, message, budget(), undefined, alone),
    fake: (redis) => redis.storeWrite(keys, token, value, ttl, channel, message, undefined, alone),
  }),
)
const invalidate = fc.tuple(place, anyMessage).map(
  ([keys, message]): Operation => ({
    what: `invalidate ${keys.value}`,
    real: () => entryCommands.invalidate(keys, channel, message, budget()),
    fake: (redis) => redis.invalidate(keys, channel, message),
  }),
)
const anyVersion = fc.constantFrom(...versioned)
const storeVersionUnderLease = fc.tuple(place, anyToken, anyVersion, anyTtl, anyMessage).map(
  ([keys, token, { entry, version }, ttl, message]): Operation => ({
    what: `storeUnderLease ${keys.value} ${token} ${version.toString('hex')}`,
    real: () => entryCommands.storeUnderLease(keys, token, entry, ttl, channel, message, budget(), version),
    fake: (redis) => redis.storeUnderLease(keys, token, entry, ttl, channel, message, version),
  }),
)
const storeVersion = fc.tuple(place, anyVersion, anyTtl, fc.boolean()).map(
  ([keys, { entry, version }, ttl, fill]): Operation => ({
    what: `storeVersion ${keys.value} ${version.toString('hex')} ${fill}`,
    real: () => entryCommands.storeVersion(keys, entry, ttl, version, fill, budget()),
    fake: (redis) => redis.storeVersion(keys, entry, ttl, version, fill),
  }),
)
const storeVersionWrite = fc
  .tuple(place, anyToken, anyVersion, anyTtl, fc.oneof(anyMessage, fc.constant('')), fc.boolean())
  .map(
    ([keys, token, { entry, version }, ttl, message, alone]): Operation => ({
      what: `storeWrite ${keys.value} ${token} ${version.toString('hex')} ${alone}`,
      real: () => entryCommands.storeWrite(keys, token, entry, ttl, channel, message, budget(), version, alone),
      fake: (redis) => redis.storeWrite(keys, token, entry, ttl, channel, message, version, alone),
    }),
  )
const invalidateMany = fc.tuple(fc.array(place, { minLength: 1 }), fc.array(anyMessage, { maxLength: 3 })).map(
  ([all, messages]): Operation => ({
    what: `invalidateMany ${all.map(({ value }) => value)}`,
    real: () => entryCommands.invalidateMany(all, channel, messages, budget()),
    fake: (redis) => redis.invalidateMany(all, channel, messages),
  }),
)
const anyIdentity = fc.constantFrom('identity-one', 'identity-two')
const readGenerations = anyIdentity.map(
  (identity): Operation => ({
    what: `readGenerations ${identity}`,
    real: () => commands.readGenerations(generations, identity, channel, head, budget()),
    fake: (redis) => redis.readGenerations(generations, identity, channel, head),
  }),
)
const countGenerations = fc.tuple(anyIdentity, fc.uniqueArray(fc.nat(slots - 1), { minLength: 1, maxLength: 5 })).map(
  ([identity, some]): Operation => ({
    what: `countGenerations ${identity} ${some}`,
    real: () => commands.countGenerations(generations, identity, channel, head, some, budget()),
    fake: (redis) => redis.countGenerations(generations, identity, channel, head, some),
  }),
)
const replaceGenerations = anyIdentity.map(
  (identity): Operation => ({
    what: `replaceGenerations ${identity}`,
    real: () => commands.replaceGenerations(generations, identity, channel, head, budget()),
    fake: (redis) => redis.replaceGenerations(generations, identity, channel, head),
  }),
)
/** Somebody else's string, or none at all. */
const spoilGenerations = fc.boolean().map(
  (isForeign): Operation => ({
    what: `spoil ${generations} ${isForeign}`,
    real: async () => void (await (isForeign ? server.set(generations, 'foreign') : server.del(generations))),
    fake: (redis) => (isForeign ? redis.set(generations, 'foreign') : redis.evict(generations)),
  }),
)
const store = fc.tuple(place, anyValue, anyTtl).map(
  ([keys, value, ttl]): Operation => ({
    what: `store ${keys.value}`,
    real: () => entryCommands.store(keys, value, ttl, budget()),
    fake: (redis) => redis.set(keys.value, value, ttl),
  }),
)
/** Somebody else's string under the key of a lease, which never expires. */
const plant = place.map(
  ({ lease }): Operation => ({
    what: `SET ${lease}`,
    real: async () => void (await server.set(lease, 'foreign')),
    fake: (redis) => redis.set(lease, 'foreign'),
  }),
)
const evict = fc.tuple(place, fc.boolean()).map(([keys, isLease]): Operation => {
  const key = isLease ? keys.lease : keys.value
  return {
    what: `DEL ${key}`,
    real: async () => void (await server.del(key)),
    fake: (redis) => redis.evict(key),
  }
})
const fill = fc.boolean().map(
  (full): Operation => ({
    what: full ? 'Redis is full' : 'Redis has room',
    real: async () => void (await server.config('SET', 'maxmemory', full ? '1' : '0')),
    fake: (redis) => {
      redis.full = full
    },
  }),
)

const operation = fc.oneof(
  ...[acquire, storeUnderLease, placeIntent, storeWrite].map((arbitrary) => ({ arbitrary, weight: 3 })),
  ...[storeVersionUnderLease, storeVersion, storeVersionWrite].map((arbitrary) => ({ arbitrary, weight: 2 })),
  ...[readGenerations, countGenerations, replaceGenerations].map((arbitrary) => ({ arbitrary, weight: 1 })),
  ...[acquireUpdateLease, renew, release, invalidate, invalidateMany, store, plant, evict, fill, spoilGenerations].map(
    (arbitrary) => ({
      arbitrary,
      weight: 1,
    }),
  ),
)

/** What came of an operation, so that two can be compared; undefined and nothing are the same. */
async function outcomeOf(run: () => unknown): Promise<unknown> {
  try {
    return { result: await run() }
  } catch (error) {
    return { refused: classify(error) }
  }
}

async function stateOf(keys: readonly string[]): Promise<{ value: string | undefined; ttl: number }[]> {
  return Promise.all(
    keys.map(async (key) => ({ value: (await server.getBuffer(key))?.toString('hex'), ttl: await server.pttl(key) })),
  )
}

test('the fake Redis of the unit tests answers, stores, forgets and publishes as the scripts do', async () => {
  const names = ['a', 'b'].flatMap((key) => [keySpace.value(key), keySpace.lease(key)]).concat(generations)
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 30, size: 'max' }), async (operations) => {
      const published: string[] = []
      const fake = new FakeRedis(new SteppingClock(0), (_, message) => published.push(message))
      await server.config('SET', 'maxmemory', '0')
      await server.flushall()
      heard.length = 0
      for (const { what, real, fake: imitate } of operations) {
        const outcome = { what, outcome: await outcomeOf(real) }
        expect({ what, outcome: await outcomeOf(() => imitate(fake)) }).toEqual(outcome)
        for (const [index, { value, ttl }] of (await stateOf(names)).entries()) {
          const name = names[index] ?? ''
          expect({ what, name, value: fake.get(name)?.toString('hex') }).toEqual({ what, name, value })
          // Time passes on the server only, and the times to live lie far enough apart to tell them from one another.
          expect(Math.ceil(ttl / 100_000), `${what}: time to live of ${name}`).toBe(Math.ceil(fake.ttl(name) / 100_000))
        }
      }
      await until(() => heard.length >= published.length, 'everything published is heard')
      expect(heard).toEqual(published)
    }),
    { numRuns: 150 },
  )
})
