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
  type SessionNight,
  sessionNights,
  sessionRowNames,
} from '../support/session-table.ts'
import { until } from '../support/until.ts'

const commandTimeout = 200
// One process of the service, one request at a time: what a request may take beyond what it waits for Redis.
const beyond = 50
const ofDatabase = 50
const loginWorksAgainAfter = 10_000

interface Framework {
  readonly name: string
  readonly worker: URL
  readonly options: SessionServiceOptions
}

const worker = (framework: string) => new URL(`../support/session-service.${framework}.ts`, import.meta.url)
const express5: Framework = { name: 'Express 5', worker: worker('express'), options: { express: 5 } }
const express4: Framework = { name: 'Express 4', worker: worker('express'), options: { express: 4 } }
const fastify5: Framework = { name: 'Fastify 5', worker: worker('fastify'), options: {} }

const programs = await findPostgres()
const missing = 'reason' in programs ? ` (${programs.reason})` : ''

describe.each([express5, express4, fastify5])('sessions in Redis alone, $name', (framework) => {
  describe.each(sessionNights)('$name', (night) => {
    const open = openFor(night, framework, () => ({}))

    test.each(sessionRowNames)('%s', async (row) => {
      const cell = night.cells[row]
      const answer = await open().ask(row)
      expect(asCell(answer, cell)).toEqual(cell)
      expect(answer.milliseconds).toBeLessThanOrEqual(commandTimeout + beyond)
    })

    if (!night.keeps) return

    test('and nobody has lost anything once it is over', async () => {
      const changed = night.cells['a cart change'].status === 200
      const over = performance.now()
      await open().end()
      expect(performance.now() - over).toBeLessThan(loginWorksAgainAfter)
      // What was late may still make one connection or another begin anew.
      await untilAnswered(open(), 'a returning visitor asks for the account')
      await expectCart(open(), 'a returning visitor asks for the account', ['tea'])
      await untilAnswered(open(), 'a cart change')
      await expectCart(open(), 'a cart change', changed ? ['tea', 'coffee'] : ['tea'])
      await until(
        async () => (await open().visitor('a logout').ask('GET', '/account')).status === 401,
        'the logout has come to Redis',
      )
    })
  })
})

describe.skipIf('reason' in programs)(`sessions backed by PostgreSQL${missing}`, () => {
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

  describe.each([express5, fastify5])('$name', (framework) => {
    describe.each(sessionNights)('$name', (night) => {
      const open = openFor(night, framework, () => ({ backing: postgres.url }))

      test.each(sessionRowNames)('%s', async (row) => {
        const cell = goodNight[row]
        const answer = await open().ask(row)
        expect(asCell(answer, cell)).toEqual(cell)
        expect(answer.milliseconds).toBeLessThanOrEqual(commandTimeout + ofDatabase + beyond)
      })

      test('and nobody has lost anything once it is over', async () => {
        await open().end()
        await expectCart(open(), 'a returning visitor asks for the account', ['tea'])
        await expectCart(open(), 'a cart change', ['tea', 'coffee'])
        const login = await open().visitor('a safe login').ask('GET', '/account')
        expect(login).toMatchObject({ status: 200, body: { user: 'safe' } })
        expect((await open().visitor('a logout').ask('GET', '/account')).status).toBe(401)
      })
    })
  })
})

function openFor(night: SessionNight, { worker, options }: Framework, more: () => SessionServiceOptions) {
  let open: OpenNight
  beforeAll(async () => {
    const start = (given: SessionServiceOptions) => startSessionService(worker, given)
    open = await openNight(night, start, { ...options, ...more(), commandTimeout })
    await open.fall()
  })
  afterAll(async () => {
    await open?.stop()
  })
  return () => open
}

function untilAnswered(open: OpenNight, row: (typeof sessionRowNames)[number]): Promise<void> {
  return until(async () => (await open.visitor(row).ask('GET', '/account')).status !== 503, `${row} is answered`)
}

async function expectCart(open: OpenNight, row: (typeof sessionRowNames)[number], cart: string[]): Promise<void> {
  expect(await open.visitor(row).ask('GET', '/account')).toMatchObject({ status: 200, body: { cart } })
}
