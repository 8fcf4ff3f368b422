import { unknownVitals } from './info.ts'
import type { DatabaseVitals, MemoryVitals, Totals, Vitals } from './vitals.ts'

export interface Told extends Partial<Omit<Vitals, 'memory' | 'totals' | 'keyspace'>> {
  readonly at: number
  readonly memory?: Partial<MemoryVitals>
  readonly totals?: Partial<Totals>
  readonly keyspace?: readonly DatabaseVitals[]
  /** Keys of the one database, a half of them expiring. */
  readonly stored?: number
}

/** Vitals of a primary that has been up since time 0, told by INFO. */
export function vitalsWith({ memory, totals, keyspace, stored, ...told }: Told): Vitals {
  const unknown = unknownVitals(told.at)
  const database = { database: 0, keys: stored ?? 0, expiring: (stored ?? 0) / 2, averageTtlMilliseconds: undefined }
  return {
    ...unknown,
    origin: 'info',
    runId: 'first',
    role: 'primary',
    uptimeSeconds: Math.floor(told.at / 1_000),
    ...told,
    memory: { ...unknown.memory, ...memory },
    totals: { ...unknown.totals, evictedKeys: 0, expiredKeys: 0, ...totals },
    keyspace: keyspace ?? (stored === undefined ? undefined : [database]),
  }
}
