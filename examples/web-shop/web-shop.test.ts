import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findPostgres } from '../../scripts/postgres.ts'
import { cleanup } from '../../test/support/cleanup.ts'
import { freePort } from '../../test/support/free-port.ts'
import { type PostgresServer, startPostgres } from '../../test/support/postgres-server.ts'
import { startRedisServer } from '../../test/support/redis-server.ts'
import { until } from '../../test/support/until.ts'
import { createDatabase } from './testing/database.ts'
import { type Framework, type RunningShop, startShop } from './testing/running-shop.ts'
import { Visitor } from './testing/visitor.ts'

const programs = await findPostgres()
const onCleanup = cleanup()
let postgres: PostgresServer

describe.skipIf('reason' in programs)('the shop', () => {
  beforeAll(async () => {
    postgres = await startPostgres()
  })

  afterAll(() => postgres?.stop())

  describe.each<Framework>(['express', 'fastify'])('on %s', testOn)
})

function testOn(framework: Framework): void {
  let database: string
  let redisUrl: string
  let shop: RunningShop

  beforeAll(async () => {
    database = await createDatabase(postgres, framework)
    // Nothing listens there: the shop opens without any Redis, and nearly all of these tests run without.
    redisUrl = `redis://127.0.0.1:${await freePort()}`
    shop = await startShop(framework, {
      DATABASE_URL: database,
      CACHE_REDIS_URL: redisUrl,
      SESSION_REDIS_URL: redisUrl,
      SESSION_IDLE_TIMEOUT: '1h',
    })
  })

  afterAll(async () => {
    expect(await shop?.stop()).toBe(0)
  })

  test('is alive and ready without any Redis, and says that it is degraded', async () => {
    expect((await fetch(`${shop.healthUrl}/healthz`)).status).toBe(200)
    const ready = await fetch(`${shop.healthUrl}/readyz`)
    expect(ready.status).toBe(200)
    expect(await ready.json()).toMatchObject({ status: 'degraded' })
  })

  test('sells without any Redis', async () => {
    const visitor = new Visitor(shop.url)
    expect((await visitor.logIn()).status).toBe(303)
    const formToken = await visitor.formToken()
    const added = await visitor.post('/cart', { formToken, product: 'compass', change: '2' })
    expect([added.status, added.headers.get('location')]).toEqual([303, '/cart'])
    const cartToken = /name="cartToken" value="([^"]+)"/.exec(await (await visitor.get('/cart')).text())?.[1] ?? ''
    const twice = [1, 2].map(() => visitor.post('/checkout', { formToken, cartToken }))
    expect((await Promise.all(twice)).map(({ status }) => status)).toEqual([303, 303])
    const orders = await (await visitor.get('/orders')).text()
    expect(orders.match(/<time/g)).toHaveLength(1)
    expect(orders).toContain('€153.00')
  })

  test('shows everybody without a cookie the same page, which is rendered once', async () => {
    const pages = [await new Visitor(shop.url).get('/'), await new Visitor(shop.url).get('/')]
    const [first, second] = await Promise.all(pages.map((page) => page.text()))
    expect(second).toBe(first)
    expect(first).toContain('All ports of the &lt;North Sea&gt;')
    expect(pages.map((page) => page.headers.get('set-cookie'))).toEqual([null, null])
    expect(pages[1]?.headers.get('age')).toMatch(/^\d+$/)
  })

  test('never caches the page of somebody who has logged in', async () => {
    const visitor = new Visitor(shop.url)
    await visitor.logIn('samuel', 'mark on the hull')
    const page = await visitor.get('/')
    expect(await page.text()).toContain('Logged in as samuel')
    expect(page.headers.get('cache-control')).toBe('private, no-store')
    expect(await (await new Visitor(shop.url).get('/')).text()).not.toContain('samuel')
  })

  test('takes no form from another site, or of another session', async () => {
    const [visitor, other] = [new Visitor(shop.url), new Visitor(shop.url)]
    expect(
      (await visitor.post('/login', { name: 'ada', password: 'anchor and rope' }, 'http://evil.example')).status,
    ).toBe(403)
    await Promise.all([visitor.logIn(), other.logIn('samuel', 'mark on the hull')])
    const formToken = await other.formToken()
    for (const path of ['/cart', '/checkout', '/logout', '/logout-everywhere']) {
      expect([path, (await visitor.post(path, { formToken, product: 'compass' })).status]).toEqual([path, 403])
    }
    expect(await (await visitor.get('/')).text()).toContain('Logged in as ada')
  })

  test('tells a wrong password from trouble, and what is not understood from what is broken', async () => {
    const visitor = new Visitor(shop.url)
    expect((await visitor.logIn('ada', 'wrong')).status).toBe(401)
    expect(visitor.cookie).toBeUndefined()
    await visitor.logIn()
    const formToken = await visitor.formToken()
    expect((await visitor.post('/cart', { formToken, product: 'compass', change: 'many' })).status).toBe(400)
    expect((await visitor.post('/cart', { formToken, product: 'unicorn', change: '1' })).status).toBe(404)
    expect((await visitor.post('/cart', { formToken, product: 'x'.repeat(5_000) })).status).toBe(413)
  })

  test('logs out of all browsers at once', async () => {
    const [visitor, elsewhere] = [new Visitor(shop.url), new Visitor(shop.url)]
    await visitor.logIn()
    await elsewhere.logIn()
    const ended = await visitor.post('/logout-everywhere', { formToken: await visitor.formToken() })
    expect([ended.status, visitor.cookie]).toEqual([303, undefined])
    expect((await elsewhere.get('/cart')).headers.get('location')).toBe('/login')
  })

  test('shows health and metrics to the inside only', async () => {
    const metrics = await (await fetch(`${shop.healthUrl}/metrics`)).text()
    expect(metrics).toMatch(/^plimsoll_loads_total\{.*namespace="product"/m)
    expect(await (await fetch(`${shop.healthUrl}/health`)).json()).toMatchObject({ cache: { mode: 'local-only' } })
    for (const path of ['/metrics', '/health', '/healthz']) expect((await fetch(`${shop.url}${path}`)).status).toBe(404)
  })

  test('shows its goods while PostgreSQL is away, and calls nobody logged out', async () => {
    const visitor = new Visitor(shop.url)
    await visitor.logIn()
    const { cookie } = visitor
    await postgres.kill()
    try {
      expect((await new Visitor(shop.url).get('/')).status).toBe(200)
      const list = await visitor.get('/')
      expect([list.status, await list.text()]).toEqual([200, expect.stringContaining('cannot be reached right now')])
      expect((await visitor.get('/cart')).status).toBe(503)
      expect(visitor.cookie).toBe(cookie)
    } finally {
      await postgres.start()
    }
    await until(async () => (await visitor.get('/cart')).status === 200, 'sessions can be read again')
  })

  test('keeps a session for as long as SESSION_IDLE_TIMEOUT says', async () => {
    await new Visitor(shop.url).logIn()
    const connection = new pg.Client({ connectionString: database })
    await connection.connect()
    onCleanup(() => connection.end())
    const ends = "expires_at between now() + interval '50 minutes' and now() + interval '1 hour'"
    const { rows } = await connection.query(
      `select bool_and(${ends}) as in_time from plimsoll_session where data is not null`,
    )
    expect(rows).toEqual([{ in_time: true }])
  })

  test('on Redis alone it shows its goods while Redis is away, and calls nobody logged out', async () => {
    const redis = await startRedisServer()
    onCleanup(() => redis.stop())
    const alone = await startShop(framework, {
      ...{ DATABASE_URL: database, CACHE_REDIS_URL: redisUrl, SESSION_REDIS_URL: redis.url, SESSIONS_IN: 'redis' },
    })
    onCleanup(() => alone.stop())
    const visitor = new Visitor(alone.url)
    await until(async () => (await visitor.logIn()).status === 303, 'sessions can be kept')
    const { cookie } = visitor
    await redis.kill()
    const list = await visitor.get('/')
    expect(list.status).toBe(200)
    expect(await list.text()).toContain('Your session cannot be reached right now')
    const cart = await visitor.get('/cart')
    expect([cart.status, cart.headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^\d+$/)])
    expect(visitor.cookie).toBe(cookie)
    expect((await new Visitor(alone.url).logIn()).status).toBe(503)
  })
}
