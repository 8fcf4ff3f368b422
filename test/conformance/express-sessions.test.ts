import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { type SessionService, type SessionServiceOptions, startSessionService } from '../support/session-service.ts'
import { type Answer, Visitor } from '../support/session-visitor.ts'
import { until } from '../support/until.ts'

const worker = new URL('../support/session-service.express.ts', import.meta.url)
const versions = [5, 4] as const
// Deadlines are shown in test/incidents, where a machine does nothing else.
const start = (options: SessionServiceOptions): Promise<SessionService> =>
  startSessionService(worker, { commandTimeout: 5_000, ...options })

describe.each(versions)('on Express %i', (express) => {
  test('two requests that change different things both keep them, where merging was asked for', async () => {
    const redis = await startRedisServer()
    const service = await start({ redis: redis.url, express, merge: true })
    try {
      const visitor = new Visitor(service.processes[0].url)
      await until(async () => (await visitor.ask('POST', '/login', { user: 'ann' })).status === 200, 'a login works')
      const wishes = await askSlowly(service, visitor.at(service.processes[0].url), { item: 'tea', field: 'wishes' })
      await visitor.ask('POST', '/cart', { item: 'coffee' })
      await wishes.release()

      expect((await visitor.ask('GET', '/account')).body).toEqual({ user: 'ann', cart: ['coffee'] })
      const more = await askSlowly(service, visitor, { item: 'jam', field: 'wishes' })
      expect((await more.release()).body).toEqual({ wishes: ['tea', 'jam'] })
    } finally {
      await service.stop()
      await redis.stop()
    }
  })

  describe('with Redis well', () => {
    let redis: RedisServer
    let service: SessionService
    let operator: Redis
    let url: string

    beforeAll(async () => {
      redis = await startRedisServer()
      operator = new Redis(redis.url)
      service = await start({ redis: redis.url, express })
      url = service.processes[0].url
      await until(
        async () => (await new Visitor(url).ask('POST', '/login', { user: 'first' })).status === 200,
        'a login works',
      )
    })

    afterAll(async () => {
      operator.disconnect()
      await service.stop()
      await redis.stop()
    })

    test('20 page views of a logged-in user are at most one write', async () => {
      const visitor = new Visitor(url)
      await visitor.ask('POST', '/login', { user: 'ann' })
      const before = await keyWrites(operator)
      for (let view = 0; view < 20; view++) {
        expect((await visitor.ask('GET', '/account')).status).toBe(200)
      }

      expect((await keyWrites(operator)) - before).toBeLessThanOrEqual(1)
    })

    test('a visitor who needs no session costs Redis nothing and gets no cookie', async () => {
      const visitor = new Visitor(url)
      const { processes } = service
      const asked = async () => {
        const { found, absent } = (await processes[0].statistics()).sessions
        return found + absent
      }
      const before = await asked()
      for (let view = 0; view < 5; view++) await visitor.ask('GET', '/public')

      expect(visitor.cookie).toBeUndefined()
      expect(await asked()).toBe(before)
    })

    test('a redirect never overtakes its save', async () => {
      for (let round = 0; round < 20; round++) {
        const visitor = new Visitor(url)
        const redirected = await visitor.ask('POST', '/login-redirect', { user: `user ${round}` })
        expect(redirected).toMatchObject({ status: 303, location: '/account', cookie: 'set' })
        expect(await visitor.ask('GET', '/account')).toMatchObject({ status: 200, body: { user: `user ${round}` } })
      }
    })

    test('a login leaves no old id', async () => {
      const visitor = new Visitor(url)
      await visitor.ask('POST', '/login-implicit', { user: 'ann' })
      const old = visitor.at(url)
      await visitor.ask('POST', '/login', { user: 'ann' })

      expect(visitor.cookie).not.toBe(old.cookie)
      expect((await old.ask('GET', '/account')).status).toBe(401)
      expect((await visitor.ask('GET', '/account')).status).toBe(200)
    })

    test('a logout stays, whatever request was under way', async () => {
      const visitor = new Visitor(url)
      await visitor.ask('POST', '/login', { user: 'ann' })
      const late = visitor.at(url)
      const slow = await askSlowly(service, late, { item: 'tea' })
      expect((await visitor.ask('POST', '/logout')).cookie).toBe('cleared')

      expect(await slow.release()).toMatchObject({ status: 202, cookie: 'untouched' })
      expect((await late.ask('GET', '/account')).status).toBe(401)
    })

    test('logout everywhere ends the sessions of all browsers', async () => {
      const phone = new Visitor(url)
      const laptop = new Visitor(url)
      await phone.ask('POST', '/login', { user: 'eve' })
      await laptop.ask('POST', '/login', { user: 'eve' })

      expect(await phone.ask('POST', '/logout-everywhere')).toMatchObject({
        status: 200,
        body: { ended: 2 },
        cookie: 'cleared',
      })
      expect((await laptop.ask('GET', '/account')).status).toBe(401)
    })

    test.each([
      ['nonsense', 'sid=%%%'],
      ['an id without a signature', 'sid=abc'],
      ['a wrong signature', 'sid=s%3Aabc.def'],
      ['a very long one', `sid=s%3A${'a'.repeat(4_000)}.x`],
      ['an empty one', 'sid='],
      ['a hundred of them', Array.from({ length: 100 }, (_, index) => `sid=s%3A${index}.x`).join('; ')],
      ['names of prototypes', '__proto__=s%3Aa.b; constructor=s%3Aa.b; sid=s%3A__proto__.b'],
      ['quotes and spaces', 'sid="s:a b.c"; ;;=;sid'],
    ])('a cookie that is forged (%s) is no session and no error', async (_name, cookie) => {
      const visitor = new Visitor(url, cookie)

      expect(await visitor.ask('GET', '/public')).toMatchObject({ status: 200, cookie: 'untouched' })
      expect((await visitor.ask('GET', '/account')).status).toBe(401)
    })

    test('what a session-reading handler answers is never kept, and what a public one answers is', async () => {
      const ann = new Visitor(url)
      await ann.ask('POST', '/login', { user: 'ann' })
      expect((await ann.ask('GET', '/cached-personal')).body).toMatchObject({ user: 'ann' })
      expect((await new Visitor(url).ask('GET', '/cached-personal')).body).not.toHaveProperty('user')

      const first = await ann.ask('GET', '/cached')
      expect((await new Visitor(url).ask('GET', '/cached')).body).toEqual(first.body)
    })

    test('health is told without a session', async () => {
      const visitor = new Visitor(url)
      expect(await visitor.ask('GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } })
      expect(await visitor.ask('GET', '/readyz')).toMatchObject({ status: 200, body: { status: 'ok' } })
      expect((await visitor.ask('GET', '/health')).body).toHaveProperty('sessions')
      expect((await visitor.ask('GET', '/metrics')).status).toBe(200)
    })
  })
})

interface SlowRequest {
  release(): Promise<Answer>
}

/** A request that has loaded its session, and does not answer until it is released. */
async function askSlowly({ processes: [first] }: SessionService, visitor: Visitor, body: object): Promise<SlowRequest> {
  const token = randomUUID()
  const found = async () => (await first.statistics()).sessions.found
  const before = await found()
  const answer = visitor.ask('POST', '/slow-cart', { ...body, token })
  await until(async () => (await found()) > before, 'the slow request has loaded its session')
  return {
    release: async () => {
      const releases = new Visitor(first.url)
      await until(async () => (await releases.ask('GET', `/release/${token}`)).status === 200, 'the slow request waits')
      return answer
    },
  }
}

/** How often Redis was told to write a key, by itself or by a script. */
async function keyWrites(operator: Redis): Promise<number> {
  const stats = await operator.info('commandstats')
  return ['set', 'pexpire', 'expire', 'hset', 'zadd', 'del', 'unlink'].reduce(
    (sum, command) => sum + Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0),
    0,
  )
}
