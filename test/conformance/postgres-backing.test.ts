import { Pool, types } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackedSession } from '../../packages/core/src/session/backing.ts'
import { postgresBacking } from '../../packages/core/src/session/postgres-backing.ts'
import { sessionTableSql } from '../../packages/core/src/session/postgres-table.ts'
import { findPostgres } from '../../scripts/postgres.ts'
import { cleanup } from '../support/cleanup.ts'
import { openTable } from '../support/open-backed-home.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'

const after = cleanup()
const programs = await findPostgres()
const missing = 'reason' in programs ? ` (${programs.reason})` : ''
const minute = 60_000
let server: PostgresServer
let tables = 0

async function open(table = `sessions_${++tables}`) {
  const opened = await openTable(server.url, table)
  after(() => opened.close())
  return { ...opened, table }
}

function session(revision: string, left = minute, user?: string): BackedSession {
  return {
    json: `{"revision":"${revision}"}`,
    user,
    createdAt: 1_700_000_000_123,
    expiresAt: Date.now() + left,
    revision,
  }
}

describe.skipIf(missing)(`postgresBacking${missing}`, () => {
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())

  test('gives back what was saved, to the millisecond but for the way there and back', async () => {
    const { backing } = await open()
    const saved = { ...session('1', minute, 'ada'), json: '{"b":1,"a":"\\u0000\\"ä€😀","b2":[1.50]}' }
    expect(await backing.save('a', saved, undefined)).toBe(true)
    const { expiresAt, ...rest } = (await backing.load('a')) ?? {}
    expect(rest).toEqual({ json: saved.json, user: 'ada', createdAt: saved.createdAt, revision: '1' })
    expect(Math.abs(Number(expiresAt) - saved.expiresAt)).toBeLessThan(1_000)
    expect(await backing.load('b')).toBeUndefined()
  })

  test('a new session takes no place but one that has ended', async () => {
    const { backing } = await open()
    expect(await backing.save('a', session('1', 1), undefined)).toBe(true)
    expect(await backing.save('b', session('1'), undefined)).toBe(true)
    expect(await backing.save('b', session('2'), undefined)).toBe(false)
    await expect.poll(() => backing.save('a', session('2'), undefined)).toBe(true)
    expect(await backing.load('a')).toMatchObject({ revision: '2' })
  })

  test('of many that save over the same revision one does', async () => {
    const { backing } = await open()
    await backing.save('a', session('0'), undefined)
    const saved = await Promise.all(
      Array.from({ length: 20 }, (_, index) => backing.save('a', session(`${index + 1}`), '0')),
    )
    expect(saved.filter(Boolean)).toHaveLength(1)
    expect((await backing.load('a'))?.revision).toBe(String(saved.indexOf(true) + 1))
  })

  test('a deleted session keeps its place against those who would bring it back', async () => {
    const { backing, pool, table } = await open()
    await backing.save('a', session('1', minute, 'ada'), undefined)
    await backing.delete('a')
    await backing.delete('never there')
    expect(await backing.load('a')).toBeUndefined()
    expect(await backing.save('a', session('2'), '1')).toBe(false)
    expect(await backing.save('a', session('2'), '')).toBe(false)
    expect(await backing.save('a', session('2'), undefined)).toBe(false)
    expect(await backing.touch('a', Date.now() + minute)).toBe(false)
    expect(await backing.count()).toBe(0)
    expect(await backing.page(undefined, 10)).toEqual([])
    const { rows } = await pool.query(`SELECT data, user_id, revision FROM ${table}`)
    expect(rows).toEqual([{ data: null, user_id: null, revision: '' }])
  })

  test('a touch moves the end of a living session', async () => {
    const { backing } = await open()
    await backing.save('a', session('1', 200), undefined)
    expect(await backing.touch('a', Date.now() + minute)).toBe(true)
    expect((await backing.load('a'))?.expiresAt).toBeGreaterThan(Date.now() + minute / 2)
    expect(await backing.touch('a', Date.now() + 1)).toBe(true)
    await expect.poll(() => backing.load('a')).toBeUndefined()
    expect(await backing.touch('a', Date.now() + minute)).toBe(false)
    expect(await backing.save('a', session('2'), '1')).toBe(false)
  })

  test('deletes all sessions of a user but one, also twice at once, and tells which', async () => {
    const { backing } = await open()
    const handles = Array.from({ length: 50 }, (_, index) => `handle-${String(index).padStart(2, '0')}`)
    await Promise.all(handles.map((handle) => backing.save(handle, session('1', minute, "o'ada"), undefined)))
    await backing.save('other', session('1', minute, 'bob'), undefined)
    expect((await backing.ofUser("o'ada")).map(({ handle }) => handle)).toEqual(handles)
    const deleted = await Promise.all([
      backing.deleteUser("o'ada", 'handle-07'),
      backing.deleteUser("o'ada", 'handle-07'),
    ])
    expect(deleted.flat().sort()).toEqual(handles.filter((handle) => handle !== 'handle-07'))
    expect((await backing.ofUser("o'ada")).map(({ handle }) => handle)).toEqual(['handle-07'])
    expect(await backing.deleteUser("o'ada", undefined)).toEqual(['handle-07'])
    expect(await backing.count()).toBe(1)
  })

  test('deletes what has ended in batches, each process its own, while others write', async () => {
    const { backing, pool, table } = await open()
    await pool.query(`INSERT INTO ${table}
      SELECT 'old-' || n, '{}', NULL, 0, now() - interval '1 second', '1' FROM generate_series(1, 4500) AS n`)
    await backing.save('a', session('1'), undefined)
    const blocker = new Pool({ connectionString: server.url, max: 1 })
    after(() => blocker.end())
    // Somebody holds one row: nobody waits for that.
    await blocker.query('BEGIN')
    await blocker.query(`SELECT 1 FROM ${table} WHERE handle = 'old-1' FOR UPDATE`)
    const counts = await Promise.all([backing.deleteExpired(), backing.deleteExpired(), backing.deleteExpired()])
    expect(counts[0] + counts[1] + counts[2]).toBe(4_499)
    await blocker.query('COMMIT')
    expect(await backing.deleteExpired()).toBe(1)
    expect(await backing.count()).toBe(1)
  })

  test('pages by handle, without what has ended', async () => {
    const { backing } = await open()
    for (const handle of ['b', 'A', 'a', '_', '-', 'ended']) {
      await backing.save(handle, session('1', handle === 'ended' ? 1 : minute), undefined)
    }
    await expect.poll(() => backing.load('ended')).toBeUndefined()
    const first = await backing.page(undefined, 3)
    const second = await backing.page(first.at(-1)?.handle, 3)
    expect([...first, ...second].map(({ handle }) => handle)).toEqual(['-', 'A', '_', 'a', 'b'])
  })

  test('its table is made by all processes at once, in a schema of its own, whatever it is called', async () => {
    const { pool } = await open()
    await pool.query('CREATE SCHEMA IF NOT EXISTS "Käse"')
    const table = 'Käse.we"ird; DROP TABLE x--'
    const backing = postgresBacking(pool, { table })
    await Promise.all(Array.from({ length: 8 }, () => postgresBacking(pool, { table }).createTable()))
    expect(await backing.save('a', session('1'), undefined)).toBe(true)
    expect(await backing.load('a')).toMatchObject({ revision: '1' })
    await pool.query(sessionTableSql(table))
    const { rows } = await pool.query(`SELECT indexname FROM pg_indexes WHERE schemaname = 'Käse'`)
    expect(rows).toHaveLength(3)
  })

  test('a service may have told pg to make something else of numbers and times', async () => {
    const { backing } = await open()
    const parsers = { bigint: types.getTypeParser(20), float: types.getTypeParser(701) }
    after(() => {
      types.setTypeParser(20, parsers.bigint as never)
      types.setTypeParser(701, parsers.float as never)
    })
    types.setTypeParser(20, BigInt)
    types.setTypeParser(701, String)
    await backing.save('a', session('1', minute, 'ada'), undefined)
    expect(await backing.load('a')).toMatchObject({ createdAt: 1_700_000_000_123 })
    expect(await backing.ofUser('ada')).toEqual([{ handle: 'a', createdAt: 1_700_000_000_123 }])
    expect(await backing.count()).toBe(1)
  })

  test('is served by its indexes', async () => {
    const { pool, table } = await open()
    await pool.query(`INSERT INTO ${table} SELECT 'handle-' || n, '{}', 'user-' || n / 3, n, now() + n * interval '1 minute', '1'
      FROM generate_series(1, 20000) AS n`)
    await pool.query(`ANALYZE ${table}`)
    for (const condition of [
      `handle = 'handle-5'`,
      `user_id = 'user-5' ORDER BY created_at, handle`,
      `expires_at <= now() ORDER BY expires_at LIMIT 1000`,
      `handle > 'handle-5' ORDER BY handle LIMIT 500`,
    ]) {
      const { rows } = await pool.query(`EXPLAIN SELECT handle FROM ${table} WHERE ${condition}`)
      expect(JSON.stringify(rows), condition).toMatch(/Index/)
    }
  })

  test.each(['', 'a.b.c', '.', 'a.', 'x'.repeat(49), 'a\0b', 5 as never])('refuses the table %j', (table) => {
    expect(() => postgresBacking({ query: () => Promise.reject(new Error()) }, { table })).toThrow(
      expect.objectContaining({ code: 'PLIMSOLL_INVALID_ARGUMENT', argument: 'table' }),
    )
  })
})
