import { Redis } from 'ioredis'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import type { SessionService, SessionServiceOptions } from './session-service.ts'
import { type Answer, type Ask, Visitor } from './session-visitor.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'
import { until } from './until.ts'

/** What a visitor is to see: of an answer, only what is told here. */
export type Cell = Partial<Pick<Answer, 'status' | 'cookie'>> & {
  readonly body?: Readonly<Record<string, unknown>>
  /** There is a Retry-After. */
  readonly retry?: boolean
}

interface Row {
  /** The visitor logged in before the night, and has one thing in the cart. */
  readonly returning: boolean
  readonly ask: Ask
}

/** What is asked of a service in each night. */
export const sessionRows = {
  'a fresh visitor sees a public page': { returning: false, ask: ['GET', '/public'] },
  'a returning visitor sees a public page': { returning: true, ask: ['GET', '/public'] },
  'a fresh visitor asks for an account': { returning: false, ask: ['GET', '/account'] },
  'a returning visitor asks for the account': { returning: true, ask: ['GET', '/account'] },
  'an implicit login': { returning: false, ask: ['POST', '/login-implicit', { user: 'implicit' }] },
  'a safe login': { returning: false, ask: ['POST', '/login', { user: 'safe' }] },
  'a login that redirects': { returning: false, ask: ['POST', '/login-redirect', { user: 'redirected' }] },
  'a cart change': { returning: true, ask: ['POST', '/cart', { item: 'coffee' }] },
  'a logout': { returning: true, ask: ['POST', '/logout'] },
} as const satisfies Record<string, Row>

export type SessionRow = keyof typeof sessionRows
export const sessionRowNames = Object.keys(sessionRows) as SessionRow[]

const untouched = { cookie: 'untouched' } as const
const comeBack: Cell = { status: 503, retry: true, ...untouched }

/** With Redis well; with a backing in every night. */
export const goodNight: Readonly<Record<SessionRow, Cell>> = {
  'a fresh visitor sees a public page': { status: 200, body: { degraded: false }, ...untouched },
  'a returning visitor sees a public page': { status: 200, body: { degraded: false }, ...untouched },
  'a fresh visitor asks for an account': { status: 401, ...untouched },
  'a returning visitor asks for the account': { status: 200, body: { cart: ['tea'] }, ...untouched },
  'an implicit login': { status: 200, cookie: 'set' },
  'a safe login': { status: 200, cookie: 'set' },
  'a login that redirects': { status: 303, cookie: 'set' },
  'a cart change': { status: 200, body: { cart: ['tea', 'coffee'] } },
  'a logout': { status: 200, cookie: 'cleared' },
}

/** Redis cannot be asked. */
const away: Readonly<Record<SessionRow, Cell>> = {
  ...goodNight,
  'a returning visitor sees a public page': { status: 200, body: { degraded: true }, ...untouched },
  'a returning visitor asks for the account': comeBack,
  'an implicit login': comeBack,
  'a safe login': comeBack,
  'a login that redirects': comeBack,
  'a cart change': comeBack,
  'a logout': comeBack,
}

/** Redis takes nothing new: who is in stays in, and may leave. */
const full: Readonly<Record<SessionRow, Cell>> = {
  ...goodNight,
  'an implicit login': comeBack,
  'a safe login': comeBack,
  'a login that redirects': comeBack,
  'a cart change': comeBack,
}

/** Redis is back without anything: those whom it knew cannot be told from strangers, and strangers may log in. */
const lost: Readonly<Record<SessionRow, Cell>> = {
  ...goodNight,
  'a returning visitor sees a public page': { status: 200, body: { degraded: true }, ...untouched },
  'a returning visitor asks for the account': comeBack,
  'a cart change': comeBack,
}

interface Surroundings {
  readonly redis: RedisServer
  readonly proxy: TcpProxy
  readonly service: SessionService
}

export interface SessionNight {
  readonly name: string
  /** What each visitor sees without a backing. */
  readonly cells: Readonly<Record<SessionRow, Cell>>
  /** Redis has forgotten nothing once it is over. */
  readonly keeps: boolean
  fall(surroundings: Surroundings): Promise<unknown>
  end(surroundings: Surroundings): Promise<unknown>
}

export const sessionNights: readonly SessionNight[] = [
  { name: 'Redis is well', cells: goodNight, keeps: true, fall: async () => {}, end: async () => {} },
  {
    name: 'Redis is killed',
    cells: away,
    keeps: false,
    fall: ({ redis }) => redis.kill(),
    end: ({ redis }) => redis.start(),
  },
  {
    name: 'Redis is frozen',
    cells: away,
    keeps: true,
    fall: ({ redis }) => redis.freeze(),
    end: ({ redis }) => redis.thaw(),
  },
  {
    name: 'Redis is full',
    cells: full,
    keeps: true,
    fall: ({ redis }) => configure(redis, 'maxmemory', '1mb'),
    end: ({ redis }) => configure(redis, 'maxmemory', '0'),
  },
  {
    name: 'every reply of Redis is 2 s late',
    cells: away,
    keeps: true,
    fall: async ({ proxy }) => proxy.delay(2_000),
    end: ({ proxy }) => proxy.restore(),
  },
  {
    name: 'Redis was restarted empty',
    cells: lost,
    keeps: false,
    fall: async ({ redis, service }) => {
      await redis.kill()
      await redis.start()
      await untilLoginWorks(service)
    },
    end: async () => {},
  },
]

export interface OpenNight {
  readonly redis: RedisServer
  readonly service: SessionService
  /** Asks what the row asks. */
  ask(row: SessionRow): Promise<Answer>
  /** The visitor of a row, with whatever cookie came of it. */
  visitor(row: SessionRow): Visitor
  /** The trouble begins. */
  fall(): Promise<void>
  /** The trouble is over, and the service has noticed. */
  end(): Promise<void>
  stop(): Promise<void>
}

/** A service over a Redis that is well yet, with a visitor for each row. */
export async function openNight(
  night: SessionNight,
  start: (options: SessionServiceOptions) => Promise<SessionService>,
  options: SessionServiceOptions = {},
): Promise<OpenNight> {
  const redis = await startRedisServer({ 'maxmemory-policy': 'noeviction' })
  const proxy = await startTcpProxy(redis.port)
  const service = await start({ ...options, redis: `redis://127.0.0.1:${proxy.port}` })
  const { url } = service.processes[0]
  const visitors = new Map<SessionRow, Visitor>()
  await untilLoginWorks(service)
  for (const row of sessionRowNames) {
    const visitor = new Visitor(url)
    visitors.set(row, visitor)
    if (!sessionRows[row].returning) continue
    await visitor.ask('POST', '/login', { user: `returning for ${row}` })
    await visitor.ask('POST', '/cart', { item: 'tea' })
  }
  const visitor = (row: SessionRow): Visitor => visitors.get(row) ?? new Visitor(url)
  const surroundings = { redis, proxy, service }
  return {
    redis,
    service,
    visitor,
    ask: (row) => visitor(row).ask(...(sessionRows[row].ask as Ask)),
    fall: async () => void (await night.fall(surroundings)),
    end: async () => {
      await night.end(surroundings)
      await untilLoginWorks(service)
      await until(
        async () =>
          (await visitor('a returning visitor sees a public page').ask('GET', '/public')).body['degraded'] === false,
        'sessions can be read',
      )
    },
    stop: async () => {
      try {
        await redis.thaw()
        await service.stop()
      } finally {
        await proxy.stop()
        await redis.stop()
      }
    },
  }
}

/** Of an answer, what its cell speaks of. */
export function asCell(answer: Answer, cell: Cell): Cell {
  const body = Object.fromEntries(Object.keys(cell.body ?? {}).map((name) => [name, answer.body[name]]))
  return {
    ...(cell.status === undefined ? {} : { status: answer.status }),
    ...(cell.cookie === undefined ? {} : { cookie: answer.cookie }),
    ...(cell.body === undefined ? {} : { body }),
    ...(cell.retry === undefined ? {} : { retry: (answer.retryAfter ?? 0) > 0 }),
  }
}

function untilLoginWorks({ processes }: SessionService): Promise<void> {
  return until(
    async () => (await new Visitor(processes[0].url).ask('POST', '/login', { user: 'first' })).status === 200,
    'a login works',
  )
}

async function configure({ url }: RedisServer, setting: string, value: string): Promise<void> {
  const operator = new Redis(url)
  await operator.config('SET', setting, value)
  operator.disconnect()
}
