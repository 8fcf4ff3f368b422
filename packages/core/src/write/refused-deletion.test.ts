import { ReplyError } from 'ioredis'
import { expect, test, vi } from 'vitest'
import { Fences } from '../coherence/fences.ts'
import { PendingInvalidations } from '../coherence/pending-invalidations.ts'
import { createCodec } from '../entry/codec.ts'
import { createKeySpace } from '../entry/key.ts'
import { HistogramCounter } from '../histogram.ts'
import { LocalKeeper } from '../local/local-keeper.ts'
import { cascade } from '../options/policy.ts'
import { WriteGate } from '../pressure/write-gate.ts'
import { Budget } from '../redis/budget.ts'
import type { RedisCommands } from '../redis/commands.ts'
import type { EntryCommands } from '../redis/entry-commands.ts'
import { openAccount } from '../testing-support/open-account.ts'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { WriteThrough } from './write-through.ts'

function open(refusal: string) {
  const clock = new SteppingClock(0)
  const refuse = () => Promise.reject(new ReplyError(refusal))
  const invalidate = vi.fn(refuse)
  const commands = { budget: () => new Budget(200) } as unknown as RedisCommands
  const entries = { placeIntent: refuse, invalidate } as unknown as EntryCommands
  const policy = cascade()
  const pending = new PendingInvalidations(clock, () => new Promise(() => {}))
  const writing = new WriteThrough<string>({
    settings: {
      name: 'product',
      schema: undefined,
      load: undefined,
      loadMany: undefined,
      save: undefined,
      schemaVersion: 0,
      local: false,
      source: undefined,
      redis: undefined,
      memoryLimit: undefined,
      maxRedisBytes: undefined,
      staleness: undefined,
      version: undefined,
      tags: undefined,
      clearable: false,
      policy,
    },
    id: 'product',
    clock,
    random: () => 0,
    development: true,
    keys: createKeySpace('shop', 'product', 0),
    codec: createCodec<string>(policy, undefined),
    local: undefined,
    keeper: new LocalKeeper<string>(undefined, 0, clock, () => true),
    remote: {
      commands,
      entries,
      gate: new WriteGate(
        clock,
        () => 0,
        () => {},
      ),
      account: openAccount(clock),
      pending,
      channel: 'shop:channel',
      sender: 'me',
    },
    fences: new Fences(),
    generations: undefined,
    counters: { writes: 0, writeErrors: 0, deletes: 0 },
    observations: { payloadBytes: new HistogramCounter([]) },
    observedLoadTime: () => 0,
  })
  return { writing, invalidate, pending }
}

test('a Redis that takes no write at all is not sent the deletions that it would refuse; they wait', async () => {
  const { writing, invalidate, pending } = open("READONLY You can't write against a read only replica.")
  for (let round = 0; round < 20; round++) await writing.set(`key-${round}`, 'value', { signal: undefined })
  expect(invalidate).not.toHaveBeenCalled()
  expect(pending.size).toBe(20)
})

test('a full Redis is sent every deletion, for it takes those', async () => {
  const { writing, invalidate } = open('OOM command not allowed')
  for (let round = 0; round < 20; round++) await writing.set(`key-${round}`, 'value', { signal: undefined })
  expect(invalidate).toHaveBeenCalledTimes(20)
})
