import type { Times } from '../entry/envelope.ts'
import type { Priority } from '../options/policy.ts'
import type { MemoryMode } from './mode.ts'

/** What an entry may cost Redis in a mode. */
export interface Economy {
  /** Share of the time in which an entry is fresh. */
  readonly life: number
  /** Share of the time in which it is kept as a stale reserve. */
  readonly reserve: number
  /** Serialized bytes; what is larger stays in this process. */
  readonly largest: number
  /** From how many bytes on it is deflated, where compression is on. */
  readonly compressFrom: number
}

const plenty: Economy = {
  life: 1,
  reserve: 1,
  largest: Number.POSITIVE_INFINITY,
  compressFrom: Number.POSITIVE_INFINITY,
}
const large = 100_000
const compressFrom = 1_024

const conserving: Record<Priority, Economy> = {
  essential: { ...plenty, compressFrom },
  normal: { life: 1, reserve: 0.5, largest: large, compressFrom },
  expendable: { life: 0.5, reserve: 0, largest: large, compressFrom },
}
const shedding: Record<Priority, Economy> = {
  essential: { ...plenty, compressFrom },
  // From here on Redis is kept for what is asked for again soon; the reserve is the local tier's.
  normal: { life: 0.5, reserve: 0, largest: large, compressFrom },
  expendable: { life: 0.25, reserve: 0, largest: large, compressFrom },
}

export function economyOf(mode: MemoryMode, priority: Priority): Economy {
  if (mode === 'normal') return plenty
  return mode === 'conserving' ? conserving[priority] : shedding[priority]
}

/** The times with which an entry goes to Redis. What this process keeps for itself costs Redis nothing and stays as it is. */
export function economise(times: Times, { life, reserve }: Economy): Times {
  if (life === 1 && reserve === 1) return times
  const freshUntil = times.storedAt + (times.freshUntil - times.storedAt) * life
  const expiresAt = freshUntil + (times.expiresAt - times.freshUntil) * reserve
  return { ...times, freshUntil, expiresAt }
}
