import { z } from 'zod'
import { type Clock, type Random, systemClock } from '../clock.ts'
import { InvalidOptionsError, type OptionIssue } from '../errors.ts'
import type { Duration } from './duration.ts'
import { guard, type Logger, silentLogger } from './logger.ts'
import { defaultLocalBytes } from './memory-limit.ts'
import { toOptionIssues } from './option-issues.ts'
import { cascade, duration, orFalse, type Policy, type PolicyOptions, policyShape, size, whole } from './policy.ts'
import { type PressureOptions, type PressureSettings, pressureSchema, pressureSettings } from './pressure-options.ts'
import { isCluster, type RedisOption, redisOptionSchema } from './redis-options.ts'
import type { Size } from './size.ts'

/** The bulkhead round a source. */
export interface SourceOptions {
  /** Loads that run at once. Default 32. */
  concurrency?: number
  /** Loads that wait for a place; the next is refused with `SourceOverloadedError`. Default 1,000. */
  queue?: number
}

export interface LocalOptions {
  /** Bound of the local tier in bytes. Default an eighth of the container's memory, at most 256 MiB. */
  maxBytes?: Size
  /** How long an entry is answered without looking into Redis; never longer than its `ttl`. Default 30 seconds. */
  ttl?: Duration
  /** Hands out a `structuredClone` on every hit instead of one deeply frozen value. Costs a clone a hit. Default false. */
  clone?: boolean
}

export interface CacheOptions extends PolicyOptions {
  /** First part of every key, and name of the channel: services that share a Redis need different names. */
  name: string
  /** Where Redis is. Without it everything works on the local tier, within this process. */
  redis?: RedisOption | undefined
  /** Bound on all that one call waits for Redis. Default 200 ms. */
  commandTimeout?: Duration | undefined
  /** Default 500 ms. */
  connectTimeout?: Duration | undefined
  /** Hard maximum of connections to Redis, subscriber and health connections included (per node on a cluster). Default 4. */
  maxConnections?: number | undefined
  /** How long after a write a key is read from the primary instead of the reader. Default 1 second. */
  readerLag?: Duration | undefined
  local?: LocalOptions | false | undefined
  /** One bulkhead a process, shared by all namespaces that have none of their own. */
  source?: SourceOptions | undefined
  /** The memory limit of the container that Redis runs in, where it has one: nothing that Redis says gives it away. */
  memoryLimit?: Size | undefined
  /** When Redis counts as too full; `false` leaves its memory unwatched, and only a refused write is noticed. */
  pressure?: PressureOptions | false | undefined
  /**
   * How other processes hear of writes. With `tracking` they hear of writers that do not use this SDK too, from Redis
   * itself, which needs the right to CLIENT TRACKING. With `false` they may serve the older value for `local.ttl`.
   * Default `pubsub`.
   */
  invalidation?: 'pubsub' | 'tracking' | false | undefined
  /** pino's shape. Nothing is logged without it. */
  logger?: Logger | undefined
  clock?: Clock | undefined
  random?: Random | undefined
}

export interface CacheSettings {
  readonly name: string
  readonly redis: RedisOption | undefined
  readonly commandTimeout: number
  readonly connectTimeout: number
  readonly maxConnections: number
  readonly readerLag: number
  readonly local: { readonly maxBytes: number; readonly ttl: number; readonly clone: boolean } | false
  readonly source: { readonly concurrency: number; readonly queue: number }
  readonly memoryLimit: number | undefined
  readonly pressure: PressureSettings | false
  readonly invalidation: 'pubsub' | 'tracking' | false
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
  readonly policy: Policy
}

export const nameSchema = z.string({ error: 'expected a name' }).regex(/^[A-Za-z0-9_.-]{1,64}$/, {
  error: 'expected 1 to 64 letters, digits, "_", "." or "-"',
})

export const memoryLimitSchema = size('1Mi', '65536Gi').optional()

export const sourceSchema = z.strictObject(
  { concurrency: whole(1, 10_000).optional(), queue: whole(0, 1_000_000).optional() },
  { error: 'expected { concurrency, queue }' },
)

const hasMethods = (value: unknown, ...names: string[]) =>
  typeof value === 'object' &&
  value !== null &&
  names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')

const schema = z.strictObject({
  ...policyShape,
  name: nameSchema,
  redis: redisOptionSchema.optional(),
  commandTimeout: duration('1ms', '1m').optional(),
  connectTimeout: duration('1ms', '1m').optional(),
  maxConnections: whole(2, 1_000).optional(),
  readerLag: duration(0, '1m').optional(),
  local: orFalse(
    z.strictObject({
      maxBytes: size('64Ki', '64Gi').optional(),
      ttl: duration('1ms', '1d').optional(),
      clone: z.boolean({ error: 'expected true or false' }).optional(),
    }),
  ).optional(),
  source: sourceSchema.optional(),
  memoryLimit: memoryLimitSchema,
  pressure: pressureSchema.optional(),
  invalidation: z
    .union([z.literal(['pubsub', 'tracking']), z.literal(false)], { error: 'expected "pubsub", "tracking" or false' })
    .optional(),
  logger: z
    .custom<Logger>((value) => hasMethods(value, 'debug', 'info', 'warn', 'error'), {
      error: 'expected an object with debug, info, warn and error, such as a pino logger',
    })
    .optional(),
  clock: z
    .custom<Clock>((value) => hasMethods(value, 'now', 'setTimeout', 'clearTimeout'), {
      error: 'expected { now, setTimeout, clearTimeout }',
    })
    .optional(),
  random: z
    .custom<Random>((value) => typeof value === 'function', { error: 'expected a function like Math.random' })
    .optional(),
})

/** @throws InvalidOptionsError listing every wrong option. */
export function parseCacheOptions(options: CacheOptions): CacheSettings {
  const parsed = schema.safeParse(options)
  const issues = [...(parsed.success ? [] : toOptionIssues(parsed.error)), ...tooFewConnections(options)]
  if (!parsed.success || issues.length > 0) throw new InvalidOptionsError('createCache', issues)
  const given = parsed.data
  return {
    name: given.name,
    redis: given.redis,
    commandTimeout: given.commandTimeout ?? 200,
    connectTimeout: given.connectTimeout ?? 500,
    maxConnections: given.maxConnections ?? (hasReader(given.redis) ? 6 : 4),
    readerLag: given.readerLag ?? 1_000,
    local: given.local === false ? false : localSettings(given.local ?? {}),
    source: { concurrency: given.source?.concurrency ?? 32, queue: given.source?.queue ?? 1_000 },
    memoryLimit: given.memoryLimit,
    pressure: given.pressure === false ? false : pressureSettings(given.pressure ?? {}),
    invalidation: given.invalidation ?? 'pubsub',
    logger: given.logger === undefined ? silentLogger : guard(given.logger),
    clock: given.clock ?? systemClock,
    random: given.random ?? Math.random,
    policy: cascade(given),
  }
}

const hasReader = (redis: unknown) =>
  typeof redis === 'object' && redis !== null && 'reader' in redis && redis.reader !== undefined

/** Each has one of its own. Looked for beside the schema, so that it is listed with all else. */
function tooFewConnections(options: CacheOptions | null | undefined): OptionIssue[] {
  const { redis, maxConnections, invalidation } = options ?? {}
  if (typeof maxConnections !== 'number' || maxConnections >= 3) return []
  const path = 'maxConnections'
  if (hasReader(redis)) return [{ path, expected: 'expected at least 3 with a reader: primary, reader and subscriber' }]
  if (invalidation !== 'tracking' || !isCluster(redis)) return []
  return [{ path, expected: 'expected at least 3 with tracking on a cluster: data, subscriber and tracking' }]
}

function localSettings(given: {
  maxBytes?: number | undefined
  ttl?: number | undefined
  clone?: boolean | undefined
}) {
  return { maxBytes: given.maxBytes ?? defaultLocalBytes(), ttl: given.ttl ?? 30_000, clone: given.clone ?? false }
}
