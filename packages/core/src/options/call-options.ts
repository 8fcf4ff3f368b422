import { z } from 'zod'
import { InvalidArgumentError, type WarmProgress } from '../errors.ts'
import type { Duration } from './duration.ts'
import { toOptionIssues } from './option-issues.ts'
import { duration, whole } from './policy.ts'

/** What one `update` may set for itself. */
export interface UpdateOptions {
  /** How long it waits for others that update the key, its retries included. Default 5 seconds. */
  wait?: Duration
  /**
   * Goes on where Redis cannot give a lease, instead of LeaseUnavailableError. Only for a `save` that compares what it
   * replaces: else what another process saves meanwhile is lost. Default false.
   */
  withoutLease?: boolean
  /** Handed to `save`. */
  signal?: AbortSignal
}

export interface WarmOptions {
  /** Calls of `load` or `loadMany` at once, 1 to 1,000. Default 8; the source's bulkhead bounds them besides. */
  concurrency?: number
  /** Keys of one call of `loadMany`, 1 to 1,000. Default 100. */
  batch?: number
  /** For how long it may come no further before it rejects with WarmStalledError: 1 s to 1 day. Default 1 minute. */
  wait?: Duration
  /** Stops it: what has begun ends, then it rejects with the reason. */
  signal?: AbortSignal
  /** Called after each batch; after each key where there is no `loadMany`. */
  onProgress?: (progress: WarmProgress) => void
}

type RefreshedKeys = readonly string[] | (() => Iterable<string> | AsyncIterable<string>)

export interface RefreshOptions {
  /** The keys, or a function that is asked for them at each round. Default: the hundred hottest of the process that refreshes. */
  keys?: RefreshedKeys
  /** Calls of `load` or `loadMany` at once. Default 8. */
  concurrency?: number
}

const aSignal = z.custom<AbortSignal>((value) => value instanceof AbortSignal, { error: 'expected an AbortSignal' })
const aFunction = (what: string) =>
  z.custom<never>((value) => typeof value === 'function', { error: `expected a function: ${what}` })

const defaultBatch = 100
const concurrency = whole(1, 1_000).optional()
const updateSchema = z.strictObject({
  wait: duration('1ms', '5m').optional(),
  withoutLease: z.boolean({ error: 'expected true or false' }).optional(),
  signal: aSignal.optional(),
})
const warmSchema = z.strictObject({
  concurrency,
  batch: whole(1, 1_000).optional(),
  wait: duration('1s', '1d').optional(),
  signal: aSignal.optional(),
  onProgress: aFunction('(progress) => void').optional(),
})
const refreshSchema = z.strictObject({
  concurrency,
  keys: z.custom<RefreshedKeys>((value) => Array.isArray(value) || typeof value === 'function', {
    error: 'expected an array of keys, or a function that returns some',
  }),
})

/** @throws InvalidArgumentError naming the first wrong field. */
export function parseUpdateOptions(options: UpdateOptions) {
  const { wait = 5_000, withoutLease = false, signal } = parsed(updateSchema, options)
  return { wait, withoutLease, signal }
}

/** @throws InvalidArgumentError naming the first wrong field. */
export function parseWarmOptions(options: WarmOptions) {
  const { concurrency = 8, batch = defaultBatch, wait = 60_000, signal } = parsed(warmSchema, options)
  return { concurrency, batch, wait, signal, onProgress: options.onProgress }
}

/** @throws InvalidArgumentError naming the first wrong field. */
export function parseRefreshOptions(interval: Duration, options: RefreshOptions) {
  const { keys, concurrency = 8 } = parsed(refreshSchema, options)
  const every = parsed(z.strictObject({ interval: duration('1s', '1d') }), { interval })
  return { ...every, concurrency, batch: defaultBatch, keys: () => (typeof keys === 'function' ? keys() : keys) }
}

function parsed<T extends z.ZodType>(schema: T, options: unknown): z.output<T> {
  const result = schema.safeParse(options)
  if (result.success) return result.data
  const [issue] = toOptionIssues(result.error)
  throw new InvalidArgumentError(issue?.path ?? 'options', issue?.expected ?? 'expected options')
}
