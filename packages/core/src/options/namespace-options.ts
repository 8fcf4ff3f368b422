import type { StandardSchemaV1 } from '@standard-schema/spec'
import { z } from 'zod'
import { InvalidArgumentError, InvalidOptionsError, type OptionIssue } from '../errors.ts'
import {
  type BehindOperation,
  type BehindOptions,
  type BehindSettings,
  behindIssues,
  behindSchema,
  behindSettings,
  type SaveManyContext,
} from './behind-options.ts'
import { type CacheSettings, memoryLimitSchema, nameSchema, type SourceOptions, sourceSchema } from './cache-options.ts'
import { type CopiesOptions, type CopiesSettings, copiesIssues, copiesSchema } from './copies-option.ts'
import type { Duration } from './duration.ts'
import { toOptionIssues } from './option-issues.ts'
import { cascade, duration, orFalse, type Policy, type PolicyOptions, policyShape, size, whole } from './policy.ts'
import { type RedisOption, redisOptionSchema } from './redis-options.ts'
import type { Size } from './size.ts'

/** What a load may look at and decide. */
export interface LoadContext<V> {
  /** Aborted at `loadTimeout`, and when the cache is closed. */
  readonly signal: AbortSignal
  /** The value being replaced, where there is one. */
  readonly stale: V | undefined
  /** Sets this value's own time to live. */
  ttl(duration: Duration): void
  /** Answers the callers with this value but stores it nowhere. */
  skip(): void
}

export interface LoadManyContext {
  readonly signal: AbortSignal
}

export interface SaveContext {
  /** The signal that the caller of `set` gave, if any. */
  readonly signal: AbortSignal | undefined
  /**
   * Where `update` saves: the value that was read and is to be replaced. A `save` that compares the two in the source
   * (`update … where version = $1`) and throws UpdateConflictError makes `update` lose nothing, whatever Redis does.
   */
  readonly replaces?: unknown
}

/** For how long after its `ttl` a value may still be answered, in milliseconds. */
export interface Staleness {
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  /** For how long it is kept at least for the next load to look at, as `context.stale`. Default 0. */
  readonly kept?: number | undefined
}

/** What orders the values of one key. Numbers up to 2^53; strings of up to 63 bytes, by their bytes: '10' stands before '9'. */
export type Version = number | bigint | Date | string

export interface NamespaceOptions<V> extends PolicyOptions {
  /** Part of every key: 1 to 64 letters, digits, `_`, `.` or `-`. */
  name: string
  /** Any Standard Schema (zod, valibot, arktype …). What comes out of Redis and does not fit is a miss. */
  schema?: StandardSchemaV1<unknown, V> | undefined
  /** Reads the source. `undefined` means that the source has none; `null` is a value. */
  load?: ((key: string, context: LoadContext<V>) => Promise<V | undefined> | V | undefined) | undefined
  /** Reads many at once for `getMany`; keys that the map lacks are ones that the source has not. */
  loadMany?:
    | ((
        keys: readonly string[],
        context: LoadManyContext,
      ) => Promise<ReadonlyMap<string, V | undefined>> | ReadonlyMap<string, V | undefined>)
    | undefined
  /** Writes the source; without it `set` stores in the cache only. */
  save?: ((key: string, value: V, context: SaveContext) => Promise<unknown> | unknown) | undefined
  /**
   * What orders the values of a key: a row version, or when the row was last changed. It must never fall while the key
   * lives. An older value then never replaces a newer one in Redis, whoever stores it, lease or not.
   */
  version?: ((value: V) => Version) | undefined
  /**
   * Up to 32 names under which the value is dropped by `invalidateTag`, made from key and value. Entries are then
   * believed only together with the namespace's generations, as with `clearable`.
   */
  tags?: ((key: string, value: V) => readonly string[]) | undefined
  /**
   * Whether `clear()` may drop all entries at once. They are then believed only together with one more key in Redis:
   * where that is gone, so are they. Default false, or true with `tags`.
   */
  clearable?: boolean | undefined
  /**
   * `behind`: a write is answered once Redis has it, and saved later by `saveMany`. For counters and what else may lag.
   * Its values are not kept in the local tier unless `local` is given. Default `through`.
   */
  write?: 'through' | 'behind' | undefined
  /**
   * Saves what was written behind, at least once: it must drop what it has seen, by id or by sequence. Resolves when all of
   * it is saved. `postgresCounters` makes one.
   */
  saveMany?:
    | ((operations: readonly BehindOperation<V>[], context: SaveManyContext) => Promise<unknown> | unknown)
    | undefined
  behind?: BehindOptions<V> | undefined
  /**
   * On a cluster: copies of a hot key in other slots, so that its reads are spread over the nodes. For readers without a
   * local tier, and keys that are written seldom: every write drops all copies. A number, or with the rate beyond which a
   * key is hot. All processes must have the same. Without a cluster it does nothing. Not with
   * `invalidation: 'tracking'`: what others delete lives on in copies. Default: none.
   */
  copies?: number | CopiesOptions | undefined
  /** Part of the key, so that two releases side by side do not read each other's entries. Default 0. */
  schemaVersion?: number | undefined
  local?: { ttl?: Duration; clone?: boolean } | false | undefined
  /** Reads `staleWhileRevalidate` and `staleIfError` out of a value that brings its own; they stand above all others. */
  staleness?: ((value: V) => Staleness) | undefined
  /** A bulkhead of this namespace's own. */
  source?: SourceOptions | undefined
  /** A Redis of this namespace's own, with its own connections: sessions do not belong beside a cache that evicts. */
  redis?: RedisOption | undefined
  /** The memory limit of the container that this namespace's own Redis runs in. */
  memoryLimit?: Size | undefined
  /** What all processes together may hold in Redis for this namespace; beyond it what they load stays with them. */
  maxRedisBytes?: Size | undefined
}

export interface NamespaceSettings<V> {
  readonly name: string
  readonly schema: StandardSchemaV1<unknown, V> | undefined
  readonly load: NamespaceOptions<V>['load']
  readonly loadMany: NamespaceOptions<V>['loadMany']
  readonly save: NamespaceOptions<V>['save']
  readonly version: NamespaceOptions<V>['version']
  readonly tags: NamespaceOptions<V>['tags']
  readonly clearable: boolean
  /** Undefined where it writes through. */
  readonly behind?: BehindSettings<V> | undefined
  readonly copies?: CopiesSettings | undefined
  readonly schemaVersion: number
  readonly staleness: NamespaceOptions<V>['staleness']
  readonly local: { readonly ttl: number; readonly clone: boolean } | false
  readonly source: { readonly concurrency: number; readonly queue: number } | undefined
  readonly redis: RedisOption | undefined
  readonly memoryLimit: number | undefined
  readonly maxRedisBytes: number | undefined
  readonly policy: Policy
}

const aFunction = (what: string) =>
  z.custom<never>((value) => typeof value === 'function', { error: `expected a function: ${what}` }).optional()

const schema = z.strictObject({
  ...policyShape,
  name: nameSchema,
  schema: z
    .custom<StandardSchemaV1>(
      (value) =>
        (typeof value === 'object' || typeof value === 'function') &&
        value !== null &&
        typeof (value as StandardSchemaV1)['~standard']?.validate === 'function',
      { error: 'expected a Standard Schema, such as a zod, valibot or arktype schema' },
    )
    .optional(),
  load: aFunction('(key, context) => value'),
  loadMany: aFunction('(keys, context) => Map'),
  save: aFunction('(key, value, context) => void'),
  version: aFunction('(value) => number, bigint, Date or sortable string'),
  tags: aFunction('(key, value) => strings'),
  clearable: z.boolean({ error: 'expected true or false' }).optional(),
  staleness: aFunction('(value) => { staleWhileRevalidate, staleIfError }'),
  write: z.enum(['through', 'behind'], { error: 'expected "through" or "behind"' }).optional(),
  saveMany: aFunction('(operations, context) => void'),
  behind: behindSchema.optional(),
  copies: copiesSchema.optional(),
  schemaVersion: whole(0, 1_000_000).optional(),
  local: orFalse(
    z.strictObject({
      ttl: duration('1ms', '1d').optional(),
      clone: z.boolean({ error: 'expected true or false' }).optional(),
    }),
  ).optional(),
  source: sourceSchema.optional(),
  redis: redisOptionSchema.optional(),
  memoryLimit: memoryLimitSchema,
  maxRedisBytes: size('1Ki', '65536Gi').optional(),
})

/** @throws InvalidOptionsError listing every wrong option. */
export function parseNamespaceOptions<V>(options: NamespaceOptions<V>, cache: CacheSettings): NamespaceSettings<V> {
  const parsed = schema.safeParse(options)
  const issues = [
    ...(parsed.success ? [] : toOptionIssues(parsed.error)),
    ...nowhereToKeep(options, cache),
    ...limitOfNone(options),
    ...behindIssues(options, cache),
    ...tagsWithoutClearing(options),
    ...copiesIssues(options, cache),
  ]
  if (!parsed.success || issues.length > 0) throw new InvalidOptionsError('namespace', issues)
  const given = parsed.data
  const behind =
    given.write === 'behind' && options.saveMany !== undefined
      ? behindSettings(given.behind ?? {}, options.behind?.sequence, options.saveMany)
      : undefined
  // What is written behind changes all the time: kept locally, each write would be a message to every process.
  const isLocal = behind === undefined || given.local !== undefined
  const local = given.local === false || cache.local === false || !isLocal ? false : { ...cache.local, ...given.local }
  return {
    name: given.name,
    schema: options.schema,
    load: options.load,
    loadMany: options.loadMany,
    save: options.save,
    version: options.version,
    tags: options.tags,
    clearable: given.clearable ?? options.tags !== undefined,
    behind,
    copies: given.copies,
    schemaVersion: given.schemaVersion ?? 0,
    staleness: options.staleness,
    local: local === false ? false : { ttl: local.ttl ?? 30_000, clone: local.clone ?? false },
    source: given.source && {
      concurrency: given.source.concurrency ?? cache.source.concurrency,
      queue: given.source.queue ?? cache.source.queue,
    },
    redis: given.redis,
    memoryLimit: given.memoryLimit,
    maxRedisBytes: given.maxRedisBytes,
    policy: cascade(cache.policy, given),
  }
}

function nowhereToKeep(
  options: { local?: unknown; redis?: unknown } | null | undefined,
  cache: CacheSettings,
): OptionIssue[] {
  const isLocal = options?.local !== false && cache.local !== false
  if (isLocal || cache.redis !== undefined || options?.redis !== undefined) return []
  const expected = 'without redis the local tier is the only place to keep values; it cannot be false'
  return [{ path: 'local', expected }]
}

function limitOfNone(options: { memoryLimit?: unknown; redis?: unknown } | null | undefined): OptionIssue[] {
  if (options?.memoryLimit === undefined || options.redis !== undefined) return []
  return [
    { path: 'memoryLimit', expected: 'belongs to a Redis of its own (redis); that of the cache has its own limit' },
  ]
}

function tagsWithoutClearing(options: { tags?: unknown; clearable?: unknown } | null | undefined): OptionIssue[] {
  if (options?.tags === undefined || options.clearable !== false) return []
  return [{ path: 'clearable', expected: 'tags need what clear() needs; leave it out, or expected true' }]
}

/** What one `get` may set for itself. */
export interface GetOptions<V> {
  /** Loads this key instead of the namespace's `load`; the flight is still shared with other gets of the key. */
  load?: NamespaceOptions<V>['load']
  ttl?: Duration
  staleWhileRevalidate?: Duration
  staleIfError?: Duration
  loadTimeout?: Duration
  softLoadTimeout?: Duration
  /** Longest wait of this caller, whoever does the loading. No default: `loadTimeout` bounds the load itself. */
  timeout?: Duration
  /**
   * Called where `load` will not run for this get: somebody else loads the key, or nobody has to. It may be called more than
   * once, and a get that waits for another's load loads after all where that fails.
   */
  onDropOut?: () => void
}

const getSchema = z.strictObject({
  load: aFunction('(key, context) => value'),
  ttl: policyShape.ttl,
  staleWhileRevalidate: policyShape.staleWhileRevalidate,
  staleIfError: policyShape.staleIfError,
  loadTimeout: policyShape.loadTimeout,
  softLoadTimeout: policyShape.softLoadTimeout,
  timeout: duration('1ms', '1h').optional(),
  onDropOut: aFunction('() => void'),
})

export interface CallSettings<V> {
  readonly policy: Policy
  readonly load: NamespaceOptions<V>['load']
  readonly timeout: number | undefined
  /** How old an entry in Redis must be to be refreshed, in milliseconds, instead of when it is nearly over. */
  readonly refreshFrom?: number
}

/** For how long this value may be answered after its `ttl`: as it says itself, else as the policy has it. */
export function stalenessOf<V>(settings: NamespaceSettings<V>, value: V | undefined, policy: Policy): Staleness {
  return settings.staleness === undefined || value === undefined ? policy : settings.staleness(value)
}

/** @throws InvalidArgumentError naming the first wrong field. */
export function parseGetOptions<V>(options: GetOptions<V>, settings: NamespaceSettings<V>): CallSettings<V> {
  const parsed = getSchema.safeParse(options)
  if (!parsed.success) {
    const [issue] = toOptionIssues(parsed.error)
    throw new InvalidArgumentError(issue?.path ?? 'options', issue?.expected ?? 'expected options')
  }
  return {
    policy: cascade(settings.policy, parsed.data),
    load: options.load ?? settings.load,
    timeout: parsed.data.timeout,
  }
}
