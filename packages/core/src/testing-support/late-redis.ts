import { vi } from 'vitest'
import { PendingInvalidations } from '../coherence/pending-invalidations.ts'
import { LocalTier } from '../local/local-tier.ts'
import { Namespace } from '../namespace.ts'
import { parseCacheOptions } from '../options/cache-options.ts'
import { type NamespaceOptions, parseNamespaceOptions } from '../options/namespace-options.ts'
import { WriteGate } from '../pressure/write-gate.ts'
import { Source } from '../read/source.ts'
import { Budget, Deadline } from '../redis/budget.ts'
import type { RedisCommands } from '../redis/commands.ts'
import type { Reader } from '../redis/shared-reads.ts'
import { RedisTimeoutError } from '../redis/trouble.ts'
import type { RedisLink } from '../redis-link.ts'
import { FakeRedis } from './fake-redis.ts'
import { openAccount } from './open-account.ts'
import { SteppingClock } from './stepping-clock.ts'

export const commandTimeout = 200

/** Redis does what it is sent and answers after some milliseconds; whoever asks waits no longer than his budget. */
function lateCommands(redis: FakeRedis, clock: SteppingClock, nextDelay: () => number): RedisCommands {
  const execute = (name: string, args: readonly unknown[]): unknown => {
    const [first, second, third] = args as [{ value: string }, Buffer, number]
    if (name === 'store') return redis.set(first.value, second, third)
    return (redis as unknown as Record<string, (...all: readonly unknown[]) => unknown>)[name]?.(...args)
  }
  const send = (name: string, args: readonly unknown[]): Promise<unknown> => {
    const isBudget = (arg: unknown): arg is Budget => arg instanceof Budget || arg instanceof Deadline
    const budget = args.find(isBudget) ?? new Budget(commandTimeout)
    const given = args.filter((arg) => arg !== budget)
    const [delay, left] = [nextDelay(), budget.left]
    if (left <= 0) return Promise.reject(new RedisTimeoutError('no time is left'))
    const reply = execute(name, given)
    return new Promise((resolve, reject) => {
      const end = () => {
        budget.spend(Math.min(delay, left))
        if (delay < left) resolve(reply)
        else reject(new RedisTimeoutError('no reply'))
      }
      clock.setTimeout(end, Math.min(delay, left))
    })
  }
  const read = (reader: Reader): void => {
    const delay = nextDelay()
    const value = redis.get(reader.redisKey)
    const end = () =>
      delay < commandTimeout ? reader.onValue(value, 0) : reader.onTrouble(new RedisTimeoutError('no reply'))
    clock.setTimeout(end, Math.min(delay, commandTimeout))
  }
  const own: Record<string, unknown> = {
    topology: { kind: 'standalone' },
    readable: true,
    budget: (spent = 0) => new Budget(Math.max(0, commandTimeout - spent)),
    noteWrite: () => {},
    read,
  }
  return new Proxy(own, {
    get: (_, name: string) => own[name] ?? ((...args: unknown[]) => send(name, args)),
  }) as unknown as RedisCommands
}

/** A namespace whose Redis takes so many milliseconds for each command, in turns, as `delays` has them then; what it logs is kept. */
export function openOnLateRedis(options: Partial<NamespaceOptions<string>>, delays: readonly number[]) {
  const clock = new SteppingClock()
  // By which the deadlines of what runs side by side are counted.
  vi.spyOn(performance, 'now').mockImplementation(() => clock.now())
  const random = () => 0.5
  let sent = 0
  const redis = new FakeRedis(clock, () => {})
  const commands = lateCommands(redis, clock, () => delays[sent++ % delays.length] ?? 0)
  const logged: unknown[] = []
  const log = (...line: unknown[]) => void logged.push(line)
  const logger = { debug: log, info: log, warn: log, error: log }
  const settings = parseCacheOptions({ name: 'shop', redis: 'redis://nowhere', clock, random, logger })
  const source = new Source(settings.source, clock, () => {})
  const gate = new WriteGate(clock, random, () => {})
  const pending: PendingInvalidations = new PendingInvalidations(clock, ({ key }) => namespace.replay(key))
  const link = {
    ...{ clock, commands, entries: commands, gate, pending, tracks: false },
    ...{ channel: 'connected', channelName: 'channel', sender: 'me' },
    hearsOthers: () => true,
    openAccount: () => openAccount(clock),
    add: () => {},
  }
  const asked: NamespaceOptions<string> = { name: 'item', ttl: '5m', earlyExpiration: false, ...options }
  const namespace = new Namespace<string>(parseNamespaceOptions<string>(asked, settings), {
    ...{ cacheName: 'shop', clock, random, logger: settings.logger, development: false, source },
    tier: new LocalTier(1024 ** 2),
    link: link as unknown as RedisLink,
  })
  const close = () => {
    source.close()
    pending.close()
  }
  return { clock, namespace, redis, source, pending, logged, close }
}

/** How long the call took. */
export async function finish(clock: SteppingClock, call: Promise<unknown> | undefined): Promise<number> {
  const started = clock.now()
  let took: number | undefined
  const note = () => {
    took = clock.now() - started
  }
  call?.then(note, note)
  await clock.advance(2_000)
  return took ?? Number.POSITIVE_INFINITY
}
