import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { beforeEach, expect, test } from 'vitest'
import { wrap } from '../../packages/core/src/entry/envelope.ts'
import { createGroupedKeySpace } from '../../packages/core/src/entry/key.ts'
import type { RedisCommands } from '../../packages/core/src/redis/commands.ts'
import { StreamCommands } from '../../packages/core/src/redis/stream-commands.ts'
import type { StreamEntry } from '../../packages/core/src/redis/stream-entry.ts'
import { classify } from '../../packages/core/src/redis/trouble.ts'
import { FakeRedis } from '../../packages/core/src/testing-support/fake-redis.ts'
import { FakeStreams } from '../../packages/core/src/testing-support/fake-streams.ts'
import { SteppingClock } from '../../packages/core/src/testing-support/stepping-clock.ts'
import { cleanup } from '../support/cleanup.ts'
import { openCommands } from '../support/open-commands.ts'
import { until } from '../support/until.ts'

// What is proven of write-behind on the fake Redis holds only as far as it does what the scripts do.

const afterwards = cleanup()
const channel = 'conformance:channel'
const space = createGroupedKeySpace('conformance', 'views', 0, 1)
const keys = space.groupOf('a')
const consumers = ['one', 'two', 'three']
const tokens = ['token-1', 'token-2']
const started = Date.now()
// Times to live lie so far apart that the time which passes on the server does not matter.
const apart = 100_000
const entryOf = (text: string, expiresAt: number) =>
  wrap({ storedAt: 0, freshUntil: 1_000, expiresAt, loadTime: 1 }, 0, text.length, Buffer.from(text))
const entries = [
  ...['0', '12', '-7', '9007199254740991', '"text"'].map((text) => entryOf(text, started + 3 * apart)),
  // Past its end: a value that nothing waits for any more is gone at once.
  entryOf('5', started - apart),
  Buffer.from('foreign'),
]
// Redis's clock is nobody's to set: where a stream has had an ID of the year 2096, the next is one more.
const farAhead = 4_000_000_000_000_000

let server: Redis
let commands: RedisCommands
let real: StreamCommands
let heard: string[]

beforeEach(async () => {
  ;({ commands, server, heard } = await openCommands(afterwards, channel))
  real = new StreamCommands(commands)
})

/** The fake Redis, behind the same commands. */
class Fake {
  readonly published: string[] = []
  readonly redis = new FakeRedis(new SteppingClock(started), (_, message) => this.published.push(message))
  readonly streams = new FakeStreams(this.redis)
  readonly commands = new StreamCommands({
    noteWrite: () => {},
    budget: () => undefined,
    writeByScript: async (...[script, names, args]: Parameters<RedisCommands['writeByScript']>) =>
      this.streams.run(script, names, args),
  } as unknown as RedisCommands)
}

/** What one of both has handed out last. */
interface Hand {
  entries: readonly StreamEntry[]
  /** Whether they are all of one turn, and new in it. */
  inARow: boolean
}

interface Operation {
  readonly what: string
  /** Does it with the commands of one of both. */
  run?(streams: StreamCommands, hand: Hand): Promise<unknown>
  /** Or each in its own way, refused or not. */
  readonly real?: () => Promise<unknown>
  readonly fake?: (fake: Fake) => void
}

const anyKey = fc.constantFrom('a', 'b')
const anyConsumer = fc.constantFrom(...consumers)
const anyTurn = fc
  .tuple(anyConsumer, fc.constantFrom(1, 2))
  .map(([consumer, turn]) => ({ consumer, turn: `${consumer}.${turn}` }))
const anyToken = fc.constantFrom(...tokens)
const anyEntry = fc.constantFrom(...entries)
const anyMessage = fc.nat(999).map((number) => `message ${number}`)
const anyBound = fc.constantFrom(3, 8, 100)
const maybeChannel = fc.constantFrom(channel, undefined)
const budget = () => commands.budget()

const appendIncrements = fc
  .record({
    all: fc.array(
      fc.record({ key: anyKey, by: fc.integer({ min: -3, max: 9 }), id: fc.nat(99), message: anyMessage }),
      {
        minLength: 1,
        maxLength: 4,
      },
    ),
    mostWaiting: anyBound,
    channel: maybeChannel,
    schemaVersion: fc.nat(2),
  })
  .map(
    ({ all, ...settings }): Operation => ({
      what: `appendIncrements ${JSON.stringify(all)} ${settings.mostWaiting}`,
      run: (streams) =>
        streams.appendIncrements(
          keys,
          settings,
          all.map((one) => ({ ...one, id: `id-${one.id}`, value: space.value(one.key) })),
        ),
    }),
  )
const appendValue = fc
  .record({ key: anyKey, entry: anyEntry, sequence: fc.option(fc.nat(5), { nil: undefined }), mostWaiting: anyBound })
  .map(
    ({ key, entry, sequence, mostWaiting }): Operation => ({
      what: `appendValue ${key} ${sequence} ${mostWaiting}`,
      run: (streams) =>
        streams.appendValue(
          keys,
          { mostWaiting, schemaVersion: 0, channel },
          { id: 'id', key, value: space.value(key), message: `set ${key}` },
          space.lease(key),
          entry,
          sequence,
        ),
    }),
  )
const take = fc.tuple(anyTurn, fc.constantFrom(2 * apart, 4 * apart), fc.constantFrom(1, 2, 3, 100)).map(
  ([{ consumer, turn }, ttl, most]): Operation => ({
    what: `take ${turn} ${ttl} ${most}`,
    run: async (streams, hand) => {
      const taken = await streams.take(keys, consumer, turn, ttl, most)
      if (taken.kind === 'held') return { ...taken, lockedFor: Math.ceil(taken.lockedFor / apart) }
      hand.entries = taken.entries
      hand.inARow = taken.inARow
      return taken
    },
  }),
)
const takeMore = fc.tuple(anyTurn, fc.constantFrom(1, 2, 100)).map(
  ([{ consumer, turn }, most]): Operation => ({
    what: `takeMore ${turn} ${most}`,
    run: async (streams, hand) => {
      const more = await streams.takeMore(keys, consumer, turn, most)
      hand.entries = [...hand.entries, ...more]
      return more
    },
  }),
)
const renewLock = fc.tuple(anyTurn, fc.constantFrom(2 * apart, 4 * apart)).map(
  ([{ turn }, ttl]): Operation => ({
    what: `renewLock ${turn}`,
    run: (streams) => streams.renewLock(keys, turn, ttl),
  }),
)
/** Of what was handed out: how much of each key, as a flusher counts it. */
const settledOf = (some: readonly StreamEntry[]) =>
  [...new Set(some.map((entry) => entry.text('k') ?? ''))].map((key) => {
    const own = some.filter((entry) => entry.text('k') === key)
    const sum = own.reduce((total, entry) => total + Number(entry.text('b') ?? 0), 0)
    return { value: space.value(key), count: own.length, sum }
  })
const acknowledge = fc.tuple(anyTurn, fc.constantFrom(0, 1, 2, 4, 100), fc.boolean()).map(
  ([{ turn }, most, drop]): Operation => ({
    what: `acknowledge ${turn} ${most} ${drop}`,
    run: async (streams, hand) => {
      const some = hand.entries.slice(0, most)
      // A flusher acknowledges what it has, and never nothing.
      if (some.length === 0) return undefined
      const ids = some.map(({ id }) => id)
      const inARow = hand.inARow && some.length === hand.entries.length
      return await streams.acknowledge(keys, turn, { ids, inARow }, settledOf(some), drop)
    },
  }),
)
const park = fc.tuple(anyTurn, fc.nat(4), fc.constantFrom(1, 2, 100)).map(
  ([{ turn }, most, mostParked]): Operation => ({
    what: `park ${turn} ${most} ${mostParked}`,
    run: async (streams, hand) => {
      const [settled] = settledOf(hand.entries.slice(0, most))
      const some = hand.entries.filter((entry) => space.value(entry.text('k') ?? '') === settled?.value)
      if (settled === undefined) return undefined
      const ids = some.map(({ id }) => id)
      return await streams.park(
        keys,
        turn,
        ids,
        { ...settled, count: ids.length },
        { text: 'Error: why', attempts: 3 },
        mostParked,
      )
    },
  }),
)
const releaseLock = anyConsumer.map(
  (consumer): Operation => ({
    what: `releaseLock ${consumer}`,
    run: (streams) => streams.releaseLock(keys, consumer),
  }),
)
const look = anyKey.map(
  (key): Operation => ({
    what: `look ${key}`,
    run: (streams) => streams.look(keys, space.value(key), budget()),
  }),
)
const storeCounter = fc.tuple(anyKey, anyToken, anyEntry, fc.integer({ min: -2, max: 5 }), fc.boolean()).map(
  ([key, token, entry, sum, isOld]): Operation => ({
    what: `storeCounter ${key} ${token} ${sum} ${isOld}`,
    run: async (streams) => {
      const { delivered } = await streams.look(keys, space.value(key), budget())
      const entryKeys = { value: space.value(key), lease: space.lease(key) }
      const seen = { delivered: isOld ? '1' : delivered, sum }
      return await streams.storeCounter(
        entryKeys,
        keys,
        seen,
        [token, entry, 2 * apart, channel, `woken ${key}`],
        budget(),
      )
    },
  }),
)
const plantLease = fc.tuple(anyKey, anyToken, fc.boolean()).map(([key, token, isAwaited]): Operation => {
  const held = `${token}${isAwaited ? '*' : ''}`
  return {
    what: `SET lease of ${key} ${held}`,
    real: () => server.set(space.lease(key), held, 'PX', apart),
    fake: ({ redis }) => redis.set(space.lease(key), held, apart),
  }
})
const plantValue = fc.tuple(anyKey, anyEntry).map(
  ([key, entry]): Operation => ({
    what: `SET value of ${key}`,
    real: () => server.set(space.value(key), entry, 'PX', 4 * apart),
    fake: ({ redis }) => redis.set(space.value(key), entry, 4 * apart),
  }),
)
const evict = fc.constantFrom(keys.lock, space.value('a'), space.lease('a')).map(
  (key): Operation => ({
    what: `DEL ${key}`,
    real: () => server.del(key),
    fake: ({ redis }) => redis.evict(key),
  }),
)
/** A lock without an end, which nobody would ever give back. */
const plantLock: Operation = {
  what: 'SET lock',
  real: () => server.set(keys.lock, 'foreign'),
  fake: ({ redis }) => redis.set(keys.lock, 'foreign'),
}
const fill = fc.boolean().map(
  (full): Operation => ({
    what: full ? 'Redis is full' : 'Redis has room',
    real: () => server.config('SET', 'maxmemory', full ? '1' : '0'),
    fake: ({ redis }) => {
      redis.full = full
    },
  }),
)
const loseConsumer = anyConsumer.map(
  (consumer): Operation => ({
    what: `DELCONSUMER ${consumer}`,
    real: () => server.xgroup('DELCONSUMER', keys.stream, 'flushers', consumer),
    fake: ({ streams }) => streams.stream(keys.stream)?.group?.lose(consumer),
  }),
)
const flush: Operation = {
  what: 'FLUSHALL',
  real: () => server.flushall(),
  fake: ({ streams }) => streams.flush(),
}

const operation = fc.oneof(
  ...[appendIncrements, take].map((arbitrary) => ({ arbitrary, weight: 4 })),
  ...[appendValue, takeMore, acknowledge, storeCounter].map((arbitrary) => ({ arbitrary, weight: 3 })),
  ...[park, plantLease, look].map((arbitrary) => ({ arbitrary, weight: 2 })),
  ...[renewLock, releaseLock, plantValue, evict, fill, loseConsumer].map((arbitrary) => ({ arbitrary, weight: 1 })),
  ...[plantLock, flush].map((one) => ({ arbitrary: fc.constant(one), weight: 1 })),
)

/** What came of an operation, so that two can be compared; undefined and nothing are the same. */
async function outcomeOf(run: () => unknown): Promise<unknown> {
  try {
    return { result: await run() }
  } catch (error) {
    return { refused: classify(error) }
  }
}

const texts = (all: readonly Buffer[]) => all.map((one) => one.toString('latin1'))
const byName = (pairs: Iterable<readonly [string, unknown]>) =>
  [...pairs].sort(([left], [right]) => (left < right ? -1 : 1))

async function realState(): Promise<unknown> {
  const strings = [keys.lock, ...['a', 'b'].flatMap((key) => [space.value(key), space.lease(key)])].map(
    async (key) => ({
      value: (await server.getBuffer(key))?.toString('latin1'),
      ttl: Math.ceil((await server.pttl(key)) / apart),
    }),
  )
  const entries = (await server.xrangeBuffer(keys.stream, '-', '+')) as [Buffer, Buffer[]][]
  const parked = (await server.xrangeBuffer(keys.parked, '-', '+')) as [Buffer, Buffer[]][]
  const groups = (await server.xinfo('GROUPS', keys.stream).catch(() => [])) as (string | number)[][]
  const members = (await server.xinfo('CONSUMERS', keys.stream, 'flushers').catch(() => [])) as (string | number)[][]
  return {
    strings: await Promise.all(strings),
    entries: entries.map(([id, fields]) => [String(id), texts(fields)]),
    parked: parked.map(([, fields]) => texts(fields)),
    delivered: groups.map((group) => [group[7], group[5]]),
    consumers: byName(members.map((member): [string, unknown] => [String(member[1]), member[3]])),
    waiting: byName(Object.entries(await server.hgetall(keys.waiting))),
  }
}

function fakeState({ redis, streams }: Fake): unknown {
  const strings = [keys.lock, ...['a', 'b'].flatMap((key) => [space.value(key), space.lease(key)])].map((key) => ({
    value: redis.get(key)?.toString('latin1'),
    ttl: Math.ceil(redis.ttl(key) / apart),
  }))
  const stream = streams.stream(keys.stream)
  const group = stream?.group
  return {
    strings,
    entries: [...(stream?.entries.values() ?? [])].map(({ id, fields }) => [`${id}-0`, texts(fields)]),
    parked: streams.parked(keys.parked).map(texts),
    delivered: group === undefined ? [] : [[`${group.delivered}-0`, group.pending.size]],
    consumers: byName([...(group?.consumers ?? [])].map((name) => [name, group?.pendingOf(name)])),
    waiting: byName([...(streams.hash(keys.waiting) ?? [])].map(([field, number]) => [field, String(number)])),
  }
}

/** A stream that has had an ID of the far future. */
async function runAhead(fake: Fake): Promise<void> {
  if (fake.streams.stream(keys.stream) !== undefined) return
  await server.xadd(keys.stream, `${farAhead}-0`, 'k', 'a')
  await server.xdel(keys.stream, `${farAhead}-0`)
  fake.streams.runAhead(keys.stream, farAhead)
}

test('the fake streams of the unit tests answer, keep, forget and publish as the scripts do', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 40, size: 'max' }), async (operations) => {
      const fake = new Fake()
      const ownHand: Hand = { entries: [], inARow: false }
      const fakeHand: Hand = { entries: [], inARow: false }
      await server.config('SET', 'maxmemory', '0')
      await server.flushall()
      heard.length = 0
      for (const { what, run, real: onServer, fake: onFake } of operations) {
        if (what.startsWith('append') && !fake.redis.full) await runAhead(fake)
        const outcome = { what, outcome: await outcomeOf(() => run?.(real, ownHand)) }
        expect({ what, outcome: await outcomeOf(() => run?.(fake.commands, fakeHand)) }).toEqual(outcome)
        await outcomeOf(() => onServer?.())
        await outcomeOf(() => onFake?.(fake))
        expect({ what, ...(fakeState(fake) as object) }).toEqual({ what, ...((await realState()) as object) })
      }
      await until(() => heard.length >= fake.published.length, 'everything published is heard')
      expect(heard).toEqual(fake.published)
    }),
    { numRuns: Number(process.env['CONFORMANCE'] ?? 150) },
  )
})

test('a sequence is microseconds of the clock of Redis', async () => {
  await server.config('SET', 'maxmemory', '0')
  await server.flushall()
  const now = async () => {
    const [seconds, microseconds] = await server.time()
    return Number(seconds) * 1_000_000 + Number(microseconds)
  }
  const before = await now()
  const settings = { mostWaiting: 10, schemaVersion: 0, channel: undefined }
  await real.appendIncrements(keys, settings, [{ id: 'id', key: 'a', value: space.value('a'), by: 1, message: '' }])
  const taken = await real.take(keys, 'one', 'one.1', 1_000, 1)
  const [id = ''] = taken.kind === 'taken' ? taken.entries.map((entry) => entry.id) : []
  expect(Number(id.split('-')[0])).toBeGreaterThanOrEqual(before)
  expect(Number(id.split('-')[0])).toBeLessThanOrEqual(await now())
  expect(taken.age).toBeGreaterThanOrEqual(0)
})

const plain = { mostWaiting: 100, schemaVersion: 0, channel: undefined }
const increments = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    ...{ id: `id-${index}`, key: 'a', by: 1 },
    value: space.value('a'),
    message: '',
  }))
const waitingOf = async () =>
  Object.fromEntries(
    Object.entries(await server.hgetall(keys.waiting)).map(([field, number]) => [field.slice(-1), number]),
  )

test('what an earlier turn is late to acknowledge is not booked twice', async () => {
  await real.appendIncrements(keys, plain, increments(3))
  const first = await real.take(keys, 'one', 'one.1', 10_000, 2)
  const again = await real.take(keys, 'one', 'one.2', 10_000, 2)
  if (first.kind === 'held' || again.kind === 'held') throw new Error('nobody else has the lock')
  expect(again.entries).toEqual(first.entries)
  const handedOut = { ids: again.entries.map(({ id }) => id), inARow: again.inARow }
  expect(await real.acknowledge(keys, 'one.1', handedOut, settledOf(first.entries), false)).toBe(false)
  expect(await real.acknowledge(keys, 'one.2', handedOut, settledOf(again.entries), false)).toBe(true)
  expect(await server.xlen(keys.stream)).toBe(1)
  expect(await waitingOf()).toMatchObject({ n: '1', s: '1' })
})

test('entries that somebody has lost stay, whatever is acknowledged around them, and are handed out again', async () => {
  await real.appendIncrements(keys, plain, increments(2))
  const first = await real.take(keys, 'one', 'one.1', 10_000, 1)
  const lost = await real.takeMore(keys, 'one', 'one.1', 1)
  await server.xgroup('DELCONSUMER', keys.stream, 'flushers', 'one')
  await real.appendIncrements(keys, plain, increments(2))
  const more = await real.takeMore(keys, 'one', 'one.1', 2)
  if (first.kind === 'held') throw new Error('nobody else has the lock')
  const handedOut = { ids: more.map(({ id }) => id), inARow: true }
  expect(await real.acknowledge(keys, 'one.1', handedOut, settledOf(more), false)).toBe(true)
  const left = [...first.entries, ...lost]
  expect((await server.xrange(keys.stream, '-', '+')).map(([id]) => id)).toEqual(left.map(({ id }) => id))
  const again = await real.take(keys, 'one', 'one.2', 10_000, 10)
  expect(again).toMatchObject({ entries: left })
  expect(await real.look(keys, space.value('a'), budget())).toMatchObject({ count: 2, flushing: true })
})

test('of what is in a row nothing is left, and nothing that came later goes with it', async () => {
  await real.appendIncrements(keys, plain, increments(2))
  const taken = await real.take(keys, 'one', 'one.1', 10_000, 1)
  const more = await real.takeMore(keys, 'one', 'one.1', 1)
  expect(await real.takeMore(keys, 'two', 'two.1', 1)).toEqual([])
  await real.appendIncrements(keys, plain, increments(1))
  if (taken.kind === 'held') throw new Error('nobody else has the lock')
  const all = [...taken.entries, ...more]
  const handedOut = { ids: all.map(({ id }) => id), inARow: true }
  expect(await real.acknowledge(keys, 'one.1', handedOut, settledOf(all), false)).toBe(true)
  expect(await server.xlen(keys.stream)).toBe(1)
  const [pending] = await server.xpending(keys.stream, 'flushers')
  expect(pending).toBe(0)
})

test('where the user may not trim, what is acknowledged is deleted entry by entry', async () => {
  await real.appendIncrements(keys, plain, increments(2))
  const taken = await real.take(keys, 'one', 'one.1', 10_000, 2)
  if (taken.kind === 'held') throw new Error('nobody else has the lock')
  await server.acl('SETUSER', 'default', '-xtrim')
  const handedOut = { ids: taken.entries.map(({ id }) => id), inARow: taken.inARow }
  expect(await real.acknowledge(keys, 'one.1', handedOut, settledOf(taken.entries), false)).toBe(true)
  expect(await server.xlen(keys.stream)).toBe(0)
  expect(await waitingOf()).toEqual({})
})

test('what a replica has taken in with an ID below those handed out stays where nobody has had it', async () => {
  const entry = ['o', 'id', 'k', 'a', 'b', '1', 's', '0']
  for (const id of ['1000-0', '2000-0', '3000-0']) await server.xadd(keys.stream, id, ...entry)
  const taken = await real.take(keys, 'one', 'one.1', 10_000, 2)
  const more = await real.takeMore(keys, 'one', 'one.1', 1)
  if (taken.kind === 'held') throw new Error('nobody else has the lock')
  // The replica that takes over has not heard of the third one, and its clock lags.
  await server.del(keys.stream)
  for (const id of ['1000-0', '2000-0', '2500-0']) await server.xadd(keys.stream, id, ...entry)
  await server.xgroup('CREATE', keys.stream, 'flushers', '2000-0')
  const all = [...taken.entries, ...more]
  const handedOut = { ids: all.map(({ id }) => id), inARow: taken.inARow }
  expect(await real.acknowledge(keys, 'one.1', handedOut, settledOf(all), false)).toBe(true)
  expect((await server.xrange(keys.stream, '-', '+')).map(([id]) => id)).toEqual(['2500-0'])
})
