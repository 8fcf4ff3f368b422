import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import { type SessionService, type SessionServiceOptions, startSessionService } from './session-service.ts'
import { type Answer, Visitor } from './session-visitor.ts'
import { until } from './until.ts'

export interface ForgedCookies {
  readonly cookies: readonly (readonly [name: string, cookie: string])[]
  /** What the framework may do to them. */
  readonly outcomes: readonly Answer['cookie'][]
}

/** What every adapter has to keep while Redis is well; `worker` is the session service on its framework. */
export function sessionAdapterConformance(
  worker: URL,
  options: Pick<SessionServiceOptions, 'express'>,
  forged: ForgedCookies,
): void {
  let redis: RedisServer
  let service: SessionService
  let operator: Redis
  let url: string

  beforeAll(async () => {
    redis = await startRedisServer()
    operator = new Redis(redis.url)
    service = await start()
    url = service.processes[0].url
  })

  afterAll(async () => {
    operator.disconnect()
    await service.stop()
    await redis.stop()
  })

  async function start(more: Partial<SessionServiceOptions> = {}): Promise<SessionService> {
    // Deadlines are shown in test/incidents, where a machine does nothing else.
    const started = await startSessionService(worker, { redis: redis.url, commandTimeout: 5_000, ...options, ...more })
    const first = new Visitor(started.processes[0].url)
    await until(async () => (await first.ask('POST', '/login', { user: 'first' })).status === 200, 'a login works')
    return started
  }

  async function loggedIn(user: string): Promise<Visitor> {
    const visitor = new Visitor(url)
    await visitor.ask('POST', '/login', { user })
    return visitor
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
    const late = visitor.at(url)
    const slow = await askSlowly(service, late, { item: 'tea' })
    expect(await visitor.ask('POST', '/logout')).toMatchObject({ status: 200, cookie: 'cleared' })

    expect(await slow.release()).toMatchObject({ status: 202, cookie: 'untouched' })
    expect((await late.ask('GET', '/account')).status).toBe(401)
  })

  test('two requests that change different things both keep them, where merging was asked for', async () => {
    const merging = await start({ merge: true })
    try {
      const visitor = new Visitor(merging.processes[0].url)
      await visitor.ask('POST', '/login', { user: 'ann' })
      const wishes = await askSlowly(merging, visitor.at(merging.processes[0].url), { item: 'tea', field: 'wishes' })
      await visitor.ask('POST', '/cart', { item: 'coffee' })
      expect((await wishes.release()).body).toEqual({ wishes: ['tea'] })

      expect((await visitor.ask('GET', '/account')).body).toEqual({ user: 'ann', cart: ['coffee'] })
      const more = await askSlowly(merging, visitor, { item: 'jam', field: 'wishes' })
      expect((await more.release()).body).toEqual({ wishes: ['tea', 'jam'] })
    } finally {
      await merging.stop()
    }
  })

  test('logout everywhere ends the sessions of all browsers', async () => {
    const [phone, laptop] = [await loggedIn('eve'), await loggedIn('eve')]

    expect(await phone.ask('POST', '/logout-everywhere')).toMatchObject({
      status: 200,
      body: { ended: 2 },
      cookie: 'cleared',
    })
    expect((await laptop.ask('GET', '/account')).status).toBe(401)
  })

  test.each(forged.cookies)('a cookie that is forged (%s) is no session and no error', async (_name, cookie) => {
    const visitor = new Visitor(url, cookie)

    const shown = await visitor.ask('GET', '/public')
    expect(shown.status).toBe(200)
    expect(forged.outcomes).toContain(shown.cookie)
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
    const found = async () => (await service.processes[0].statistics()).sessions.found
    const before = await found()
    expect(await visitor.ask('GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect(await visitor.ask('GET', '/readyz')).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect((await visitor.ask('GET', '/health')).body).toHaveProperty('sessions')
    expect((await visitor.ask('GET', '/metrics')).status).toBe(200)
    expect(await found()).toBe(before)
  })
}

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
