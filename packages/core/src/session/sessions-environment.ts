import { z } from 'zod'
import { InvalidOptionsError, type OptionIssue } from '../errors.ts'
import { connectionFromEnvironment, type EnvironmentOptions } from '../options/environment.ts'
import { toOptionIssues } from '../options/option-issues.ts'
import { duration } from '../options/policy.ts'
import { redisOptionSchema } from '../options/redis-options.ts'
import type { SessionsOptions } from './session-options.ts'

/** What the environment can say of sessions; spread it into `createSessions`. */
export type SessionsEnvironmentOptions = Omit<EnvironmentOptions, 'redis'> &
  Pick<SessionsOptions, 'redis' | 'idleTimeout' | 'absoluteTimeout' | 'touchAfter' | 'maxSessionsPerUser'>

const mostExpected = 'expected a whole number from 1 to 1000'

const schema = z.object({
  SESSION_REDIS_URL: redisOptionSchema.optional(),
  SESSION_IDLE_TIMEOUT: duration('1s', '365d').optional(),
  SESSION_ABSOLUTE_TIMEOUT: duration('1s', '365d').optional(),
  SESSION_TOUCH_AFTER: duration(0, '1d').optional(),
  SESSION_MAX_PER_USER: z
    .string()
    .regex(/^\d{1,4}$/, { error: mostExpected })
    .transform(Number)
    .refine((most) => most >= 1 && most <= 1_000, { error: mostExpected })
    .optional(),
})

/**
 * Reads `SESSION_IDLE_TIMEOUT`, `SESSION_ABSOLUTE_TIMEOUT` and `SESSION_TOUCH_AFTER` (durations such as `30m`) and
 * `SESSION_MAX_PER_USER`, and all that `connectionFromEnvironment` reads. `SESSION_REDIS_URL` stands above its host:
 * sessions belong on a Redis of their own. Empty variables count as unset.
 *
 * @example const sessions = createSessions({ name: 'shop', ...sessionsFromEnvironment() })
 * @throws InvalidOptionsError naming every variable that is wrong, never its value.
 */
export function sessionsFromEnvironment(environment: NodeJS.ProcessEnv = process.env): SessionsEnvironmentOptions {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = schema.safeParse(set)
  const [connection, connectionIssues] = readConnection(environment)
  if (!parsed.success || connection === undefined) {
    const own = parsed.success ? [] : toOptionIssues(parsed.error)
    throw new InvalidOptionsError('environment', [...own, ...connectionIssues])
  }
  const found = parsed.data
  return {
    ...connection,
    ...(found.SESSION_REDIS_URL !== undefined && { redis: found.SESSION_REDIS_URL }),
    ...(found.SESSION_IDLE_TIMEOUT !== undefined && { idleTimeout: found.SESSION_IDLE_TIMEOUT }),
    ...(found.SESSION_ABSOLUTE_TIMEOUT !== undefined && { absoluteTimeout: found.SESSION_ABSOLUTE_TIMEOUT }),
    ...(found.SESSION_TOUCH_AFTER !== undefined && { touchAfter: found.SESSION_TOUCH_AFTER }),
    ...(found.SESSION_MAX_PER_USER !== undefined && { maxSessionsPerUser: found.SESSION_MAX_PER_USER }),
  }
}

function readConnection(environment: NodeJS.ProcessEnv): [EnvironmentOptions | undefined, readonly OptionIssue[]] {
  try {
    return [connectionFromEnvironment(environment), []]
  } catch (error) {
    if (error instanceof InvalidOptionsError) return [undefined, error.issues]
    throw error
  }
}
