import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCache, type NamespaceOptions } from '../../packages/core/src/index.ts'
import { busiestOf, commandsPerNode, otherKeys, visit } from '../support/hot-key-visits.ts'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'

const services = 6
const requests = 2_500

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

type Expected = (busiest: number) => void

test.each<[string, NamespaceOptions<string>['copies'], boolean, Expected]>([
  ['neither', undefined, false, (busiest) => expect(busiest).toBeGreaterThan(1.5)],
  ['a local tier', undefined, true, (busiest) => expect(busiest).toBeLessThanOrEqual(1.3)],
  // Hot from fewer reads on than by default: how many this machine makes in a second is not the question.
  ['copies', { count: 4, beyond: 10 }, false, (busiest) => expect(busiest).toBeLessThanOrEqual(1.3)],
])(
  'half of all requests for one key, a hundredth of them writes, over three nodes, with %s',
  async (name, copies, isLocal, expectBusiest) => {
    const caches = Array.from({ length: services }, () => open(name, copies, isLocal))
    try {
      await until(() => caches.every(({ cache }) => cache.health().redis.channel === 'connected'), 'all are connected')
      const [first] = caches
      await first?.items.setMany(otherKeys.map((key) => [key, 'value']))
      await Promise.all(caches.map(({ items }, index) => visit(items, 200, index)))
      const before = await commandsPerNode(nodes)
      await Promise.all(caches.map(({ items }, index) => visit(items, requests, index + services)))
      const perNode = (await commandsPerNode(nodes)).map((count, index) => count - (before[index] ?? 0))
      const busiest = busiestOf(perNode)
      console.log(`${name}: ${perNode.join(', ')} commands, the busiest ${busiest.toFixed(2)} × the average`)
      expectBusiest(busiest)
      const { copyHits = 0 } = first?.cache.health().namespaces['item'] ?? {}
      expect(copyHits > 0).toBe(copies !== undefined)
    } finally {
      await Promise.all(caches.map(({ cache }) => cache.close()))
    }
  },
)

function open(name: string, copies: NamespaceOptions<string>['copies'], isLocal: boolean) {
  const cache = createCache({
    ...{ name: name.replaceAll(' ', '-'), redis: { cluster: cluster.urls }, pressure: false },
    ...{ commandTimeout: 5_000, connectTimeout: 5_000, ...(isLocal ? {} : { local: false as const }) },
  })
  const items = cache.namespace<string>({ name: 'item', copies, load: () => 'loaded', save: () => {} })
  return { cache, items }
}
