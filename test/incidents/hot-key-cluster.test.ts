import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCache, type Namespace, type NamespaceOptions } from '../../packages/core/src/index.ts'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'

// One key is asked for in half of all requests. One request in a hundred is a write, of this key as of all others. How
// that weighs on the nodes is told by their own counts.

const services = 6
const requests = 2_500
const otherKeys = 20_000
const writeShare = 0.01

let cluster: RedisCluster
let nodes: Redis[]

beforeAll(async () => {
  cluster = await startRedisCluster(3)
  nodes = cluster.urls.map((url) => new Redis(url))
})

afterAll(async () => {
  for (const node of nodes) node.disconnect()
  await cluster.stop()
})

test.each<[string, NamespaceOptions<string>['copies'], boolean, (factor: number) => void]>([
  ['neither', undefined, false, (factor) => expect(factor).toBeGreaterThan(1.5)],
  ['a local tier', undefined, true, (factor) => expect(factor).toBeLessThanOrEqual(1.3)],
  // Hot from fewer reads on than by default: how many this machine makes in a second is not the question.
  ['copies', { count: 4, beyond: 10 }, false, (factor) => expect(factor).toBeLessThanOrEqual(1.3)],
])('a key at half of all requests, over three nodes, with %s', async (name, copies, isLocal, expectFactor) => {
  const caches = Array.from({ length: services }, () => open(copies, isLocal))
  try {
    await until(() => caches.every(({ cache }) => cache.health().redis.channel === 'connected'), 'all are connected')
    const [first] = caches
    await first?.items.setMany(Array.from({ length: otherKeys }, (_, index) => [`key-${index}`, 'value']))
    await Promise.all(caches.map(({ items }, index) => visit(items, 200, index)))
    const before = await counts()
    await Promise.all(caches.map(({ items }, index) => visit(items, requests, index + services)))
    const after = await counts()
    const perNode = after.map((count, index) => count - (before[index] ?? 0))
    const factor = Math.max(...perNode) / (perNode.reduce((sum, count) => sum + count, 0) / perNode.length)
    console.log(`${name}: ${perNode.join(', ')} commands, the busiest ${factor.toFixed(2)} × the average`)
    expectFactor(factor)
    const { copyHits = 0 } = first?.cache.health().namespaces['item'] ?? {}
    expect(copyHits > 0).toBe(copies !== undefined)
  } finally {
    await Promise.all(caches.map(({ cache }) => cache.close()))
  }
})

function open(copies: NamespaceOptions<string>['copies'], isLocal: boolean) {
  const cache = createCache({
    ...{ name: `shop-${copies === undefined}-${isLocal}`, redis: { cluster: cluster.urls }, pressure: false },
    ...{ commandTimeout: 5_000, connectTimeout: 5_000, ...(isLocal ? {} : { local: false as const }) },
  })
  const items = cache.namespace<string>({ name: 'item', copies, load: () => 'loaded', save: () => {} })
  return { cache, items }
}

/** One request after the other, as a visitor makes them. */
async function visit(items: Namespace<string>, count: number, seed: number): Promise<void> {
  const random = randomOf(seed)
  for (let request = 0; request < count; request++) {
    const key = random() < 0.5 ? 'hot' : `key-${Math.floor(random() * otherKeys)}`
    if (random() < writeShare) await items.set(key, `written at ${request}`)
    else await items.get(key)
  }
}

/** The calls of each node of what clients send; GETs that scripts make are among them. */
function counts(): Promise<number[]> {
  const ours = /^cmdstat_(?:get|evalsha|unlink|publish):calls=(\d+)/gm
  return Promise.all(
    nodes.map(async (node) => {
      const stats = await node.info('commandstats')
      return [...stats.matchAll(ours)].reduce((sum, [, calls]) => sum + Number(calls), 0)
    }),
  )
}

/** Mulberry32: the same requests in each run. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296
  }
}
