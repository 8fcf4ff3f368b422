import { BreakerOpenError } from '../breaker/breaker.ts'
import { SessionsUnavailableError } from '../errors.ts'
import { NoTimeLeftError, RedisUnavailableError } from '../redis/trouble.ts'
import type { RedisLink } from '../redis-link.ts'

/** Of errors whose command cannot have reached Redis. Of all others it is not known what came of it. */
const unsent = new WeakSet<SessionsUnavailableError>()

/** Redis did not answer. With its breaker closed that was one late reply; else it is tried again twice a second. */
export function unreachable(link: RedisLink, cause: unknown): SessionsUnavailableError {
  if (cause instanceof SessionsUnavailableError) return cause
  const error = new SessionsUnavailableError('unreachable', link.commands.readable ? 1 : 2)
  if (cause instanceof BreakerOpenError || cause instanceof NoTimeLeftError || cause instanceof RedisUnavailableError) {
    unsent.add(error)
  }
  return error
}

/** Redis takes no writes. A refusal is tried again each second; a limit that would kill it is left by and by. */
export function refused(link: RedisLink): SessionsUnavailableError {
  return new SessionsUnavailableError('refused', link.gate.shut ? 5 : 2)
}

/** Whether the write may have been made although it was not acknowledged. */
export function mayHaveBeenMade(error: unknown): error is SessionsUnavailableError {
  return error instanceof SessionsUnavailableError && error.reason === 'unreachable' && !unsent.has(error)
}
