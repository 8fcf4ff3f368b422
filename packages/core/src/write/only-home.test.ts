import { ReplyError } from 'ioredis'
import { describe, expect, test, vi } from 'vitest'
import { Fences } from '../coherence/fences.ts'
import { PendingInvalidations } from '../coherence/pending-invalidations.ts'
import { createCodec } from '../entry/codec.ts'
import { createKeySpace } from '../entry/key.ts'
import { WriteRefusedError } from '../errors.ts'
import { HistogramCounter } from '../histogram.ts'
import { LocalKeeper } from '../local/local-keeper.ts'
import { LocalTier } from '../local/local-tier.ts'
import { cascade, type Priority } from '../options/policy.ts'
import { WriteGate } from '../pressure/write-gate.ts'
import { Budget } from '../redis/budget.ts'
import type { RedisCommands } from '../redis/commands.ts'
import type { EntryCommands } from '../redis/entry-commands.ts'
import { openAccount } from '../testing-support/open-account.ts'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { WriteThrough } from './write-through.ts'

const full = () => Promise.reject(new ReplyError("OOM command not allowed when used memory > 'maxmemory'."))

function open(options: {
  priority?: Priority
  save?: () => void
  placeIntent?: () => Promise<void>
  storeWrite?: () => Promise<'stored' | 'unlinked' | 'refused'>
}) {
  const clock = new SteppingClock(0)
  const invalidate = vi.fn(() => Promise.resolve())
  const commands = { budget: () => new Budget(200) } as unknown as RedisCommands
  const entries = {
    placeIntent: options.placeIntent ?? (() => Promise.resolve()),
    storeWrite: options.storeWrite ?? (() => Promise.resolve('stored')),
    renewLease: () => Promise.resolve(true),
    invalidate,
  } as unknown as EntryCommands
  const policy = cascade({ priority: options.priority ?? 'essential', maxValueBytes: 100 })
  const local = new LocalTier(1024 ** 2).namespace<string>(clock, false)
  const gate = new WriteGate(
    clock,
    () => 0,
    () => {},
  )
  const counters = { writes: 0, writeErrors: 0, deletes: 0 }
  const writing = new WriteThrough<string>({
    settings: {
      ...{ name: 'session', schema: undefined, load: undefined, loadMany: undefined, schemaVersion: 0 },
      ...{ local: { ttl: 30_000, clone: false }, source: undefined, redis: undefined },
      ...{ memoryLimit: undefined, maxRedisBytes: undefined, staleness: undefined, save: options.save, policy },
      ...{ version: undefined, tags: undefined, clearable: false },
    },
    ...{ id: 'session', clock, random: () => 0, development: true, local, counters },
    keys: createKeySpace('shop', 'session', 0),
    codec: createCodec<string>(policy, undefined),
    keeper: new LocalKeeper<string>(local, 30_000, clock, () => true),
    remote: {
      ...{ commands, entries, gate, account: openAccount(clock), channel: 'shop:channel', sender: 'me' },
      pending: new PendingInvalidations(clock, () => new Promise(() => {})),
    },
    fences: new Fences(),
    generations: undefined,
    observations: { payloadBytes: new HistogramCounter([]) },
    observedLoadTime: () => 0,
  })
  return { writing, invalidate, local, gate, counters }
}

describe('an essential value that Redis alone holds', () => {
  test('is refused by a typed error before anything is changed', async () => {
    const { writing, invalidate, local, counters } = open({ placeIntent: full })
    const refused = await writing.set('key', 'new', { signal: undefined }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(WriteRefusedError)
    expect(refused).toMatchObject({ code: 'PLIMSOLL_WRITE_REFUSED', retryAfter: 5 })
    expect(String(refused)).not.toContain('new')
    expect(invalidate).not.toHaveBeenCalled()
    expect(local.peek('key')).toBeUndefined()
    expect(counters).toMatchObject({ writes: 0, writeErrors: 1 })
  })

  test('is refused before a limit that would kill Redis, which is not asked', async () => {
    const placeIntent = vi.fn(() => Promise.resolve())
    const { writing, gate } = open({ placeIntent })
    gate.restrict('read-only')
    await expect(writing.set('key', 'new', { signal: undefined })).rejects.toThrow('Redis is full')
    expect(placeIntent).not.toHaveBeenCalled()
  })

  test.each([
    ['another write came between', () => Promise.resolve('unlinked' as const)],
    ['Redis got full meanwhile', () => Promise.resolve('refused' as const)],
    ['Redis went away', () => Promise.reject(new Error('Connection is closed.'))],
  ])('is not acknowledged where %s', async (_why, storeWrite) => {
    const { writing, local } = open({ storeWrite })
    await expect(writing.set('key', 'new', { signal: undefined })).rejects.toBeInstanceOf(WriteRefusedError)
    expect(local.peek('key')).toBeUndefined()
  })

  test('is kept once Redis has it', async () => {
    const { writing, local } = open({})
    await writing.set('key', 'new', { signal: undefined })
    expect(local.peek('key')?.value).toBe('new')
  })

  test('is refused where it is too large for Redis', async () => {
    const { writing } = open({})
    await expect(writing.set('key', 'x'.repeat(200), { signal: undefined })).rejects.toMatchObject({
      code: 'PLIMSOLL_INVALID_ARGUMENT',
      argument: 'value',
    })
  })
})

describe('a value that has a home elsewhere, or may be lost', () => {
  test.each([
    ['essential, with a source', { priority: 'essential' as const, save: () => {} }],
    ['normal', { priority: 'normal' as const }],
    ['expendable', { priority: 'expendable' as const }],
  ])('is set all the same: %s', async (_what, options) => {
    const { writing, invalidate, local } = open({ ...options, placeIntent: full })
    await writing.set('key', 'new', { signal: undefined })
    expect(invalidate).toHaveBeenCalledTimes(1)
    expect(local.peek('key')?.value).toBe('new')
  })
})
