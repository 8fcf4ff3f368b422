import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { type SessionService, type SessionServiceOptions, startSessionService } from '../support/session-service.ts'
import { Visitor } from '../support/session-visitor.ts'
import { until } from '../support/until.ts'

const worker = new URL('../support/session-service.fastify.ts', import.meta.url)
// Deadlines are shown in test/incidents, where a machine does nothing else.
const start = (options: SessionServiceOptions): Promise<SessionService> =>
  startSessionService(worker, { commandTimeout: 5_000, ...options })

describe('with Redis well', () => {
  let redis: RedisServer
  let service: SessionService
  let operator: Redis
  let url: string

  beforeAll(async () => {
    redis = await startRedisServer()
    operator = new Redis(redis.url)
    service = await start({ redis: redis.url, merge: true })
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

  async function loggedIn(user: string): Promise<Visitor> {
    const visitor = new Visitor(url)
    await visitor.ask('POST', '/login', { user })
    return visitor
  }

  /** Resolves once the slow request holds its session. */
  function untilWaiting(token: string): Promise<void> {
    return until(async () => (await new Visitor(url).ask('GET', `/waiting/${token}`)).status === 200, `${token} waits`)
  }

  async function release(token: string): Promise<void> {
    expect((await new Visitor(url).ask('GET', `/release/${token}`)).status).toBe(200)
  }

  test('20 page views of a logged-in user are at most one write', async () => {
    const visitor = await loggedIn('ann')
    const before = await keyWrites(operator)
    for (let view = 0; view < 20; view++) expect((await visitor.ask('GET', '/account')).status).toBe(200)

    expect((await keyWrites(operator)) - before).toBeLessThanOrEqual(1)
  })

  test('a visitor who needs no session costs Redis nothing and gets no cookie', async () => {
    const visitor = new Visitor(url)
    const asked = async (): Promise<number> => {
      const { found, absent, created } = (await service.processes[0].statistics()).sessions
      return found + absent + created
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
    expect(await visitor.ask('POST', '/login', { user: 'ann' })).toMatchObject({ cookie: 'set' })

    expect(visitor.cookie).not.toBe(old.cookie)
    expect((await old.ask('GET', '/account')).status).toBe(401)
    expect((await visitor.ask('GET', '/account')).status).toBe(200)
  })

  test('a logout stays, although a request that changes the session was under way', async () => {
    const visitor = await loggedIn('ann')
    const slow = visitor.at(url).ask('POST', '/slow-cart', { item: 'tea', token: 'late' })
    await untilWaiting('late')
    const { cookie } = visitor
    expect(await visitor.ask('POST', '/logout')).toMatchObject({ status: 200, cookie: 'cleared' })
    await release('late')

    expect(await slow).toMatchObject({ status: 202, cookie: 'untouched' })
    expect((await new Visitor(url, cookie).ask('GET', '/account')).status).toBe(401)
  })

  test('two requests that change different things at once both keep what they changed', async () => {
    const visitor = await loggedIn('ann')
    const slow = visitor.at(url).ask('POST', '/slow-cart', { item: 'slow', field: 'wishes', token: 'merged' })
    await untilWaiting('merged')
    await visitor.ask('POST', '/cart', { item: 'fast' })
    await release('merged')
    expect((await slow).body).toEqual({ wishes: ['slow'] })

    expect((await visitor.ask('GET', '/account')).body).toMatchObject({ cart: ['fast'] })
    const again = visitor.at(url).ask('POST', '/slow-cart', { item: 'more', field: 'wishes', token: 'seen' })
    await untilWaiting('seen')
    await release('seen')
    expect((await again).body).toEqual({ wishes: ['slow', 'more'] })
  })

  test('logout everywhere ends the sessions of all browsers', async () => {
    const [phone, laptop] = [await loggedIn('eve'), await loggedIn('eve')]

    expect(await phone.ask('POST', '/logout-everywhere')).toMatchObject({
      ...{ status: 200, cookie: 'cleared' },
      body: { ended: 2 },
    })
    expect((await laptop.ask('GET', '/account')).status).toBe(401)
  })

  test.each([
    ['nonsense', 'sid=%%%'],
    ['an id without a signature', 'sid=abc'],
    ['a wrong signature', 'sid=abc.def'],
    ['a very long one', `sid=${'a'.repeat(4_000)}.x`],
    ['an empty one', 'sid='],
    ['a hundred of them', Array.from({ length: 100 }, (_, index) => `sid=${index}.x`).join('; ')],
    ['names of prototypes', '__proto__=a.b; constructor=a.b; sid=__proto__.b'],
    ['quotes and spaces', 'sid="a b.c"; ;;=;sid'],
  ])('a cookie that is forged (%s) is no session and no error', async (_name, cookie) => {
    const visitor = new Visitor(url, cookie)

    expect((await visitor.ask('GET', '/public')).status).toBe(200)
    expect((await visitor.ask('GET', '/account')).status).toBe(401)
  })

  test('what a session-reading handler answers is never kept, and what a public one answers is', async () => {
    const ann = await loggedIn('ann')
    expect((await ann.ask('GET', '/cached-personal')).body).toMatchObject({ user: 'ann' })
    expect((await new Visitor(url).ask('GET', '/cached-personal')).body).not.toHaveProperty('user')

    const first = await ann.ask('GET', '/cached')
    expect(await new Visitor(url).ask('GET', '/cached')).toMatchObject({ body: first.body, cookie: 'untouched' })
  })

  test('health is told without a session', async () => {
    const visitor = await loggedIn('ann')
    const found = await sessionsFound(service)
    expect(await visitor.ask('GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect(await visitor.ask('GET', '/readyz')).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect((await visitor.ask('GET', '/health')).body).toHaveProperty('sessions')
    expect((await visitor.ask('GET', '/metrics')).status).toBe(200)
    expect(await sessionsFound(service)).toBe(found)
  })
})

async function sessionsFound(service: SessionService): Promise<number> {
  return (await service.processes[0].statistics()).sessions.found
}

/** How often Redis was told to write a key, by itself or by a script. */
async function keyWrites(operator: Redis): Promise<number> {
  const stats = await operator.info('commandstats')
  return ['set', 'pexpire', 'expire', 'hset', 'zadd', 'del', 'unlink'].reduce(
    (sum, command) => sum + Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0),
    0,
  )
}
