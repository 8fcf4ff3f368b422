import { Agent, request as httpRequest } from 'node:http'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { startFleet } from '../support/fleet.ts'
import type { PageCall } from '../support/page-service.worker.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
const worker = new URL('../support/page-service.worker.ts', import.meta.url)

interface Page {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

interface Pages {
  readonly redis: RedisServer
  get(process: number, path: string, headers?: Record<string, string>, method?: string): Promise<Page>
  /** So many requests to each process, all at once. */
  rush(path: string, each: number): Promise<Page[]>
  renders(): Promise<number>
  tell(call: PageCall): Promise<unknown>
}

async function open(processes: number): Promise<Pages> {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const fleet = await startFleet(worker, processes, [redis.url])
  afterwards(() => fleet.stop())
  const ports = await fleet.request<number>('port' satisfies PageCall)
  const agent = new Agent({ keepAlive: true, maxSockets: 250 })
  afterwards(() => agent.destroy())
  const get: Pages['get'] = (index, path, headers = {}, method = 'GET') =>
    new Promise((resolve, reject) => {
      // Far above the deadline of a command and far below any other that there is.
      const signal = AbortSignal.timeout(5_000)
      const sent = httpRequest({ port: ports[index], path, headers, method, agent, signal }, (response) => {
        let body = ''
        response.on('data', (chunk: Buffer) => {
          body += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
        response.on('error', reject)
      })
      sent.on('error', reject)
      sent.end()
    })
  return {
    redis,
    get,
    rush: (path, each) =>
      Promise.all(ports.flatMap((_, index) => Array.from({ length: each }, () => get(index, path)))),
    renders: async () => (await fleet.request<number>('renders' satisfies PageCall)).reduce((sum, one) => sum + one, 0),
    tell: (call) => fleet.request(call),
  }
}

const onlyIfCached = { 'cache-control': 'only-if-cached, max-age=1' }

async function untilStale({ get }: Pages, path: string): Promise<void> {
  await until(async () => (await get(0, path, onlyIfCached)).status === 504, `${path} is stale`)
}

test('1,000 requests for one expired page, over 4 processes, render it once', async () => {
  const pages = await open(4)
  const first = await pages.rush('/brief', 1)
  expect(new Set(first.map(({ body }) => body)).size).toBe(1)
  await untilStale(pages, '/brief')
  const before = await pages.renders()

  const rush = await pages.rush('/brief', 250)
  expect(await pages.renders()).toBe(before + 1)
  expect(new Set(rush.map(({ body }) => body)).size).toBe(1)
  expect(rush[0]?.body).not.toBe(first[0]?.body)
})

test('of 1,000 requests for a stale page one renders it and the others get it stale', async () => {
  const pages = await open(4)
  const [first] = await pages.rush('/stale', 1)
  await untilStale(pages, '/stale')
  const before = await pages.renders()

  const rush = await pages.rush('/stale', 250)
  expect(await pages.renders()).toBe(before + 1)
  expect(rush.filter(({ body }) => body === first?.body).length).toBeGreaterThan(500)
})

test('a reply for one client alone is given to nobody else, however many wait for it', async () => {
  const pages = await open(4)
  const rush = await pages.rush('/private', 50)
  expect(new Set(rush.map(({ body }) => body)).size).toBe(200)
})

test('a stored page is served by every process, and invalidated in all by a POST to one', async () => {
  const pages = await open(2)
  const [first] = await pages.rush('/long', 1)
  expect(await pages.get(1, '/long')).toMatchObject({
    body: first?.body,
    headers: { 'cache-status': expect.stringContaining('hit') },
  })
  await pages.get(0, '/long', {}, 'POST')
  await until(async () => (await pages.get(1, '/long')).body !== first?.body, 'the other process renders anew')
  const again = await pages.get(1, '/long')
  expect((await pages.get(0, '/long')).body).toBe(again.body)
})

test('as many variants are stored as are allowed, over all processes', async () => {
  const pages = await open(2)
  for (let language = 0; language < 12; language++) {
    await pages.get(language % 2, '/varied', { 'accept-language': `x-${language}` })
  }
  const redis = new Redis(pages.redis.url)
  afterwards(() => redis.disconnect())
  const variants = (await redis.keys('*')).filter((key) => / \S+ \S+}:v$/.test(key))
  expect(variants).toHaveLength(5)
})

/** Until the page /long is in Redis: there, and under which key. */
async function untilStored(pages: Pages): Promise<{ readonly redis: Redis; readonly key: string }> {
  const redis = new Redis(pages.redis.url)
  afterwards(() => redis.disconnect())
  const key = 'shop:{pages:http://shop.example/long}:v'
  await until(async () => (await redis.exists(key)) === 1, 'the page is in Redis')
  return { redis, key }
}

test('a page whose bytes were tampered with is rendered anew', async () => {
  const pages = await open(2)
  const first = await pages.get(0, '/long')
  const { redis, key } = await untilStored(pages)
  const bytes = (await redis.getBuffer(key)) ?? Buffer.alloc(0)
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
  await redis.set(key, bytes, 'KEEPTTL')
  const second = await pages.get(1, '/long')
  expect(second.body).not.toBe(first.body)
  expect(second.status).toBe(200)
})

test('a page moved to the key of another one is not served there', async () => {
  const pages = await open(2)
  const first = await pages.get(0, '/long')
  const { redis, key } = await untilStored(pages)
  await redis.copy(key, key.replace('/long}', '/long?other}'))
  const second = await pages.get(1, '/long?other')
  expect(second.status).toBe(200)
  expect(second.body).not.toBe(first.body)
})

test('a handler that fails is covered by the older page in every process', async () => {
  const pages = await open(2)
  const [first] = await pages.rush('/reserve', 1)
  await untilStale(pages, '/reserve')
  await pages.tell('fail')
  for (const page of await pages.rush('/reserve', 20)) expect(page).toMatchObject({ status: 200, body: first?.body })
})

test.each(['frozen', 'killed'] as const)(
  'Redis %s: the handler answers, and what this process holds is served',
  async (how) => {
    const pages = await open(2)
    await pages.rush('/long', 1)
    if (how === 'frozen') await pages.redis.freeze()
    else await pages.redis.kill()
    for (const page of await pages.rush('/long', 50)) expect(page.status).toBe(200)
    for (const page of await pages.rush('/brief', 50)) expect(page.status).toBe(200)
    for (const page of await pages.rush('/private', 20)) expect(page.status).toBe(200)
    if (how === 'frozen') await pages.redis.thaw()
  },
)
