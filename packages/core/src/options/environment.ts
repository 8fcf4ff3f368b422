import { z } from 'zod'
import { InvalidOptionsError } from '../errors.ts'
import { toOptionIssues } from './option-issues.ts'
import type { RedisOptions } from './redis-options.ts'
import { parseSize } from './size.ts'

/** What the environment can say of the connection; spread it into `createCache`. */
export interface EnvironmentOptions {
  redis?: RedisOptions
  maxConnections?: number
  connectTimeout?: number
  commandTimeout?: number
  /** In bytes. */
  memoryLimit?: number
}

const host = z
  .string()
  .regex(/^[A-Za-z0-9._:-]+$/, { error: 'expected a host name without scheme or port' })
  .optional()

function whole(minimum: number, maximum: number, what: string) {
  const expected = `expected ${what} from ${minimum} to ${maximum}`
  return z
    .string()
    .regex(/^\d+$/, { error: expected })
    .transform(Number)
    .refine((number) => number >= minimum && number <= maximum, { error: expected })
    .optional()
}

const schema = z
  .object({
    REDIS_PRIMARY_HOST: host,
    REDIS_READER_HOST: host,
    REDIS_PORT: whole(1, 65_535, 'a port'),
    REDIS_TLS_ENABLED: z
      .enum(['true', 'false', '1', '0'], { error: 'expected true or false' })
      .transform((text) => text === 'true' || text === '1')
      .optional(),
    REDIS_USERNAME: z.string().optional(),
    REDIS_AUTH_TOKEN: z.string().optional(),
    REDIS_MAX_CONNECTIONS: whole(2, 1_000, 'a number of connections'),
    REDIS_CONNECT_TIMEOUT_MS: whole(1, 60_000, 'milliseconds'),
    REDIS_COMMAND_TIMEOUT_MS: whole(1, 60_000, 'milliseconds'),
    REDIS_MEMORY_LIMIT: z
      .string()
      .transform((text) => parseSize(/^\d+$/.test(text) ? Number(text) : text))
      .refine((bytes) => bytes !== undefined && bytes >= 1024 ** 2, {
        error: 'expected a size from 1Mi, such as "64Mi", or bytes',
      })
      .optional(),
  })
  .superRefine((environment, context) => {
    if (environment.REDIS_READER_HOST !== undefined && environment.REDIS_PRIMARY_HOST === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['REDIS_PRIMARY_HOST'],
        message: 'expected a host, for REDIS_READER_HOST is set',
      })
    }
  })

/**
 * Reads `REDIS_PRIMARY_HOST`, `REDIS_READER_HOST`, `REDIS_PORT` (6379), `REDIS_TLS_ENABLED` (false), `REDIS_USERNAME`,
 * `REDIS_AUTH_TOKEN`, `REDIS_MAX_CONNECTIONS`, `REDIS_CONNECT_TIMEOUT_MS`, `REDIS_COMMAND_TIMEOUT_MS` and
 * `REDIS_MEMORY_LIMIT` (of the container that Redis runs in, such as `64Mi`). Empty variables count as unset. Without `REDIS_PRIMARY_HOST` there is no `redis`, and the cache stays local.
 *
 * @example const cache = createCache({ name: 'shop', ...connectionFromEnvironment() })
 * @throws InvalidOptionsError naming every variable that is wrong, never its value.
 */
export function connectionFromEnvironment(environment: NodeJS.ProcessEnv = process.env): EnvironmentOptions {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = schema.safeParse(set)
  if (!parsed.success) throw new InvalidOptionsError('environment', toOptionIssues(parsed.error))
  const found = parsed.data
  const options: EnvironmentOptions = {}
  if (found.REDIS_PRIMARY_HOST !== undefined) {
    const port = found.REDIS_PORT ?? 6379
    options.redis = { primary: { host: found.REDIS_PRIMARY_HOST, port } }
    if (found.REDIS_READER_HOST !== undefined) options.redis.reader = { host: found.REDIS_READER_HOST, port }
    if (found.REDIS_TLS_ENABLED !== undefined) options.redis.tls = found.REDIS_TLS_ENABLED
    if (found.REDIS_USERNAME !== undefined) options.redis.username = found.REDIS_USERNAME
    if (found.REDIS_AUTH_TOKEN !== undefined) options.redis.password = found.REDIS_AUTH_TOKEN
  }
  if (found.REDIS_MAX_CONNECTIONS !== undefined) options.maxConnections = found.REDIS_MAX_CONNECTIONS
  if (found.REDIS_CONNECT_TIMEOUT_MS !== undefined) options.connectTimeout = found.REDIS_CONNECT_TIMEOUT_MS
  if (found.REDIS_COMMAND_TIMEOUT_MS !== undefined) options.commandTimeout = found.REDIS_COMMAND_TIMEOUT_MS
  if (found.REDIS_MEMORY_LIMIT !== undefined) options.memoryLimit = found.REDIS_MEMORY_LIMIT
  return options
}
