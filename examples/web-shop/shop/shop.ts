import { type Cache, createCache } from '@plimsoll/core'
import { createResponseCache, type ResponseCache } from '@plimsoll/core/http'
import { collectMetrics } from '@plimsoll/core/metrics'
import { createSessions, postgresBacking, type Sessions } from '@plimsoll/core/session'
import type pg from 'pg'
import { Registry } from 'prom-client'
import type { Config } from '../config.ts'
import { openDatabase, prepareDatabase } from './database.ts'
import { log } from './log.ts'
import { Pages } from './pages.ts'
import { openProducts } from './products.ts'

/** All that a web framework needs to serve the shop. */
export interface Shop {
  readonly database: pg.Pool
  readonly cache: Cache
  readonly sessions: Sessions
  readonly responses: ResponseCache
  readonly metrics: Registry
  readonly pages: Pages
  /** Writes out what is on its way and closes every connection; after the last request. */
  close(): Promise<void>
}

/** Rejects where PostgreSQL cannot be reached, for then there is nothing to sell. Never waits for Redis. */
export async function openShop(config: Config): Promise<Shop> {
  const database = openDatabase(config.database.url, config.database.connections)
  await prepareDatabase(database)
  const cache = createCache({
    name: 'shop',
    ...config.cache,
    // However many requests miss at once, no more queries run than there are connections, and some are left for orders.
    source: { concurrency: Math.max(1, Math.floor(config.database.connections / 2)) },
    logger: log,
  })
  const sessions = await openSessions(config, database)
  const metrics = new Registry()
  collectMetrics(cache, { register: metrics })
  collectMetrics(sessions, { register: metrics })
  return {
    database,
    cache,
    sessions,
    responses: createResponseCache(cache, { name: 'pages', hosts: config.hosts }),
    metrics,
    pages: new Pages(openProducts(cache, database), database),
    async close() {
      await Promise.all([sessions.close(), cache.close()])
      await database.end()
    },
  }
}

async function openSessions({ sessionsIn, sessions }: Config, database: pg.Pool): Promise<Sessions> {
  // A name of its own: metrics and keys begin with it.
  const options = { name: 'shop-sessions', ...sessions, logger: log }
  if (sessionsIn === 'redis') return createSessions(options)
  const backing = postgresBacking(database)
  await backing.createTable()
  return createSessions({ ...options, backing })
}
