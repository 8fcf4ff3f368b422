import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSessions } from '../../packages/core/src/session/index.ts'
import { PlimsollSessionStore as ExpressStore } from '../../packages/express-adapter/src/index.ts'
import { PlimsollSessionStore as FastifyStore } from '../../packages/fastify-adapter/src/index.ts'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts'
import { type SessionService, startSessionService } from '../support/session-service.ts'
import { Visitor } from '../support/session-visitor.ts'
import { until } from '../support/until.ts'

let cluster: RedisCluster

beforeAll(async () => {
  cluster = await startRedisCluster()
})

afterAll(async () => {
  await cluster.stop()
})

// A session and its user's index are in different slots, and so are two sessions of one user.
describe.each(['express', 'fastify'])('two processes on %s', (framework) => {
  let service: SessionService

  beforeAll(async () => {
    const worker = new URL(`../support/session-service.${framework}.ts`, import.meta.url)
    // What is shown here is no deadline: those have tests of their own, on a machine that does nothing else.
    const options = { redis: { cluster: cluster.urls }, maxSessionsPerUser: 3, commandTimeout: 5_000 }
    service = await startSessionService(worker, options, 2)
    for (const { url } of service.processes) {
      const login = async () => (await new Visitor(url).ask('POST', '/login', { user: 'first' })).status === 200
      await until(login, 'a login works')
    }
    // Until a process has looked at every node, a session that is not there may be one that was lost.
    for (const process of service.processes) {
      const looked = async () => Object.keys((await process.health()).targets['main']?.nodes ?? {}).length === 3
      await until(looked, 'every node was looked at')
    }
  })

  afterAll(async () => {
    await service.stop()
  })

  const urlOf = (index: number) => service.processes[index % 2]?.url ?? ''

  test('a login, a cart and a logout count for both', async () => {
    const visitor = new Visitor(urlOf(0))
    await visitor.ask('POST', '/login', { user: 'anna' })
    await visitor.at(urlOf(1)).ask('POST', '/cart', { item: 'anchor' })
    const other = visitor.at(urlOf(1))
    expect((await other.ask('GET', '/account')).body).toMatchObject({ user: 'anna', cart: ['anchor'] })
    expect((await visitor.ask('POST', '/logout')).status).toBe(200)
    expect((await other.ask('GET', '/account')).status).toBe(401)
  })

  test('fifty logins of one user at once leave three sessions', async () => {
    const visitors = Array.from({ length: 50 }, (_, index) => new Visitor(urlOf(index)))
    await Promise.all(visitors.map((visitor) => visitor.ask('POST', '/login', { user: 'bert' })))
    const statuses = await Promise.all(visitors.map(async (visitor) => (await visitor.ask('GET', '/account')).status))
    const living = statuses.filter((status) => status === 200)
    expect(living.length).toBeGreaterThan(0)
    expect(living.length).toBeLessThanOrEqual(3)
    expect(new Set(statuses)).toEqual(new Set([200, 401]))
  })

  test('logging out everywhere counts in both at once', async () => {
    const devices = [0, 1, 2].map((index) => new Visitor(urlOf(index)))
    for (const device of devices) await device.ask('POST', '/login', { user: 'cleo' })
    expect((await devices[0]?.ask('POST', '/logout-everywhere'))?.body).toMatchObject({ ended: 3 })
    for (const device of devices) expect((await device.at(urlOf(1)).ask('GET', '/account')).status).toBe(401)
  })
})

test('all, length and clear of the store see the sessions of every node', async () => {
  const sessions = createSessions({ name: 'bulk', redis: { cluster: cluster.urls }, commandTimeout: 5_000 })
  try {
    await until(() => sessions.health().redis.status === 'ready', 'connected')
    const onExpress = new ExpressStore(sessions)
    const onFastify = new FastifyStore(sessions)
    const cookie = { originalMaxAge: 60_000, expires: new Date(Date.now() + 60_000), path: '/', httpOnly: true }
    for (let index = 0; index < 40; index++)
      await onExpress.set(`express-${index}`, { cookie, user: `${index}` } as never)
    for (let index = 0; index < 40; index++)
      await onFastify.set(`fastify-${index}`, { cookie, user: `${index}` } as never)
    expect(await onExpress.length()).toBe(80)
    expect(Object.keys((await onExpress.all()) ?? {})).toHaveLength(80)
    await onExpress.clear()
    expect(await onExpress.length()).toBe(0)
  } finally {
    await sessions.close()
  }
})
