import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { postgresBacking } from '../../packages/core/src/session/postgres-backing.ts'
import { findPostgres } from '../../scripts/postgres.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { type SessionServiceOptions, startSessionService } from '../support/session-service.ts'
import {
  asCell,
  goodNight,
  type OpenNight,
  openNight,
  sessionNights,
  sessionRowNames,
} from '../support/session-table.ts'

const worker = new URL('../support/session-service.fastify.ts', import.meta.url)
const programs = await findPostgres()
const missing = 'reason' in programs ? ` (${programs.reason})` : ''

describe.skipIf('reason' in programs)(`sessions on Fastify, backed by PostgreSQL${missing}`, () => {
  let postgres: PostgresServer

  beforeAll(async () => {
    postgres = await startPostgres()
    const pool = new pg.Pool({ connectionString: postgres.url })
    await postgresBacking(pool).createTable()
    await pool.end()
  })

  afterAll(async () => {
    await postgres?.stop()
  })

  describe.each(sessionNights)('$name', (night) => {
    let open: OpenNight

    beforeAll(async () => {
      const start = (options: SessionServiceOptions) => startSessionService(worker, options)
      open = await openNight(night, start, { backing: postgres.url })
      await open.fall()
    })

    afterAll(async () => {
      await open?.stop()
    })

    test.each(sessionRowNames)('%s', async (row) => {
      const cell = goodNight[row]

      expect(asCell(await open.ask(row), cell)).toEqual(cell)
    })

    test('and nobody has lost anything once it is over', async () => {
      await open.end()

      const account = await open.visitor('a returning visitor asks for the account').ask('GET', '/account')
      expect(account).toMatchObject({ status: 200, body: { cart: ['tea'] } })
      const cart = await open.visitor('a cart change').ask('GET', '/account')
      expect(cart).toMatchObject({ status: 200, body: { cart: ['tea', 'coffee'] } })
      const login = await open.visitor('a safe login').ask('GET', '/account')
      expect(login).toMatchObject({ status: 200, body: { user: 'safe' } })
      expect((await open.visitor('a logout').ask('GET', '/account')).status).toBe(401)
    })
  })
})
