import { z } from 'zod'
import { type Duration, parseDuration } from './duration.ts'
import { parseSize, type Size } from './size.ts'

export type Priority = 'essential' | 'normal' | 'expendable'

/**
 * A way to turn values into bytes and back. Entries say whether they are JSON, msgpack or of a custom serializer: on a
 * change from one custom serializer to another raise `schemaVersion`.
 */
export interface Serializer {
  readonly name: string
  serialize(value: unknown): Buffer
  deserialize(bytes: Buffer): unknown
}

/** How the entries of a namespace are kept. Each field cascades: built-in, cache, namespace, and some of them the call. */
export interface PolicyOptions {
  /** How long a value is fresh. Default 5 minutes. */
  ttl?: Duration | undefined
  /** The share of `ttl` by which a lifetime is shortened at random, so that entries made together do not expire together. Default 0.1. */
  ttlJitter?: number | undefined
  /** How long after `ttl` a value is still answered at once, while it is refreshed in the background. Default 0. */
  staleWhileRevalidate?: Duration | undefined
  /** How long after `ttl` a value is still answered where the source fails. Default 0. */
  staleIfError?: Duration | undefined
  /** How long "the source has none" is remembered; 0 never. Default 10 seconds. */
  negativeTtl?: Duration | undefined
  /** Hard deadline of a load, waiting in the bulkhead included. Default 10 seconds. */
  loadTimeout?: Duration | undefined
  /** With an allowed stale value in hand, a load that takes longer is answered with that value. Default 200 ms. */
  softLoadTimeout?: Duration | undefined
  /** Refresh before expiry, the likelier the nearer it is (XFetch). `beta` above 1 is earlier. Default `{ beta: 1 }`. */
  earlyExpiration?: { beta?: number } | false | undefined
  /**
   * One load across all processes. `ttl` frees the lease of a dead holder (default 2 s), `wait` bounds the waiting for
   * another process's load (default 3 s, or twice the observed load time where that is longer). With `false` every
   * process loads for itself and a slow loader may overwrite newer data.
   */
  lease?: { ttl?: Duration; wait?: Duration } | false | undefined
  /** Values with more serialized bytes are not stored in Redis. Default 1 MiB; a warning is logged from 100 KB. */
  maxValueBytes?: Size | undefined
  /** Default `json`. */
  serializer?: 'json' | 'msgpack' | Serializer | undefined
  /** Values with at least `threshold` serialized bytes are stored deflated. Default 4 KiB. */
  compression?: { threshold?: Size } | false | undefined
  /** What may be given up first as Redis fills up. Default `normal`. */
  priority?: Priority | undefined
}

export const durationExpected = (least: string, most: string) =>
  `expected a duration from ${least} to ${most}, such as "5m", or milliseconds`

export function duration(least: Duration, most: Duration) {
  const expected = { error: durationExpected(String(least), String(most)) }
  return z
    .custom<Duration>((value) => {
      const milliseconds = parseDuration(value)
      return (
        milliseconds !== undefined &&
        milliseconds >= (parseDuration(least) ?? 0) &&
        milliseconds <= (parseDuration(most) ?? 0)
      )
    }, expected)
    .transform((value) => parseDuration(value) ?? 0)
}

export function size(least: Size, most: Size) {
  const expected = { error: `expected a size from ${least} to ${most}, such as "64Mi", or bytes` }
  return z
    .custom<Size>((value) => {
      const bytes = parseSize(value)
      return bytes !== undefined && bytes >= (parseSize(least) ?? 0) && bytes <= (parseSize(most) ?? 0)
    }, expected)
    .transform((value) => parseSize(value) ?? 0)
}

export const whole = (least: number, most: number) =>
  z
    .int({ error: `expected a whole number from ${least} to ${most}` })
    .min(least, { error: `expected a whole number from ${least} to ${most}` })
    .max(most, { error: `expected a whole number from ${least} to ${most}` })

export const share = (least: number, most: number) =>
  z
    .number({ error: `expected a number from ${least} to ${most}` })
    .min(least, { error: `expected a number from ${least} to ${most}` })
    .max(most, { error: `expected a number from ${least} to ${most}` })

/** An object, or `false` to switch the feature off. */
export const orFalse = <T extends z.ZodType>(schema: T) =>
  z.unknown().transform((value, context): z.output<T> | false => {
    if (value === false) return false
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      context.addIssue({ code: 'custom', message: 'expected an object, or false to switch it off' })
      return false
    }
    const result = schema.safeParse(value)
    for (const issue of result.error?.issues ?? [])
      context.addIssue({ ...issue } as Parameters<typeof context.addIssue>[0])
    return result.success ? result.data : false
  })

const isSerializer = (value: unknown): value is Serializer =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Serializer).name === 'string' &&
  typeof (value as Serializer).serialize === 'function' &&
  typeof (value as Serializer).deserialize === 'function'

export const policyShape = {
  ttl: duration('1ms', '365d').optional(),
  ttlJitter: share(0, 0.9).optional(),
  staleWhileRevalidate: duration(0, '365d').optional(),
  staleIfError: duration(0, '365d').optional(),
  negativeTtl: duration(0, '1d').optional(),
  loadTimeout: duration('1ms', '1h').optional(),
  softLoadTimeout: duration('1ms', '1h').optional(),
  earlyExpiration: orFalse(z.strictObject({ beta: share(0.01, 100).optional() })).optional(),
  lease: orFalse(
    z.strictObject({ ttl: duration('100ms', '1m').optional(), wait: duration(0, '5m').optional() }),
  ).optional(),
  maxValueBytes: size(1, '512Mi').optional(),
  serializer: z
    .custom<'json' | 'msgpack' | Serializer>(
      (value) => value === 'json' || value === 'msgpack' || isSerializer(value),
      {
        error: 'expected "json", "msgpack" or { name, serialize, deserialize }',
      },
    )
    .optional(),
  compression: orFalse(z.strictObject({ threshold: size(0, '512Mi').optional() })).optional(),
  priority: z
    .enum(['essential', 'normal', 'expendable'], { error: 'expected "essential", "normal" or "expendable"' })
    .optional(),
}

/** The policy with every default filled in and every duration in milliseconds. */
export interface Policy {
  readonly ttl: number
  readonly ttlJitter: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  readonly negativeTtl: number
  readonly loadTimeout: number
  readonly softLoadTimeout: number
  readonly earlyExpiration: { readonly beta: number } | false
  readonly lease: { readonly ttl: number; readonly wait: number } | false
  readonly maxValueBytes: number
  readonly serializer: 'json' | 'msgpack' | Serializer
  readonly compression: { readonly threshold: number } | false
  readonly priority: Priority
}

type ParsedPolicy = { [K in keyof typeof policyShape]?: z.output<(typeof policyShape)[K]> }

const builtIn: Policy = {
  ttl: 300_000,
  ttlJitter: 0.1,
  staleWhileRevalidate: 0,
  staleIfError: 0,
  negativeTtl: 10_000,
  loadTimeout: 10_000,
  softLoadTimeout: 200,
  earlyExpiration: { beta: 1 },
  // Renewed every 600 ms while the load runs, so that a dead holder frees it within 2 s and a live one keeps it.
  lease: { ttl: 2_000, wait: 3_000 },
  maxValueBytes: 1024 ** 2,
  serializer: 'json',
  compression: { threshold: 4096 },
  priority: 'normal',
}

/** Later layers win; inside an object such as `lease` each field cascades by itself. */
export function cascade(...layers: readonly ParsedPolicy[]): Policy {
  const policy: Record<string, unknown> = { ...builtIn }
  for (const layer of layers) {
    for (const name of Object.keys(policyShape) as (keyof ParsedPolicy)[]) {
      const value = layer[name]
      if (value === undefined) continue
      const before = policy[name]
      const isFields =
        typeof value === 'object' && (name === 'lease' || name === 'earlyExpiration' || name === 'compression')
      if (!isFields) policy[name] = value
      else
        policy[name] = {
          ...(builtIn[name] as object),
          ...(before === false ? {} : (before as object)),
          ...withoutUndefined(value),
        }
    }
  }
  return policy as unknown as Policy
}

function withoutUndefined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
