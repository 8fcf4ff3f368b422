import { z } from 'zod'
import type { OptionIssue } from '../errors.ts'
import type { Duration } from './duration.ts'
import { duration, whole } from './policy.ts'

/** Increments of one key. The source adds those of `increments` whose id it has not seen, and nothing twice. */
export interface IncrementOperation {
  readonly kind: 'increment'
  readonly key: string
  /** The sum of `increments`: what is to be added where none of `ids` was seen before. */
  readonly increment: number
  /** Of each operation, made where it was called and kept on every path; `increments` are in the same order. */
  readonly ids: readonly string[]
  readonly increments: readonly number[]
  /** Of the newest of them, in microseconds of Redis's clock. Undefined where they went past Redis. */
  readonly sequence: number | undefined
}

/** The last value that was set of a key. The source stores it only where `sequence` is above the one it has for the key. */
export interface SetOperation<V> {
  readonly kind: 'set'
  readonly key: string
  readonly value: V
  /** Of all sets of the key in this batch, the newest last. */
  readonly ids: readonly string[]
  /** Grows with every set of the key: microseconds of Redis's clock, or what `behind.sequence` says. */
  readonly sequence: number
}

export type BehindOperation<V> = IncrementOperation | SetOperation<V>

export interface SaveManyContext {
  /** Aborted at `behind.saveTimeout`. */
  readonly signal: AbortSignal
}

export interface BehindOptions<V> {
  /**
   * The values are numbers that change by `increment` only. Default false: they change by `set` only. Not both, for an
   * increment that has to go past Redis would overtake a set that still waits there, and be overwritten by it.
   */
  counters?: boolean | undefined
  /** How long what was written waits for company before it is saved, at least. Default 200 ms. */
  delay?: Duration | undefined
  /** Operations that are taken at once, and coalesced by key. Default 1,000; of counters 4,000, for many of them are of one key. */
  batch?: number | undefined
  /** Deadline of one `saveMany`. Default 10 seconds. */
  saveTimeout?: Duration | undefined
  /** After so many failures, while others are saved, an operation is parked. Default 5. */
  attempts?: number | undefined
  /** Operations that may wait in one stream; beyond it writes are treated as with a full Redis. Default 100,000. */
  maxWaiting?: number | undefined
  /** Parked operations of one stream; beyond it what cannot be saved stays in the stream, and saving slows down. Default 10,000. */
  maxParked?: number | undefined
  /** Writes even where the eviction policy may throw away what waits. Default false. */
  allowEviction?: boolean | undefined
  /**
   * The sequence of a value, such as its row version: a whole number that grows with every set of a key. With it a `set` may go past a Redis that is
   * away. The cached value is then dropped once it is saved, for the source is the judge.
   */
  sequence?: ((value: V, key: string) => number) | undefined
}

export interface BehindSettings<V> {
  readonly counters: boolean
  readonly delay: number
  readonly batch: number
  readonly saveTimeout: number
  readonly attempts: number
  readonly maxWaiting: number
  readonly maxParked: number
  readonly allowEviction: boolean
  readonly sequence: ((value: V, key: string) => number) | undefined
  readonly saveMany: (operations: readonly BehindOperation<V>[], context: SaveManyContext) => Promise<unknown> | unknown
}

const yesOrNo = z.boolean({ error: 'expected true or false' }).optional()

export const behindSchema = z.strictObject(
  {
    counters: yesOrNo,
    delay: duration(0, '1m').optional(),
    batch: whole(1, 10_000).optional(),
    saveTimeout: duration('10ms', '10m').optional(),
    attempts: whole(1, 1_000).optional(),
    maxWaiting: whole(1, 100_000_000).optional(),
    maxParked: whole(1, 1_000_000).optional(),
    allowEviction: yesOrNo,
    sequence: z
      .custom<never>((value) => typeof value === 'function', { error: 'expected a function: (value, key) => number' })
      .optional(),
  },
  { error: 'expected an object' },
)

export function behindSettings<V>(
  given: z.output<typeof behindSchema>,
  sequence: BehindSettings<V>['sequence'],
  saveMany: BehindSettings<V>['saveMany'],
): BehindSettings<V> {
  return {
    counters: given.counters ?? false,
    delay: given.delay ?? 200,
    batch: given.batch ?? (given.counters ? 4_000 : 1_000),
    saveTimeout: given.saveTimeout ?? 10_000,
    attempts: given.attempts ?? 5,
    maxWaiting: given.maxWaiting ?? 100_000,
    maxParked: given.maxParked ?? 10_000,
    allowEviction: given.allowEviction ?? false,
    sequence,
    saveMany,
  }
}

interface Given {
  readonly write?: unknown
  readonly saveMany?: unknown
  readonly save?: unknown
  readonly behind?: unknown
  readonly lease?: unknown
  readonly redis?: unknown
  readonly serializer?: unknown
  readonly version?: unknown
  readonly tags?: unknown
  readonly clearable?: unknown
}

/** What a namespace that writes behind needs, and what one that does not cannot have. */
export function behindIssues(
  options: Given | null | undefined,
  cache: { readonly redis: unknown; readonly policy: { readonly lease: unknown; readonly serializer: unknown } },
): OptionIssue[] {
  const { write, saveMany, save, behind, lease, redis, serializer, version, tags, clearable } = options ?? {}
  if (write !== 'behind') {
    const expected = 'belongs to a namespace with write: "behind"'
    return [
      ...(saveMany === undefined ? [] : [{ path: 'saveMany', expected }]),
      ...(behind === undefined ? [] : [{ path: 'behind', expected }]),
    ]
  }
  const issues: OptionIssue[] = []
  const issue = (wrong: boolean, path: string, expected: string) => wrong && issues.push({ path, expected })
  issue(
    redis === undefined && cache.redis === undefined,
    'redis',
    'needed with write: "behind": what waits is kept there',
  )
  issue(saveMany === undefined, 'saveMany', 'needed with write: "behind"')
  issue(save !== undefined, 'save', 'not with write: "behind", which saves by saveMany')
  issue((lease ?? cache.policy.lease) === false, 'lease', 'cannot be false with write: "behind"')
  issue(version !== undefined, 'version', 'not with write: "behind", where behind.sequence orders the values')
  const unstamped = 'not with write: "behind", whose values are changed in Redis without regard to generations'
  issue(tags !== undefined, 'tags', unstamped)
  issue(clearable === true, 'clearable', unstamped)
  const { counters, sequence } = (behind ?? {}) as BehindOptions<unknown>
  const isJson = (serializer ?? cache.policy.serializer) === 'json'
  issue(counters === true && !isJson, 'serializer', 'counters are added to in Redis, which reads them as json')
  issue(counters === true && sequence !== undefined, 'behind.sequence', 'increments have no order: not with counters')
  return issues
}
