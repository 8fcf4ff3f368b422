import { Pool } from 'pg'
import {
  type BehindStatistics,
  createCache,
  postgresCounters,
  WriteBehindRefusedError,
} from '../../packages/core/src/index.ts'
import { answerRequests } from './fleet-worker.ts'

/** Increments by one, each with an id of its own, so that whoever repeats a chunk repeats its operations. */
export interface Chunk {
  readonly kind: 'chunk'
  readonly chunk: number
  readonly count: number
  readonly keys: number
}

export type BehindRequest =
  | Chunk
  | { readonly kind: 'drain'; readonly milliseconds: number }
  | { readonly kind: 'statistics' }
  | { readonly kind: 'flushing' }

export type BehindReply = boolean | BehindStatistics | undefined

const [redis = '', postgres = ''] = process.argv.slice(2)
const pool = new Pool({ connectionString: postgres, max: 4, connectionTimeoutMillis: 2_000, statement_timeout: 10_000 })
pool.on('error', () => {})
const cache = createCache({ name: 'shop', redis })
const counters = cache.namespace<number>({
  name: 'views',
  write: 'behind',
  behind: { counters: true, delay: '50ms' },
  ...postgresCounters(pool, { table: 'views' }),
})

export const keyOf = ({ chunk, keys }: Chunk, index: number): string => `page-${(chunk * 31 + index) % keys}`

/** A caller that comes back as the error says, with the id that it has. */
async function increment(key: string, id: string): Promise<void> {
  for (;;) {
    try {
      await counters.increment(key, 1, { id })
      return
    } catch (error) {
      if (!(error instanceof WriteBehindRefusedError)) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

answerRequests<BehindRequest, BehindReply>(
  async (request) => {
    if (request.kind === 'drain') return await counters.drain(request.milliseconds)
    if (request.kind === 'statistics') return cache.statistics().namespaces['views']?.behind
    if (request.kind === 'flushing') return cache.health().namespaces['views']?.behind?.flushing
    const all = Array.from({ length: request.count }, (_, index) =>
      increment(keyOf(request, index), `${request.chunk}-${index}`),
    )
    await Promise.all(all)
    return undefined
  },
  async () => {
    await cache.close()
    await pool.end()
  },
)
