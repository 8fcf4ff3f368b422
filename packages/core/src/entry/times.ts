import type { Random } from '../clock.ts'
import type { Policy } from '../options/policy.ts'
import type { Times } from './envelope.ts'

/** The largest share of a lifetime by which a refresh comes early, however slow the source is. */
const largestEarlyShare = 0.2

/** The moment before which no refresh is ever early. */
export function earliestRefresh({ storedAt, freshUntil }: Times): number {
  return freshUntil - (freshUntil - storedAt) * largestEarlyShare
}

/** The times of a value that is stored now; `undefined` means that the source has none. */
export function timesOf(
  value: unknown,
  loadTime: number,
  ttl: number,
  policy: Pick<Policy, 'negativeTtl' | 'ttlJitter' | 'staleIfError' | 'staleWhileRevalidate'>,
  now: number,
  random: Random,
): Times {
  const life = value === undefined ? policy.negativeTtl : ttl
  const freshUntil = now + life * (1 - policy.ttlJitter * random())
  // "The source has none" is no reserve for a source that fails.
  const spare = value === undefined ? 0 : Math.max(policy.staleIfError, policy.staleWhileRevalidate)
  return { storedAt: now, freshUntil, expiresAt: freshUntil + spare, loadTime }
}
