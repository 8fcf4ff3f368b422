import { createCache, type Namespace } from '@plimsoll/core'
import { startRedisServer } from '../test/support/redis-server.ts'
import { median } from './load/statistics.ts'

// What tags, generations and versions cost, in turns beside a namespace without them: npx tsx bench/tags.ts (ONLY=Redis, ROUNDS=31)

const rounds = Number(process.env['ROUNDS'] ?? 15)
const keys = Array.from({ length: 500 }, (_, index) => `key-${index}`)
const value = { id: 'prod-101', name: 'Lamp', price: 1_999, text: 'x'.repeat(120) }

const redis = await startRedisServer()
const near = createCache({ name: 'near', redis: redis.url, pressure: false })
const far = createCache({ name: 'far', redis: redis.url, local: false, pressure: false })

const variants = {
  plain: {},
  tagged: { tags: (key: string) => [`group:${key.length}`, 'all'] },
  versioned: { version: () => 1 },
}
const open = (cache: typeof near) =>
  Object.entries(variants).map(
    ([name, options]) =>
      [name, cache.namespace<typeof value>({ name, ttl: '1h', load: () => value, ...options })] as const,
  )

async function rate(count: number, inFlight: number, run: (key: string) => Promise<unknown>): Promise<number> {
  const started = performance.now()
  let next = 0
  const worker = async () => {
    while (next < count) await run(keys[next++ % keys.length] as string)
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  return (count / (performance.now() - started)) * 1_000
}

type Items = Namespace<typeof value>
const only = process.env['ONLY']
const measures: [string, ReturnType<typeof open>, (items: Items) => Promise<number>][] = [
  ['local hit', open(near), (items) => rate(200_000, 1, (key) => items.get(key))],
  [
    'Redis hit, one at a time',
    open(createCache({ name: 'single', redis: redis.url, local: false, pressure: false })),
    (items) => rate(2_000, 1, (key) => items.get(key)),
  ],
  ['Redis hit, 64 in flight', open(far), (items) => rate(10_000, 64, (key) => items.get(key))],
  [
    'set, 16 in flight',
    open(createCache({ name: 'set', redis: redis.url, pressure: false })),
    (items) => rate(3_000, 16, (key) => items.set(key, value)),
  ],
]

for (const [what, namespaces, measure] of measures) {
  if (only && !what.includes(only)) continue
  const seen = new Map<string, number[]>()
  for (const [, items] of namespaces) for (const key of keys) await items.get(key)
  for (const [, items] of namespaces) await measure(items)
  for (let round = 0; round < rounds; round++) {
    // Whoever goes first in a round has the garbage of the last one to bear.
    const turn = [...namespaces.slice(round % namespaces.length), ...namespaces.slice(0, round % namespaces.length)]
    for (const [name, items] of turn) seen.set(name, [...(seen.get(name) ?? []), await measure(items)])
  }
  const plain = seen.get('plain') ?? []
  for (const [name, rates] of seen) {
    const ratio = median(rates.map((one, index) => one / (plain[index] ?? 1)))
    console.info(`${what}, ${name}: ${Math.round(median(rates))}/s, ${ratio.toFixed(2)} × plain`)
  }
}
await redis.stop()
process.exit(0)
