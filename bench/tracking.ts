import { createCache } from '@plimsoll/core'
import { Redis } from 'ioredis'
import { startRedisServer } from '../test/support/redis-server.ts'
import { median } from './load/statistics.ts'

// What invalidation: 'tracking' costs, in turns beside 'pubsub': npx tsx bench/tracking.ts

const rounds = Number(process.env['ROUNDS'] ?? 15)
const filled = 300
const storm = 20_000
const value = { id: 'prod-101', name: 'Lamp', price: 1_999, text: 'x'.repeat(120) }

const redis = await startRedisServer()
const operator = new Redis(redis.url)
const open = (invalidation: 'pubsub' | 'tracking') => {
  const cache = createCache({ name: invalidation, redis: redis.url, invalidation, pressure: false })
  return { invalidation, cache, items: cache.namespace({ name: 'item', ttl: '1h', load: () => value }) }
}
type Opened = ReturnType<typeof open>
const both = [open('pubsub'), open('tracking')]

async function commands(): Promise<number> {
  const stats = await operator.info('commandstats')
  return ['get', 'mget', 'evalsha', 'eval'].reduce(
    (sum, name) => sum + Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0),
    0,
  )
}

async function localHits({ items }: Opened): Promise<number> {
  const count = 200_000
  const started = performance.now()
  for (let index = 0; index < count; index++) await items.get(`key-${index % 500}`)
  return (count / (performance.now() - started)) * 1_000
}

let fills = 0
/** Commands that Redis runs for keys that nobody has yet and that are then asked for ten times each. */
async function commandsAFill({ items }: Opened): Promise<number> {
  const keys = Array.from({ length: filled }, () => `fill-${fills++}`)
  const before = await commands()
  for (const key of keys) await items.get(key)
  // What Redis tells of the last one is still on its way.
  await new Promise((resolve) => setTimeout(resolve, 20))
  for (let time = 0; time < 10; time++) for (const key of keys) await items.get(key)
  return ((await commands()) - before) / filled
}

/** Microseconds of this process for each key of a burst of which it holds none. */
async function hearing({ cache, invalidation }: Opened): Promise<number> {
  const heard = () => cache.statistics().targets['main']?.notifications ?? 0
  const before = heard()
  const started = process.cpuUsage()
  await operator.eval(
    'for i = 1, ARGV[2] do redis.call("SET", ARGV[1] .. ":{item:storm-" .. i .. "}:v", "x") end',
    0,
    invalidation,
    storm,
  )
  while (invalidation === 'tracking' && heard() < before + storm) await new Promise((resolve) => setImmediate(resolve))
  const { user, system } = process.cpuUsage(started)
  return (user + system) / storm
}

const measures: [string, (opened: Opened) => Promise<number>][] = [
  ['local hits/s', localHits],
  ['commands a fill and ten gets', commandsAFill],
  ['µs of CPU a key that others write', hearing],
]
for (const { cache, items } of both) {
  while (cache.health().redis.channel !== 'connected') await new Promise((resolve) => setTimeout(resolve, 10))
  for (let time = 0; time < 2; time++) for (let index = 0; index < 500; index++) await items.get(`key-${index}`)
}
for (const [what, measure] of measures) {
  const seen = new Map<Opened, number[]>(both.map((opened) => [opened, []]))
  for (let round = 0; round < rounds; round++) {
    for (const opened of round % 2 === 0 ? both : both.toReversed()) seen.get(opened)?.push(await measure(opened))
  }
  for (const [{ invalidation }, figures] of seen)
    console.info(`${what}, ${invalidation}: ${median(figures).toPrecision(3)}`)
}
operator.disconnect()
await redis.stop()
process.exit(0)
