import { sessionsFromEnvironment } from '@plimsoll/core/session'
import { z } from 'zod'

const whole = (least: number, most: number, otherwise: number) =>
  z.coerce.number().int().min(least).max(most).default(otherwise)
const list = z.string().transform((text) => text.split(',').map((item) => item.trim()))
const redisUrl = z.url({ protocol: /^rediss?$/ })
const memory = z.templateLiteral([z.number(), z.enum(['Mi', 'Gi'])])

const Environment = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  DATABASE_CONNECTIONS: whole(1, 100, 8),
  CACHE_REDIS_URL: redisUrl.optional(),
  CACHE_MEMORY_LIMIT: memory.optional(),
  SESSION_REDIS_URL: redisUrl,
  SESSION_MEMORY_LIMIT: memory.optional(),
  SESSIONS_IN: z.enum(['postgres', 'redis']).default('postgres'),
  // The first signs, all verify: a new one is put in front, and the old one leaves once its sessions have ended.
  SESSION_SECRET: list.pipe(z.array(z.string().min(32)).min(1)),
  SECURE_COOKIES: z.stringbool().default(true),
  PUBLIC_HOSTS: list.default(['localhost:3000']),
  LISTEN_ON: z.string().default('0.0.0.0'),
  PORT: whole(0, 65_535, 3000),
  HEALTH_PORT: whole(0, 65_535, 9090),
})

export type Config = ReturnType<typeof readConfig>

/**
 * What the environment says; the README has the table. Empty variables count as unset.
 *
 * @throws where something is missing or wrong, with the names of all such variables and never with a value
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env) {
  const parsed = Environment.safeParse(Object.fromEntries(Object.entries(environment).filter(([, value]) => value)))
  if (!parsed.success) throw new Error(`wrong configuration\n${z.prettifyError(parsed.error)}`)
  const found = parsed.data
  return {
    listenOn: found.LISTEN_ON,
    port: found.PORT,
    healthPort: found.HEALTH_PORT,
    /** Host headers for which pages may be cached: with any other a visitor could fill the cache with copies. */
    hosts: found.PUBLIC_HOSTS,
    database: { url: found.DATABASE_URL, connections: found.DATABASE_CONNECTIONS },
    cache: { redis: found.CACHE_REDIS_URL, memoryLimit: found.CACHE_MEMORY_LIMIT },
    /** Where sessions are kept, and the SDK's own variables: SESSION_REDIS_URL, SESSION_IDLE_TIMEOUT, … */
    sessionsIn: found.SESSIONS_IN,
    sessions: { ...sessionsFromEnvironment(environment), memoryLimit: found.SESSION_MEMORY_LIMIT },
    cookie: { name: 'sid', secrets: found.SESSION_SECRET, secure: found.SECURE_COOKIES },
  } as const
}
