import { Pool } from 'pg'
import { systemClock } from '../../packages/core/src/clock.ts'
import { type Cache, type CacheOptions, createCache } from '../../packages/core/src/index.ts'
import { silentLogger } from '../../packages/core/src/options/logger.ts'
import { BackedHome } from '../../packages/core/src/session/backed-home.ts'
import type { SessionBacking } from '../../packages/core/src/session/backing.ts'
import { type PostgresBacking, postgresBacking } from '../../packages/core/src/session/postgres-backing.ts'

export interface OpenBackedHome {
  readonly home: BackedHome
  readonly cache: Cache | undefined
  close(): Promise<void>
}

/** A home of sessions as a process has it. Without `options` it has no Redis. */
export function openBackedHome(backing: SessionBacking, options?: Partial<CacheOptions>): OpenBackedHome {
  const cache = options && createCache({ name: 'sessions', local: false, ...options })
  const home = new BackedHome(backing, { cache, clock: systemClock, random: Math.random, logger: silentLogger })
  return {
    home,
    cache,
    close: async () => {
      await home.close()
      await cache?.close()
    },
  }
}

export interface OpenTable {
  readonly pool: Pool
  readonly backing: PostgresBacking
  close(): Promise<void>
}

export async function openTable(url: string, table: string): Promise<OpenTable> {
  const pool = new Pool({ connectionString: url, connectionTimeoutMillis: 1_000, query_timeout: 2_000 })
  pool.on('error', () => {})
  const backing = postgresBacking(pool, { table })
  await backing.createTable()
  return { pool, backing, close: () => pool.end() }
}
