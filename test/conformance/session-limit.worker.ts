import { Pool } from 'pg'
import { createSessions, type Sessions } from '../../packages/core/src/session/index.ts'
import { postgresBacking } from '../../packages/core/src/session/postgres-backing.ts'
import { answerRequests } from '../support/fleet-worker.ts'

export interface LimitOptions {
  readonly redis?: string
  readonly postgres: string
  readonly table: string
  readonly maxSessionsPerUser: number
  readonly whenTooMany: 'oldest-out' | 'refuse'
}

export type LimitOrder =
  | { readonly name: 'login'; readonly user: string; readonly ids: readonly string[] }
  | { readonly name: 'living'; readonly ids: readonly string[] }
  | { readonly name: 'logoutEverywhere'; readonly user: string; readonly except?: string }

const { redis, postgres, table, maxSessionsPerUser, whenTooMany } = JSON.parse(process.argv[2] ?? '') as LimitOptions
const pool = new Pool({ connectionString: postgres, max: 5 })
pool.on('error', () => {})
const sessions: Sessions = createSessions({
  ...{ name: 'shop', redis, maxSessionsPerUser, whenTooMany },
  // 13 logins at once on a busy machine take a while, and others learn later of what a call had no time to tell Redis.
  commandTimeout: '2s',
  backing: postgresBacking(pool, { table }),
})

answerRequests(
  async (order: LimitOrder): Promise<unknown> => {
    if (order.name === 'logoutEverywhere') {
      return await sessions.logoutEverywhere(order.user, order.except === undefined ? {} : { except: order.except })
    }
    if (order.name === 'login') {
      const { user } = order
      return await Promise.all(order.ids.map((id) => sessions.save(id, { user }, { user }).then(() => 'ok', codeOf)))
    }
    const found = await Promise.all(order.ids.map((id) => sessions.load(id)))
    return order.ids.filter((_, index) => found[index] !== undefined)
  },
  async () => {
    await sessions.close()
    await pool.end()
  },
)

function codeOf(error: unknown): string {
  return String((error as { code?: string }).code ?? error)
}
