import { Cache } from '../cache.ts'
import { InvalidOptionsError } from '../errors.ts'
import type { RedisOption } from '../options/redis-options.ts'
import type { Account } from '../pressure/account.ts'
import type { Vitals } from '../pressure/vitals.ts'
import { Budget, Deadline } from '../redis/budget.ts'
import type { LinkedNamespace, RedisLink } from '../redis-link.ts'
import { BackedHome } from './backed-home.ts'
import type { SessionBacking } from './backing.ts'
import { ConnectRedisSessions } from './connect-redis.ts'
import { Ending } from './ending.ts'
import { Handouts } from './handouts.ts'
import type { SessionHome } from './home.ts'
import { Lifetimes } from './lifetimes.ts'
import { LossGrace, type SeenNode } from './loss.ts'
import type { PendingDestroys } from './pending-destroys.ts'
import { RedisHome } from './redis-home.ts'
import { Saving } from './saving.ts'
import { SessionCommands } from './session-commands.ts'
import { createSessionKeys } from './session-keys.ts'
import { nowhere, parseSessionsOptions, type SessionSettings, type SessionsOptions } from './session-options.ts'
import { Sessions } from './sessions.ts'
import { Shadows } from './shadows.ts'
import { SizeGuard } from './size-guard.ts'
import { asNamespaceCounters, createSessionCounters, type SessionCounters } from './statistics.ts'
import { UserLimit } from './user-limit.ts'

// No namespace can have this name: what is told under it is for sessions alone.
const channelId = '~session'

/**
 * Creates the sessions of a service. Never waits for Redis and never throws because it is away.
 *
 * @example const sessions = createSessions({ name: 'shop', redis: process.env.SESSION_REDIS_URL, idleTimeout: '2h' })
 * @throws InvalidOptionsError listing every wrong option
 */
export function createSessions(options: SessionsOptions): Sessions {
  const settings = parseSessionsOptions(options)
  const cache = new Cache(settings.cache)
  const counters = createSessionCounters()
  const loss = new LossGrace(settings.cache.clock, settings.lossGrace, isCluster(settings.cache.redis))
  return settings.backing === undefined
    ? inRedis(settings, cache, counters, loss)
    : inBacking(settings, settings.backing, cache, counters, loss)
}

/** Sessions in Redis and nowhere else. */
function inRedis(settings: SessionSettings, cache: Cache, counters: SessionCounters, loss: LossGrace): Sessions {
  const { clock, commandTimeout, name } = settings.cache
  const keys = createSessionKeys(name)
  const { link, account, observations } = cache.reserve('session', {
    redisKey: keys.session,
    counters: () => asNamespaceCounters(counters),
  })
  // Options without a backing have been asked for it.
  if (link === undefined) throw new InvalidOptionsError('createSessions', [nowhere])
  const commands = new SessionCommands(link, commandTimeout)
  const home = new RedisHome({
    ...{ commands, keys, loss, clock, counters, account, observations, channelId },
    ...{ absoluteTimeout: settings.absoluteTimeout, deflateFrom: settings.deflateFrom },
  })
  const shadows = settings.shadow && new Shadows(clock, settings.shadow.maxAge, settings.shadow.maxBytes)
  const shared = assemble(settings, home, counters, shadows, link)
  link.add(channelId, listen(link, shared.ending.pending, loss, shadows, account))
  return new Sessions({
    ...{ ...shared, cache, loss },
    hearsOthers: () => link.hearsOthers(),
    trouble: () => troubleOf(link),
  })
}

/** Sessions in a database, with Redis as its cache if there is one. */
function inBacking(
  settings: SessionSettings,
  backing: SessionBacking,
  cache: Cache,
  counters: SessionCounters,
  loss: LossGrace,
): Sessions {
  const { clock, random, logger, redis } = settings.cache
  const home = new BackedHome(backing, { cache: redis === undefined ? undefined : cache, clock, random, logger })
  const shared = assemble(settings, home, counters, undefined, cache.link)
  return new Sessions({ ...shared, cache, loss, hearsOthers: () => true, trouble: () => home.trouble })
}

/** What is the same wherever sessions live. */
function assemble(
  settings: SessionSettings,
  home: SessionHome,
  counters: SessionCounters,
  shadows: Shadows | undefined,
  link: RedisLink | undefined,
) {
  const { clock, logger, commandTimeout } = settings.cache
  const { absoluteTimeout, whenTooMany, merge, userOf, connectRedisPrefix: prefix } = settings
  const connectRedis =
    link === undefined || prefix === undefined
      ? undefined
      : new ConnectRedisSessions(new SessionCommands(link, commandTimeout), prefix, clock)
  // What the database takes is not taken from what Redis may.
  const budget = () => (settings.backing === undefined ? new Deadline(commandTimeout) : new Budget(commandTimeout))
  const lifetimes = new Lifetimes(settings, clock)
  const handouts = new Handouts(clock)
  const ending = new Ending({ home, connectRedis, shadows, counters, clock, budget })
  const { pending } = ending
  const most = settings.maxSessionsPerUser
  const limit = new UserLimit({ home, pending, counters, clock, absoluteTimeout, limit: most, whenTooMany })
  const saving = new Saving({
    ...{ home, connectRedis, limit, ending, handouts, lifetimes, shadows, counters, clock, merge, userOf },
    sizes: new SizeGuard(settings.warnBytes, settings.maxBytes, logger),
  })
  return { home, connectRedis, saving, ending, handouts, lifetimes, counters, shadows, budget }
}

function isCluster(redis: RedisOption | undefined): boolean {
  if (typeof redis !== 'object') return false
  return 'cluster' in redis || 'nodes' in redis
}

function troubleOf({ commands, gate }: RedisLink): 'unreachable' | 'refused' | undefined {
  if (!commands.readable || !commands.writable) return 'unreachable'
  return gate.open ? undefined : 'refused'
}

/** What sessions make of news from their Redis. */
function listen(
  link: RedisLink,
  pending: PendingDestroys,
  loss: LossGrace,
  shadows: Shadows | undefined,
  account: Account | undefined,
): LinkedNamespace {
  return {
    onInvalidation: (handle) => {
      shadows?.forget(handle)
      account?.gone(handle)
    },
    onWake: () => {},
    onGenerations: () => {},
    onDoubt: () => {
      // While Redis is away nobody can have logged out there; once it answers, what was kept before may be outdated.
      if (link.commands.readable) shadows?.clear()
    },
    replay: async () => {},
    onUsable: () => {
      loss.reconnected()
      pending.replayNow()
    },
    onLook: () => {
      const nodes = Object.entries(link.pressure?.watch.view() ?? {})
      loss.looked(nodes.map(([node, { vitals }]) => seen(node, vitals)))
    },
    onEmptied: () => loss.emptied(),
  }
}

function seen(node: string, vitals: Vitals): SeenNode {
  const { runId, loading, at, uptimeSeconds } = vitals
  return {
    ...{ node, runId, loading, at },
    keys: vitals.keyspace?.reduce((sum, { keys }) => sum + keys, 0) ?? vitals.keys,
    appendOnly: vitals.persistence.appendOnly === true,
    startedAt: uptimeSeconds === undefined ? undefined : at - uptimeSeconds * 1_000,
  }
}
