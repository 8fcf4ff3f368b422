import { connect } from 'node:net'
import { Redis } from 'ioredis'
import type { CacheHealth, CacheOptions } from '../../packages/core/src/index.ts'
import { type OpenCache, openCache } from './open-cache.ts'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import { until } from './until.ts'

type Afterwards = (step: () => unknown) => void

/** The machine may be busy: what is waited for comes sooner, or not at all. */
export const patience = 30_000

export interface Operated {
  readonly redis: RedisServer
  /** Somebody else's connection, to bring about what is to be noticed. */
  readonly operator: Redis
}

/** A redis-server with somebody who may do anything to it. Several may run in one test file at once. */
export async function startOperated(
  afterwards: Afterwards,
  settings: Readonly<Record<string, string>> = {},
): Promise<Operated> {
  const redis = await startRedisServer({ 'enable-debug-command': 'yes', ...settings })
  afterwards(() => redis.stop())
  const operator = operate(afterwards, redis.url)
  await operator.ping()
  return { redis, operator }
}

export function operate(afterwards: Afterwards, url: string): Redis {
  const operator = new Redis(url)
  operator.on('error', () => {})
  afterwards(() => operator.disconnect())
  return operator
}

/** A cache that looks at its Redis as often as it may, and is patient with a slow machine. */
export function openWatching(afterwards: Afterwards, options: Partial<CacheOptions>): OpenCache {
  const opened = openCache({
    ...{ commandTimeout: '5s', connectTimeout: '5s', pressure: { interval: '1s' } },
    ...options,
  })
  afterwards(() => opened.cache.close())
  return opened
}

export interface Seen {
  readonly mode: string
  readonly findings: Readonly<Record<string, string>>
  readonly node: CacheHealth['targets'][string]['nodes'][string] | undefined
}

/** The mode, each finding with its severity, and the node that was looked at. */
export function seenBy({ cache }: Pick<OpenCache, 'cache'>): Seen {
  const { targets, findings } = cache.health()
  const main = targets['main']
  return {
    mode: main?.mode ?? 'none',
    findings: Object.fromEntries(findings.map(({ id, severity }) => [id, severity])),
    node: main?.nodes['1'],
  }
}

/** Waits for so many looks at the run of Redis that is seen now. */
export function untilLooked(opened: OpenCache, looks = 2): Promise<void> {
  return until(() => (seenBy(opened).node?.trend?.looks ?? 0) >= looks, `Redis was looked at ${looks} times`, patience)
}

export async function untilMode(opened: OpenCache, mode: string): Promise<void> {
  try {
    await until(() => seenBy(opened).mode === mode, `the mode is ${mode}`, patience)
  } catch (error) {
    const { node, ...seen } = seenBy(opened)
    throw new Error(`${error} but ${JSON.stringify({ ...seen, fill: node?.fill, trend: node?.trend })}`)
  }
}

/** Writes `price` until Redis refuses it: then `new` is its value in this process. */
export async function untilWriteIsRefused(opened: OpenCache): Promise<void> {
  await until(
    async () => {
      await opened.items.set('price', 'new')
      return seenBy(opened).mode === 'read-only'
    },
    'a write is refused',
    patience,
  )
}

export async function infoNumber(operator: Redis, field: string): Promise<number> {
  return Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(await operator.info())?.[1] ?? Number.NaN)
}

const valueBytes = 1_000
let prefixes = 0

/** New keys of 1,000 bytes without a TTL, until so large a share of maxmemory is used. */
export async function fillTo(operator: Redis, share: number): Promise<void> {
  const max = await infoNumber(operator, 'maxmemory')
  for (;;) {
    const missing = share * max - (await infoNumber(operator, 'used_memory'))
    if (missing <= 0) return
    await populate(operator, Math.ceil(missing / (valueBytes + 200)))
  }
}

/** So many new keys of 1,000 bytes without a TTL; Redis looks at its limit with the command after it. */
export async function populate(operator: Redis, keys: number, prefix?: string, bytes = valueBytes): Promise<void> {
  prefixes += 1
  await operator.call('DEBUG', 'POPULATE', keys, prefix ?? `filler-${prefixes}`, bytes)
}

/** A client that asks for much and reads nothing; the function ends it. */
export async function startSlowReader(port: number, command: string, times: number): Promise<() => void> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.pause()
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  socket.write(`${command}\r\n`.repeat(times))
  return () => socket.destroy()
}
