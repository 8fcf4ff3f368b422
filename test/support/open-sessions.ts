import { Redis } from 'ioredis'
import { createSessions, type Sessions, type SessionsOptions } from '../../packages/core/src/session/index.ts'
import { startRedisCluster } from './redis-cluster.ts'
import { startRedisServer } from './redis-server.ts'
import { until } from './until.ts'

/** A Redis, of one node or of many, that a suite of tests shares. */
export interface SharedRedis {
  readonly redis: NonNullable<SessionsOptions['redis']>
  /** Somebody else's connection to each node. */
  readonly operators: readonly Redis[]
  stop(): Promise<void>
}

export const shapes = ['standalone', 'cluster'] as const

export async function startShared(shape: (typeof shapes)[number]): Promise<SharedRedis> {
  const started = shape === 'standalone' ? await startRedisServer() : await startRedisCluster(3)
  const urls = 'urls' in started ? started.urls : [started.url]
  const operators = urls.map((url) => new Redis(url))
  for (const operator of operators) operator.on('error', () => {})
  return {
    redis: 'urls' in started ? { cluster: started.urls } : started.url,
    operators,
    stop: async () => {
      for (const operator of operators) operator.disconnect()
      await started.stop()
    },
  }
}

let services = 0

/** Sessions of a service of its own, patient with a slow machine. */
export function openSessions(
  afterwards: (step: () => unknown) => void,
  options: Partial<SessionsOptions> & Pick<SessionsOptions, 'redis'>,
): Sessions {
  services += 1
  const sessions = createSessions({ name: `shop-${services}`, commandTimeout: '5s', connectTimeout: '5s', ...options })
  afterwards(() => sessions.close())
  return sessions
}

export function untilTrusted(sessions: Sessions, patience = 10_000): Promise<void> {
  return until(
    () => {
      const { redis, sessions: own } = sessions.health()
      return own.trusted && redis.status === 'ready' && redis.channel === 'connected'
    },
    'sessions are trusted',
    patience,
  )
}

/** Waits until Redis has been looked at so often in the run that is seen now. */
export function untilSeen(sessions: Sessions, looks = 1): Promise<void> {
  return until(
    () => {
      const nodes = Object.values(sessions.health().targets['main']?.nodes ?? {})
      return nodes.length > 0 && nodes.every(({ trend, vitals }) => !vitals.loading && (trend?.looks ?? 1) >= looks)
    },
    'Redis was looked at',
    30_000,
  )
}

/** The error that a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<Record<string, unknown>> {
  try {
    await promise
  } catch (error) {
    return error as Record<string, unknown>
  }
  throw new Error('this was to be refused')
}
