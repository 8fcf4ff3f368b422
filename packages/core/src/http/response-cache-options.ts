import { z } from 'zod'
import { InvalidOptionsError } from '../errors.ts'
import { nameSchema } from '../options/cache-options.ts'
import type { Duration } from '../options/duration.ts'
import { toOptionIssues } from '../options/option-issues.ts'
import { duration, policyShape, size, whole } from '../options/policy.ts'
import type { Size } from '../options/size.ts'
import { isToken } from './header-fields.ts'

export interface ResponseCacheOptions {
  /** Name of the namespace that holds the replies: 1 to 64 letters, digits, `_`, `.` or `-`. */
  name: string
  /** Hosts whose replies may be stored, as clients send them, with the port where it is not the scheme's own. No wildcards. */
  hosts: readonly string[]
  /** How long a reply without max-age, s-maxage or Expires is fresh. By default such a reply is not stored. */
  ttl?: Duration | undefined
  /** Where the reply says no `stale-while-revalidate`. Default 0. */
  staleWhileRevalidate?: Duration | undefined
  /** Where the reply says no `stale-if-error`. Default 0. */
  staleIfError?: Duration | undefined
  /** Larger bodies are sent on and not stored. Default 1 MiB. */
  maxBodyBytes?: Size | undefined
  /** How many replies of one URL are stored that differ by the headers named in Vary. Default 20. */
  maxVariants?: number | undefined
  /** What all processes together may hold in Redis for replies. */
  maxRedisBytes?: Size | undefined
  /** How long a request waits for another one's rendering before it is passed to the handler. Default 3 seconds. */
  wait?: Duration | undefined
  /** Request headers besides Cookie and Authorization that tell users apart: a request with one of them is passed. */
  credentials?: readonly string[] | undefined
}

/** What a route says of its replies. */
export interface RouteRules {
  /** The reply is the same for everybody, although requests carry cookies or authorization. Default false. */
  readonly public?: boolean | undefined
  readonly ttl?: Duration | undefined
  readonly staleWhileRevalidate?: Duration | undefined
  readonly staleIfError?: Duration | undefined
  /** Request headers that the handler looks at without saying so in Vary. */
  readonly vary?: readonly string[] | undefined
}

export interface RuleSettings {
  readonly public: boolean
  readonly ttl: number | undefined
  readonly staleWhileRevalidate: number | undefined
  readonly staleIfError: number | undefined
  readonly vary: readonly string[]
}

export interface ResponseCacheSettings extends RuleSettings {
  readonly name: string
  readonly hosts: ReadonlySet<string>
  readonly maxBodyBytes: number
  readonly maxVariants: number
  readonly maxRedisBytes: number | undefined
  readonly wait: number
  readonly credentials: ReadonlySet<string>
}

const headerNames = z
  .array(
    z
      .string({ error: 'expected the name of a header' })
      .refine((name) => isToken(name) && name !== '*', { error: 'expected the name of a header' }),
    { error: 'expected an array of header names' },
  )
  .max(16, { error: 'expected at most 16 header names' })
  .transform((names) => names.map((name) => name.toLowerCase()))

const lifeShape = {
  ttl: policyShape.ttl,
  staleWhileRevalidate: policyShape.staleWhileRevalidate,
  staleIfError: policyShape.staleIfError,
}

const hostExpected = 'expected a host such as "shop.example" or "localhost:3000"; there are no wildcards'

const schema = z.strictObject({
  ...lifeShape,
  name: nameSchema,
  hosts: z
    .array(z.string({ error: hostExpected }).regex(/^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/, hostExpected), {
      error: 'expected an array of hosts',
    })
    .min(1, { error: 'expected at least one host: without one nothing would ever be stored' })
    .max(1_000, { error: 'expected at most 1000 hosts' }),
  maxBodyBytes: size('1Ki', '64Mi').optional(),
  maxVariants: whole(1, 1_000).optional(),
  maxRedisBytes: size('1Ki', '65536Gi').optional(),
  wait: duration('1ms', '5m').optional(),
  credentials: headerNames.optional(),
})

const rulesSchema = z.strictObject({
  ...lifeShape,
  public: z.boolean({ error: 'expected true or false' }).optional(),
  vary: headerNames.optional(),
})

/** @throws InvalidOptionsError listing every wrong option. */
export function parseResponseCacheOptions(options: ResponseCacheOptions): ResponseCacheSettings {
  const parsed = schema.safeParse(options)
  if (!parsed.success) throw new InvalidOptionsError('createResponseCache', toOptionIssues(parsed.error))
  const given = parsed.data
  return {
    name: given.name,
    hosts: new Set(given.hosts.map((host) => host.toLowerCase())),
    public: false,
    ttl: given.ttl,
    staleWhileRevalidate: given.staleWhileRevalidate,
    staleIfError: given.staleIfError,
    vary: [],
    maxBodyBytes: given.maxBodyBytes ?? 1024 ** 2,
    maxVariants: given.maxVariants ?? 20,
    maxRedisBytes: given.maxRedisBytes,
    wait: given.wait ?? 3_000,
    credentials: new Set(given.credentials),
  }
}

/**
 * The rules of a route over the options of the cache. Adapters call it where the route is declared, so that a wrong rule
 * is told at the start.
 *
 * @throws InvalidOptionsError listing every wrong rule
 */
export function parseRouteRules(rules: RouteRules, options: RuleSettings): RuleSettings {
  const parsed = rulesSchema.safeParse(rules)
  if (!parsed.success) throw new InvalidOptionsError('responseCache', toOptionIssues(parsed.error))
  const given = parsed.data
  return {
    public: given.public ?? false,
    ttl: given.ttl ?? options.ttl,
    staleWhileRevalidate: given.staleWhileRevalidate ?? options.staleWhileRevalidate,
    staleIfError: given.staleIfError ?? options.staleIfError,
    vary: given.vary ?? [],
  }
}
