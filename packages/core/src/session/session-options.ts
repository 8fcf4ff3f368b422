import { z } from 'zod'
import { InvalidOptionsError, type OptionIssue } from '../errors.ts'
import { type CacheOptions, type CacheSettings, parseCacheOptions } from '../options/cache-options.ts'
import type { Duration } from '../options/duration.ts'
import { toOptionIssues } from '../options/option-issues.ts'
import { duration, orFalse, size, whole } from '../options/policy.ts'
import type { Size } from '../options/size.ts'
import type { SessionBacking } from './backing.ts'
import type { SessionData } from './record.ts'

type ConnectionOptions = Pick<
  CacheOptions,
  | 'name'
  | 'redis'
  | 'commandTimeout'
  | 'connectTimeout'
  | 'maxConnections'
  | 'memoryLimit'
  | 'pressure'
  | 'logger'
  | 'clock'
  | 'random'
>

/** Where sessions live and how Redis is talked to is told as `createCache` is told it. */
export interface SessionsOptions extends ConnectionOptions {
  /** How long a session lives that nobody touches. A `ttl` handed in, such as a cookie's maxAge, stands above it. Default 1 day. */
  idleTimeout?: Duration | undefined
  /** How long a session lives at most, from its creation on. Default 30 days. */
  absoluteTimeout?: Duration | undefined
  /** A session is touched at most once in this time, up to half of its ttl. Default a minute, or a tenth of the ttl where that is less. */
  touchAfter?: Duration | undefined
  /** 1 to 1,000. Default as many as there are. */
  maxSessionsPerUser?: number | undefined
  /** Whether a login too many ends the oldest session, or is refused with TooManySessionsError. Default `oldest-out`. */
  whenTooMany?: 'oldest-out' | 'refuse' | undefined
  /** For services that keep the user in the data; else whoever logs in says whose session it is. */
  userOf?: ((data: SessionData) => string | undefined) | undefined
  /** Merges saves that met by top-level key, against what each had loaded. Default false: the last one wins, and is counted. */
  merge?: boolean | undefined
  /** Bytes of JSON from which on a warning is logged, once. Default 8 KB. */
  warnBytes?: Size | undefined
  /** Bytes of JSON beyond which a save is refused with SessionTooLargeError. Default 100 KB. */
  maxBytes?: Size | undefined
  /** Sessions with at least `threshold` bytes of JSON are stored deflated. Default 1 KB. */
  compression?: { threshold?: Size } | false | undefined
  /**
   * Serves what this process read at most `maxAge` ago (up to 60 s) read-only while Redis is out of reach, within
   * `maxBytes` (default 16 MiB). It may serve a user who has logged out elsewhere while this process could not hear of it.
   * Default false.
   */
  shadow?: { maxAge: Duration; maxBytes?: Size } | false | undefined
  /** How long after a loss of data an unknown session is not taken for none. Default 30 s; 0 never. */
  lossGrace?: Duration | undefined
  /** Also reads what connect-redis left as plain JSON under this prefix, `sess:` by its default. Default false. */
  connectRedisPrefix?: string | false | undefined
  /** A database as the truth, with Redis as its cache. */
  backing?: SessionBacking | undefined
}

export interface SessionSettings {
  readonly idleTimeout: number
  readonly absoluteTimeout: number
  readonly touchAfter: number | undefined
  readonly maxSessionsPerUser: number | undefined
  readonly whenTooMany: 'oldest-out' | 'refuse'
  readonly userOf: ((data: SessionData) => string | undefined) | undefined
  readonly merge: boolean
  readonly warnBytes: number
  readonly maxBytes: number
  readonly deflateFrom: number | undefined
  readonly shadow: { readonly maxAge: number; readonly maxBytes: number } | undefined
  readonly lossGrace: number
  readonly connectRedisPrefix: string | undefined
  readonly backing: SessionBacking | undefined
  readonly cache: CacheSettings
}

const backingMethods = ['load', 'save', 'delete'] as const

const shape = {
  idleTimeout: duration('1s', '365d').optional(),
  absoluteTimeout: duration('1s', '365d').optional(),
  touchAfter: duration(0, '1d').optional(),
  maxSessionsPerUser: whole(1, 1_000).optional(),
  whenTooMany: z.enum(['oldest-out', 'refuse'], { error: 'expected "oldest-out" or "refuse"' }).optional(),
  userOf: z
    .custom<never>((value) => typeof value === 'function', {
      error: 'expected a function: (data) => string | undefined',
    })
    .optional(),
  merge: z.boolean({ error: 'expected true or false' }).optional(),
  warnBytes: size(1, '16Mi').optional(),
  maxBytes: size(1, '16Mi').optional(),
  compression: orFalse(z.strictObject({ threshold: size(0, '16Mi').optional() })).optional(),
  shadow: orFalse(
    z.strictObject({ maxAge: duration('1ms', '1m'), maxBytes: size('64Ki', '64Gi').optional() }),
  ).optional(),
  lossGrace: duration(0, '10m').optional(),
  connectRedisPrefix: z
    .union([z.literal(false), z.string().min(1).max(256)], { error: 'expected a prefix such as "sess:", or false' })
    .optional(),
  backing: z
    .custom<SessionBacking>(
      (value) =>
        typeof value === 'object' &&
        value !== null &&
        backingMethods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function'),
      { error: 'expected an object with load, save and delete, such as postgresBacking makes' },
    )
    .optional(),
}
const schema = z.strictObject(shape)

/** @throws InvalidOptionsError listing every wrong option. */
export function parseSessionsOptions(options: SessionsOptions): SessionSettings {
  const [own, ofCache] = divide(options)
  const parsed = schema.safeParse(own)
  const [cache, cacheIssues] = parseCache(ofCache)
  const issues = [
    ...(parsed.success ? [] : toOptionIssues(parsed.error)),
    ...cacheIssues,
    ...(cacheIssues.length > 0 ? [] : nowhereToLive(options)),
    ...(parsed.success ? cannotBeCounted(parsed.data) : []),
  ]
  if (!parsed.success || cache === undefined || issues.length > 0) {
    throw new InvalidOptionsError('createSessions', issues)
  }
  const given = parsed.data
  const absoluteTimeout = given.absoluteTimeout ?? 30 * 86_400_000
  return {
    idleTimeout: Math.min(given.idleTimeout ?? 86_400_000, absoluteTimeout),
    absoluteTimeout,
    touchAfter: given.touchAfter,
    maxSessionsPerUser: given.maxSessionsPerUser,
    whenTooMany: given.whenTooMany ?? 'oldest-out',
    userOf: options.userOf,
    merge: given.merge ?? false,
    warnBytes: given.warnBytes ?? 8_000,
    maxBytes: given.maxBytes ?? 100_000,
    deflateFrom: given.compression === false ? undefined : (given.compression?.threshold ?? 1_000),
    shadow:
      given.shadow === undefined || given.shadow === false
        ? undefined
        : { maxAge: given.shadow.maxAge, maxBytes: given.shadow.maxBytes ?? 16 * 1024 ** 2 },
    lossGrace: given.lossGrace ?? 30_000,
    connectRedisPrefix: given.connectRedisPrefix === false ? undefined : given.connectRedisPrefix,
    backing: given.backing,
    cache,
  }
}

/** What is for the connection is what is not for sessions, so that a misspelt option is named once and by its place. */
function divide(options: SessionsOptions): [own: object, ofCache: CacheOptions] {
  if (typeof options !== 'object' || options === null) return [{}, options]
  const connection = ['name', 'redis', 'commandTimeout', 'connectTimeout', 'maxConnections']
  const rest = ['memoryLimit', 'pressure', 'logger', 'clock', 'random']
  const ofCache = new Set([...connection, ...rest])
  const pick = (mine: boolean) =>
    Object.fromEntries(Object.entries(options).filter(([key]) => ofCache.has(key) === mine))
  return [pick(false), pick(true) as unknown as CacheOptions]
}

function parseCache(options: CacheOptions): [CacheSettings | undefined, readonly OptionIssue[]] {
  try {
    return [parseCacheOptions({ ...options, local: false }), []]
  } catch (error) {
    if (error instanceof InvalidOptionsError) return [undefined, error.issues]
    throw error
  }
}

export const nowhere: OptionIssue = { path: 'redis', expected: 'expected where sessions live: redis, or a backing' }

function nowhereToLive({ redis, backing }: SessionsOptions): OptionIssue[] {
  if (redis !== undefined || backing !== undefined) return []
  return [nowhere]
}

function cannotBeCounted(given: { backing?: SessionBacking | undefined; maxSessionsPerUser?: number | undefined }) {
  if (given.maxSessionsPerUser === undefined || given.backing === undefined || given.backing.ofUser !== undefined) {
    return []
  }
  return [{ path: 'backing', expected: 'expected it to have the method ofUser, which maxSessionsPerUser needs' }]
}
