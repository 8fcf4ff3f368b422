import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SessionBacking } from '../../packages/core/src/session/backing.ts'
import type { SessionHome } from '../../packages/core/src/session/home.ts'
import { createSessions } from '../../packages/core/src/session/index.ts'
import { findPostgres } from '../../scripts/postgres.ts'
import { cleanup } from '../support/cleanup.ts'
import { type OpenBackedHome, openBackedHome, openTable } from '../support/open-backed-home.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { budget, sessionHomeConformance, sessionRecord } from '../support/session-home-conformance.ts'
import { until } from '../support/until.ts'

const after = cleanup()
const programs = await findPostgres()
const missing = 'reason' in programs ? ` (${programs.reason})` : ''
const minute = 60_000
const valueKey = (handle: string) => `sessions:{session:${handle}}:v`
let postgres: PostgresServer
let tables = 0

/** Two processes' homes of one table and one Redis, and a client to look into that Redis. */
async function open(settings?: Record<string, string>, wrap = (backing: SessionBacking) => backing) {
  const table = await openTable(postgres.url, `sessions_${++tables}`)
  after(() => table.close())
  const redis = await startRedisServer(settings)
  after(() => redis.stop())
  const client = new Redis(redis.url, { maxRetriesPerRequest: 0, retryStrategy: () => 20 })
  client.on('error', () => {})
  after(() => client.disconnect())
  const one = openBackedHome(wrap(table.backing), { redis: redis.url })
  after(() => one.close())
  const two = openBackedHome(table.backing, { redis: redis.url })
  after(() => two.close())
  await Promise.all([untilReady(one), untilReady(two)])
  const [home, other]: readonly [SessionHome, SessionHome] = [one.home, two.home]
  return { one, two, home, other, redis, client, backing: table.backing }
}

async function untilReady({ cache }: OpenBackedHome): Promise<void> {
  await until(() => cache?.health().redis.channel === 'connected', 'the cache hears its channel')
}

async function untilInStep(...homes: OpenBackedHome[]): Promise<void> {
  const inStep = ({ cache }: OpenBackedHome): boolean => {
    const { redis } = cache?.health() ?? {}
    return redis?.channel === 'connected' && redis.pendingInvalidations === 0
  }
  await until(() => homes.every(inStep), 'Redis is trusted again')
}

const troubles: [
  string,
  (redis: RedisServer, client: Redis) => Promise<unknown>,
  (redis: RedisServer, client: Redis) => Promise<unknown>,
][] = [
  ['killed, and back empty', (redis) => redis.kill(), (redis) => redis.start()],
  ['frozen', (redis) => redis.freeze(), (redis) => redis.thaw()],
  [
    'full',
    (_, client) => client.config('SET', 'maxmemory', '1'),
    (_, client) => client.config('SET', 'maxmemory', '0'),
  ],
  ['read-only', (_, client) => client.replicaof('127.0.0.1', '1'), (_, client) => client.replicaof('NO', 'ONE')],
]

describe.skipIf(missing)(`sessions in PostgreSQL${missing}`, () => {
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres.stop())

  sessionHomeConformance('with Redis as their cache', async () => {
    const { home, other } = await open()
    return [home, other]
  })

  sessionHomeConformance('without Redis', async () => {
    const table = await openTable(postgres.url, `sessions_${++tables}`)
    after(() => table.close())
    const homes = [openBackedHome(table.backing), openBackedHome(table.backing)] as const
    after(() => Promise.all(homes.map((each) => each.close())))
    return [homes[0].home, homes[1].home]
  })

  sessionHomeConformance('with a Redis that is not there', async () => {
    const table = await openTable(postgres.url, `sessions_${++tables}`)
    after(() => table.close())
    const options = { redis: 'redis://127.0.0.1:1' }
    const homes = [openBackedHome(table.backing, options), openBackedHome(table.backing, options)] as const
    after(() => Promise.all(homes.map((each) => each.close())))
    return [homes[0].home, homes[1].home]
  })

  test('Redis holds what was stored or read, for 5 minutes at most, and nothing of what is not there', async () => {
    const { home, other, client, backing } = await open()
    await home.create('a', sessionRecord('1'), 60 * minute, budget())
    await backing.save('b', { ...sessionRecord('1'), expiresAt: Date.now() + minute }, undefined)
    expect(await other.load('b', budget())).toMatchObject({ revision: '1' })
    expect(await other.load('c', budget())).toBeUndefined()
    await until(async () => (await client.dbsize()) === 2, 'the load is stored')
    expect(await client.pttl(valueKey('a'))).toBeLessThanOrEqual(5 * minute)
    expect(await client.pttl(valueKey('b'))).toBeLessThanOrEqual(minute)
    await backing.delete('a')
    expect(await home.load('a', budget())).toMatchObject({ revision: '1' })
  })

  test('bytes in Redis that are no session are read anew', async () => {
    const { home, other, client } = await open()
    for (const [index, bytes] of ['', 'x', '{"json":"{}"}', 'PL\x02'].entries()) {
      const handle = `handle-${index}`
      await home.create(handle, sessionRecord('1'), minute, budget())
      await client.set(valueKey(handle), bytes)
      expect(await other.load(handle, budget())).toMatchObject({ revision: '1' })
    }
    await home.create('list', sessionRecord('1'), minute, budget())
    await client.del(valueKey('list'))
    await client.rpush(valueKey('list'), 'a')
    expect(await other.load('list', budget())).toMatchObject({ revision: '1' })
  })

  test.each(['destroyed', 'replaced'])(
    'a slow reader does not put back a session that is %s meanwhile',
    async (what) => {
      let release = (): void => {}
      let held: Promise<void> | undefined
      let asked = 0
      const slow = (backing: SessionBacking): SessionBacking => ({
        load: async (handle) => {
          const session = await backing.load(handle)
          asked += 1
          await held
          return session
        },
        save: (...args) => backing.save(...args),
        delete: (handle) => backing.delete(handle),
      })
      const { home, other, client } = await open({}, slow)
      await other.create('a', sessionRecord('1'), minute, budget())
      await client.del(valueKey('a'))
      held = new Promise((resolve) => {
        release = resolve
      })
      const loading = home.load('a', budget())
      await until(() => asked === 1, 'the reader has the older session in hand')
      if (what === 'destroyed') await other.destroy('a', undefined, budget())
      else await other.replace('a', sessionRecord('2'), minute, '1', budget())
      release()
      await loading
      held = undefined
      const expected = what === 'destroyed' ? undefined : '2'
      for (const each of [home, other]) expect((await each.load('a', budget()))?.revision).toBe(expected)
      expect(await client.exists(valueKey('a'))).toBe(what === 'destroyed' ? 0 : 1)
    },
  )

  test.each(troubles)('everything goes on while Redis is %s, and nobody is logged out', async (_, trouble, restore) => {
    const { one, two, home, other, redis, client } = await open()
    for (const handle of ['kept', 'changed', 'touched', 'ended']) {
      await home.create(handle, sessionRecord('1', 'ada'), minute, budget())
      await other.load(handle, budget())
    }
    await trouble(redis, client)
    expect(await home.replace('changed', sessionRecord('2', 'ada'), minute, '1', budget())).toEqual({ kind: 'stored' })
    expect(await home.touch('touched', sessionRecord('1'), 2 * minute, budget())).toBe(true)
    await home.destroy('ended', 'ada', budget())
    expect(await home.create('new', sessionRecord('1', 'bob'), minute, budget())).toBe(true)
    const look = async (at: SessionHome) => ({
      kept: (await at.load('kept', budget()))?.revision,
      changed: (await at.load('changed', budget()))?.revision,
      ended: (await at.load('ended', budget()))?.revision,
      new: (await at.load('new', budget()))?.revision,
      isTouched: Number((await at.load('touched', budget()))?.ttl) > minute,
    })
    const expected = { kept: '1', changed: '2', ended: undefined, new: '1', isTouched: true }
    expect(await look(home)).toEqual(expected)
    await restore(redis, client)
    expect(await look(home)).toEqual(expected)
    await untilInStep(one, two)
    expect(await look(home)).toEqual(expected)
    expect(await look(other)).toEqual(expected)
    expect(await other.destroyUser('ada', undefined, budget())).toBe(3)
    expect(await home.load('kept', budget())).toBeUndefined()
  })

  test('a Redis that comes back with older data brings back no older session and none that was destroyed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'redis-'))
    after(() => rm(folder, { recursive: true }))
    const { one, two, home, other, redis, client } = await open({ dir: folder })
    for (const handle of ['kept', 'changed', 'ended']) await home.create(handle, sessionRecord('1'), minute, budget())
    await client.save()
    await home.replace('changed', sessionRecord('2'), minute, '1', budget())
    await home.destroy('ended', undefined, budget())
    await redis.kill()
    await redis.start()
    await until(async () => (await client.dbsize().catch(() => 0)) === 3, 'Redis is back with what it had saved')
    await untilInStep(one, two)
    for (const each of [other, home]) {
      expect(await each.load('kept', budget())).toMatchObject({ revision: '1' })
      expect(await each.load('changed', budget())).toMatchObject({ revision: '2' })
      expect(await each.load('ended', budget())).toBeUndefined()
    }
    // And once read anew they come from Redis again.
    const before = one.cache?.health().namespaces['session']?.redisHits ?? 0
    await until(async () => {
      await home.load('changed', budget())
      return (one.cache?.health().namespaces['session']?.redisHits ?? 0) > before + 1
    }, 'the session is a hit in Redis')
  })

  test('a new id brings no session back that has ended elsewhere, unless it is a login', async () => {
    const { redis, backing } = await open()
    const [first, second] = [0, 1].map(() => createSessions({ name: 'shop', redis: redis.url, backing }))
    if (first === undefined || second === undefined) throw new Error('there are two')
    after(() => Promise.all([first.close(), second.close()]))
    const held = await first.save('a', { cart: 1 }, { user: 'ada' })
    expect(await second.logoutEverywhere('ada')).toBe(1)
    await expect(first.regenerate('a', 'b', held.data, { from: held })).rejects.toMatchObject({
      code: 'PLIMSOLL_SESSION_GONE',
    })
    await until(async () => (await second.load('b')) === undefined, 'the new one is gone too')
    const again = await first.regenerate('a', 'c', {}, { from: held, user: 'ada' })
    await first.regenerate('c', 'd', {}, { from: again })
    expect(await second.load('d')).toMatchObject({ user: 'ada' })
    expect(await second.ofUser('ada')).toHaveLength(1)
  })

  test('a login too many leaves the session that its visitor had', async () => {
    const { redis, backing } = await open()
    const limit = { maxSessionsPerUser: 1, whenTooMany: 'refuse' } as const
    const sessions = createSessions({ name: 'shop', redis: redis.url, backing, ...limit })
    after(() => sessions.close())
    await sessions.save('a', {}, { user: 'ada' })
    const held = await sessions.save('b', { cart: 1 })
    await expect(sessions.save('b', { cart: 1 }, { from: held, user: 'ada' })).rejects.toMatchObject({
      code: 'PLIMSOLL_TOO_MANY_SESSIONS',
    })
    expect(await sessions.load('b')).toMatchObject({ data: { cart: 1 }, user: undefined })
  })

  test('while PostgreSQL is away what Redis has is served, and all else is 503; then all is as it was', async () => {
    const own = await startPostgres()
    after(() => own.stop())
    const table = await openTable(own.url, 'sessions')
    after(() => table.close())
    const redis = await startRedisServer()
    after(() => redis.stop())
    const opened = openBackedHome(table.backing, { redis: redis.url })
    after(() => opened.close())
    const { home } = opened
    await untilReady(opened)
    await home.create('cached', sessionRecord('1', 'ada'), minute, budget())
    await table.backing.save('other', { ...sessionRecord('1'), expiresAt: Date.now() + minute }, undefined)
    await own.kill()
    const unavailable = { code: 'PLIMSOLL_SESSIONS_UNAVAILABLE', reason: 'unreachable', statusCode: 503 }
    expect(await home.load('cached', budget())).toMatchObject({ revision: '1' })
    await expect(home.load('other', budget())).rejects.toMatchObject(unavailable)
    await expect(home.create('new', sessionRecord('1'), minute, budget())).rejects.toMatchObject(unavailable)
    await expect(home.replace('cached', sessionRecord('2'), minute, '1', budget())).rejects.toMatchObject(unavailable)
    await expect(home.destroy('cached', undefined, budget())).rejects.toMatchObject(unavailable)
    // What was to be destroyed is not served any more, though nobody has acknowledged it.
    await expect(home.load('cached', budget())).rejects.toMatchObject(unavailable)
    await own.start()
    await until(
      () =>
        home.load('cached', budget()).then(
          () => true,
          () => false,
        ),
      'the breaker of the backing is closed',
    )
    expect(await home.load('cached', budget())).toMatchObject({ revision: '1' })
    expect(await home.load('other', budget())).toMatchObject({ revision: '1' })
    expect(await home.replace('cached', sessionRecord('2'), minute, '1', budget())).toEqual({ kind: 'stored' })
    await home.destroy('cached', undefined, budget())
    expect(await home.load('cached', budget())).toBeUndefined()
  })
})
