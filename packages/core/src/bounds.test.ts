import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { Fences } from './coherence/fences.ts'
import { SourceOverloadedError, WarmStalledError } from './errors.ts'
import { HotKeys } from './local/hot-keys.ts'
import { RetentionDuel } from './local/retention.ts'
import type { NamespaceOptions } from './options/namespace-options.ts'
import { Account } from './pressure/account.ts'
import { History } from './pressure/history.ts'
import { Ledger } from './pressure/ledger.ts'
import { vitalsWith } from './pressure/vitals.fixture.ts'
import { createAheadCounts } from './read/ahead-counts.ts'
import { endedErrand } from './read/errand.ts'
import { FailureBackoff } from './read/failure-backoff.ts'
import { warm } from './read/warm.ts'
import { CommandCounts } from './redis/command-counts.ts'
import type { Endpoint } from './redis/endpoint.ts'
import { NodeNames } from './redis/node-names.ts'
import { RecentWrites } from './redis/recent-writes.ts'
import { PoisonedKeyError, SharedReads } from './redis/shared-reads.ts'
import { LossGrace } from './session/loss.ts'
import { PendingDestroys } from './session/pending-destroys.ts'
import { commandTimeout, openOnLateRedis } from './testing-support/late-redis.ts'
import { type Collection, LiveCollections, sizeOf } from './testing-support/live-collections.ts'
import { SteppingClock } from './testing-support/stepping-clock.ts'

// Looks at the heap, and floods of calls.
vi.setConfig({ testTimeout: 30_000 })

const collections = new LiveCollections()
// More than any bound, and each of them another.
const hostile = 12_000

beforeAll(async () => {
  await collections.grown()
})
afterEach(() => {
  vi.restoreAllMocks()
})

const largest = (all: readonly Collection[]) => Math.max(0, ...all.map(sizeOf))

/** The largest of those whose first member has one of these names, and a number behind it. */
function held(all: readonly Collection[], ...names: readonly string[]): number {
  return largest(all.filter((one) => names.some((name) => firstOf(one).includes(`${name} `))))
}

function firstOf(collection: Collection): string {
  const [first] = Array.isArray(collection) ? collection : collection.keys()
  return typeof first === 'string' ? first : ''
}

test('a collection that nothing bounds is found, though nobody tells of it', async () => {
  class Careless {
    readonly #seen = new Set<string>()
    note(key: string): void {
      this.#seen.add(key)
    }
  }
  const careless = new Careless()
  for (let index = 0; index < hostile; index++) careless.note(`careless ${index}`)
  const grown = await collections.grown()
  expect(largest(grown)).toBe(hostile)
  careless.note('and so on')
})

test('of thousands that are told of, no more are held than are allowed', async () => {
  const clock = new SteppingClock()
  const redis = { clock, ledger: new Ledger(), memory: 'normal', evicts: false, hears: true, wrote() {} } as const
  const all = {
    failures: new FailureBackoff(clock),
    recent: new RecentWrites(60_000),
    hot: new HotKeys(clock),
    nodes: new NodeNames(),
    ledger: new Ledger(),
    account: new Account('product', 'normal', 1, redis),
    destroys: new PendingDestroys(clock, () => new Promise(() => {})),
    loss: new LossGrace(clock, 60_000, false),
    fences: new Fences(),
    duel: new RetentionDuel(),
    history: new History(),
  }
  all.loss.looked([])
  all.duel.resize(1_000)
  for (let index = 0; index < hostile; index++) {
    all.failures.note(`failed ${index}`)
    all.recent.note(`written ${index}`)
    all.hot.noteHit(`hot ${index}`)
    all.nodes.of([`node ${index}`, 'node that stays'])
    all.ledger.note('product', `key ${index}`, 100, clock.now() + 60_000)
    all.account.heardOf(`sender ${index}`, 1)
    all.destroys.addSession({ handle: `logout ${index}`, id: undefined, user: undefined })
    all.loss.believes(`run ${index}`)
    const read = { voided: false, touched: false }
    all.fences.openRead(`fence ${index}`, read)
    all.fences.closeRead(`fence ${index}`, read)
    all.fences.closeWrite(`fence ${index}`, all.fences.openWrite(`fence ${index}`))
    all.duel.note(index)
    const uptimeSeconds = index % 10
    all.history.add(
      vitalsWith({
        at: index * 1_000,
        runId: `run-${index - uptimeSeconds}`,
        uptimeSeconds,
        stored: 100 * uptimeSeconds,
      }),
    )
  }
  const grown = await collections.grown()
  const most = {
    ...{ failed: 1_000, written: 10_000, hot: 128, node: 2, key: 2_048, sender: 4_096, logout: 10_000, run: 1_001 },
    fence: 1_025,
  }
  for (const [name, bound] of Object.entries(most)) {
    expect(held(grown, name), name).toBeGreaterThan(1)
    expect(held(grown, name), name).toBeLessThanOrEqual(bound)
  }
  const unnamed = grown.filter((one) => held([one], ...Object.keys(most)) === 0)
  expect(largest(unnamed), 'shadows of the local tier, and looks').toBeLessThanOrEqual(1_024)
  expect(Object.keys(all)).toHaveLength(11)
})

test('keys that make Redis drop the connection', async () => {
  const drop = () => Promise.reject(new Error('Connection is closed.'))
  const connection = { ready: true, isLookingElsewhere: false, send: drop, failed() {} }
  const endpoint = { leastBusy: () => connection, read: { quiet: true, note() {} }, topology: { kind: 'standalone' } }
  const reads = new SharedReads(endpoint as unknown as Endpoint, commandTimeout, new CommandCounts())
  // Alone in its tick, so that it is the one to blame.
  const read = (redisKey: string) =>
    new Promise<unknown>((resolve) => {
      reads.read({ redisKey, onValue: resolve, onTrouble: resolve })
    })
  let poisoned = 0
  for (let index = 0; index < hostile; index++) {
    for (let time = 0; time < index % 3; time++) await read(`dropping ${index}`)
    if ((await read(`dropping ${index}`)) instanceof PoisonedKeyError) poisoned += 1
  }
  expect(poisoned).toBeGreaterThan(1_000)
  expect(held(await collections.grown(), 'dropping')).toBeLessThanOrEqual(1_000)
  reads.close()
})

test('keys to warm while others load all of them', async () => {
  const clock = new SteppingClock()
  const call = { concurrency: 4, batch: 1, wait: 60_000, signal: undefined, onProgress: undefined }
  function* keys() {
    for (let index = 0; index < hostile; index++) yield `warmed ${index}`
  }
  const prepare = async (some: readonly string[]) => some.map(() => endedErrand('held'))
  const warming = warm('product', keys(), prepare, { ...call, totals: createAheadCounts() }, clock, () => 0.5)
  warming.catch(() => {})
  await clock.advance(1_000)
  expect(largest(await collections.grown())).toBeLessThanOrEqual((64 + 1) * call.concurrency)
  await clock.advance(call.wait)
  await expect(warming).rejects.toBeInstanceOf(WarmStalledError)
})

describe('a namespace', () => {
  const large = 'x'.repeat(4_096)

  function open(options: Partial<NamespaceOptions<string>>) {
    const delays = [1]
    const opened = openOnLateRedis({ save: () => {}, ...options }, delays)
    /** So many calls, each for another key, some at a time; what they come to is nobody's concern here. */
    const flood = async (count: number, call: (key: string) => Promise<unknown>) => {
      for (let index = 0; index < count; index += 500) {
        const calls = Array.from({ length: 500 }, (_, place) => call(`hostile ${index + place}`))
        const ended = Promise.allSettled(calls)
        await opened.clock.advance(1_000)
        await ended
        // Of theirs, not ours: what Redis holds, and what the spy has seen.
        opened.redis.flush()
        vi.mocked(performance.now).mockClear()
      }
    }
    const answerAfter = (milliseconds: number) => {
      delays[0] = milliseconds
    }
    return { ...opened, flood, answerAfter }
  }

  test('holds nothing of the keys that were asked for, whoever is in trouble', async () => {
    let isDown = false
    const load = () => {
      if (isDown) throw new Error('the source is down')
      return large
    }
    const { namespace, flood, answerAfter, close } = open({ load, tags: (key) => [key], staleIfError: '1h' })
    await collections.grown()
    for (const milliseconds of [1, 2 * commandTimeout]) {
      answerAfter(milliseconds)
      for (isDown of [false, true]) {
        await flood(2_500, (key) => namespace.get(key))
        expect(namespace.inProgress).toEqual({ reads: 0, writes: 0, updates: 0 })
      }
    }
    answerAfter(1)
    await flood(2_500, (key) => namespace.update(key, () => large))
    expect(namespace.inProgress).toEqual({ reads: 0, writes: 0, updates: 0 })
    expect(held(await collections.grown(), 'hostile', 'product')).toBeLessThanOrEqual(2_048)
    close()
  })

  test('remembers ten thousand writes that Redis did not take, and tells of them', async () => {
    const { namespace, pending, answerAfter, clock, close } = open({ ttl: '10m' })
    await collections.grown()
    answerAfter(2 * commandTimeout)
    const keys = Array.from({ length: 12_000 }, (_, index) => `dropped ${index}`)
    let isDone = false
    const dropping = namespace.deleteMany(keys).finally(() => {
      isDone = true
    })
    while (!isDone) await clock.advance(1_000)
    await dropping
    expect(pending.size).toBe(10_000)
    expect(pending.disbelieved).toBe(1)
    expect(
      held(
        (await collections.grown()).filter((one) => one !== keys),
        'dropped',
      ),
    ).toBe(10_000)
    close()
  })

  test('has a thousand loads wait for a source that hangs, and gives them up in time', async () => {
    const { namespace, source, clock, close } = open({ load: () => new Promise(() => {}), loadTimeout: '10s' })
    const gets = Array.from({ length: 2_000 }, (_, index) => namespace.get(`hanging ${index}`).catch((error) => error))
    await clock.advance(100)
    expect(source.bulkhead).toMatchObject({ running: 32, waiting: 1_000 })
    expect(namespace.inProgress.reads).toBe(1_032)
    await clock.advance(60_000)
    const errors = await Promise.all(gets)
    expect(errors.filter((error) => error instanceof SourceOverloadedError)).toHaveLength(968)
    expect(source.bulkhead).toMatchObject({ running: 0, waiting: 0 })
    expect(namespace.inProgress.reads).toBe(0)
    close()
  })

  test('has a thousand updates of one key wait, and gives them up in time', async () => {
    const { namespace, clock, close } = open({ load: () => large })
    const never = () => new Promise<string>(() => {})
    const hanging = namespace.update('key', never).catch((error) => error)
    await clock.advance(100)
    const updates = Array.from({ length: 1_500 }, () => namespace.update('key', never).catch((error) => error))
    await clock.advance(100)
    expect(namespace.inProgress.updates).toBe(1_001)
    await clock.advance(60_000)
    const errors = await Promise.all(updates)
    expect(errors.filter((error) => error instanceof SourceOverloadedError)).toHaveLength(500)
    expect(namespace.inProgress.updates).toBe(1)
    expect(hanging).toBeInstanceOf(Promise)
    close()
  })
})
