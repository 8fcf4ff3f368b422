import type { Redis } from 'ioredis'
import { infoNumber } from './pressure-redis.ts'

export interface Sessions {
  readonly prefix?: string
  readonly bytes?: number
  /** Seconds; without it they stay for ever. */
  readonly ttl?: number
}

// Fast, and one command for Redis: values differ in nothing but their keys.
const script = `
for n = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local key = ARGV[3] .. ':' .. n
  if ARGV[5] == '' then redis.call('SET', key, ARGV[4]) else redis.call('SET', key, ARGV[4], 'EX', ARGV[5]) end
end`
let next = 0

export async function storeSessions(operator: Redis, count: number, sessions: Sessions = {}): Promise<void> {
  const { prefix = 'session', bytes = 2_048, ttl } = sessions
  const first = next + 1
  next += count
  await operator.eval(script, 0, first, next, prefix, 'x'.repeat(bytes), ttl ?? '')
}

/** As many as it takes until so large a share of maxmemory is used. */
export async function storeSessionsTo(operator: Redis, share: number, sessions: Sessions = {}): Promise<void> {
  const max = await infoNumber(operator, 'maxmemory')
  for (;;) {
    const missing = share * max - (await infoNumber(operator, 'used_memory'))
    if (missing <= 0) return
    await storeSessions(operator, Math.ceil(missing / ((sessions.bytes ?? 2_048) * 1.5)), sessions)
  }
}
