import { createCache, postgresCounters } from '@plimsoll/core'
import { Pool } from 'pg'

export interface CountersSettings {
  readonly redisUrl: string
  readonly postgresUrl: string
  readonly write: 'through' | 'behind'
  readonly keys: number
  readonly inFlight: number
  readonly durationMs: number
}

/**
 * Increments of counters in PostgreSQL, asked for again as soon as they are answered. What was written behind counts when the database has it: the
 * time until nothing waits any more is in the rate.
 */
export async function countersLoop(settings: CountersSettings): Promise<{ perSecond: number }> {
  const { redisUrl, postgresUrl, write, keys, inFlight, durationMs } = settings
  const pool = new Pool({ connectionString: postgresUrl, max: 10 })
  const cache = createCache({ name: `counters-${write}`, redis: redisUrl })
  const behind = cache.namespace<number>({
    name: 'behind',
    write: 'behind',
    behind: { counters: true },
    ...postgresCounters(pool, { table: 'counters' }),
  })
  const through = cache.namespace<number>({
    name: 'through',
    local: false,
    save: (key) =>
      pool.query(
        `insert into counters (key, value) values ($1, 1)
         on conflict (key) do update set value = counters.value + 1`,
        [key],
      ),
  })
  let done = 0
  const once = (key: string) => (write === 'behind' ? behind.increment(key) : through.set(key, done))
  // Connections, plans, scripts.
  await Promise.all(Array.from({ length: inFlight }, (_, lane) => once(`warm-${lane}`)))
  await behind.drain()
  const start = performance.now()
  const end = start + durationMs
  const lane = async (from: number) => {
    for (let index = from; performance.now() < end; index += inFlight) {
      await once(`counter-${index % keys}`)
      done += 1
    }
  }
  await Promise.all(Array.from({ length: inFlight }, (_, index) => lane(index)))
  if (!(await behind.drain(60_000))) throw new Error('what was written behind is not in the database after a minute')
  const perSecond = (done / (performance.now() - start)) * 1_000
  await cache.close()
  await pool.end()
  return { perSecond }
}
