import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CopyNames } from '../../packages/core/src/entry/copy-names.ts'
import { createKeySpace } from '../../packages/core/src/entry/key.ts'
import { createCache, type Namespace, type NamespaceOptions } from '../../packages/core/src/index.ts'
import { cleanup } from '../support/cleanup.ts'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
const count = 5
const names = new CopyNames('shop', 'item', count)
const original = createKeySpace('shop', 'item', 0)

let cluster: RedisCluster
let nodes: Redis[]

beforeAll(async () => {
  cluster = await startRedisCluster(3)
  nodes = cluster.urls.map((url) => new Redis(url).on('error', () => {}))
  // One node in trouble is to be the trouble of one node.
  for (const node of nodes) await node.config('SET', 'cluster-require-full-coverage', 'no')
})

afterAll(async () => {
  for (const node of nodes) node.disconnect()
  await cluster.stop()
})

/** Several services on one source, without a local tier unless they are given one. */
function open(options: Partial<NamespaceOptions<number>> = {}, commandTimeout = 5_000) {
  const source = new Map<string, number>()
  const services = Array.from({ length: 3 }, () => {
    const cache = createCache({
      ...{ name: 'shop', redis: { cluster: cluster.urls }, pressure: false, commandTimeout },
      connectTimeout: 5_000,
    })
    afterwards(() => cache.close())
    const items = cache.namespace<number>({
      ...{ name: 'item', local: false, ttl: '5m', earlyExpiration: false },
      load: (key) => source.get(key),
      save: (key, value) => void source.set(key, value),
      // From the first read on a key is hot.
      copies: { count, beyond: 1 },
      ...options,
    })
    return { cache, items }
  })
  const ready = until(
    () => services.every(({ cache }) => cache.health().redis.channel === 'connected'),
    'all connected',
  )
  const [writer, ...readers] = services.map(({ items }) => items) as [Namespace<number>, ...Namespace<number>[]]
  return { services, source, writer, readers, ready }
}

/** Reads until all copies are there. */
async function fill(readers: readonly Namespace<number>[], key: string): Promise<void> {
  await until(async () => {
    await Promise.all(readers.map((items) => items.get(key)))
    return (await copiesOf(key)).every((copy) => copy !== null)
  }, 'all copies are there')
}

/** What stands under the names of the copies. */
function copiesOf(key: string): Promise<(Buffer | null)[]> {
  return Promise.all(names.of(key).map(async ({ value }) => (await nodeOf(value)).getBuffer(value)))
}

async function nodeOf(name: string): Promise<Redis> {
  const slot = Number(await nodes[0]?.cluster('KEYSLOT', name))
  const node = nodes[Math.floor((slot * nodes.length) / 16_384)]
  if (node === undefined) throw new Error('the nodes share all slots')
  return node
}

/** As often as it takes to meet every copy, by chance, and more. */
async function answersOf(readers: readonly Namespace<number>[], key: string): Promise<Set<number | undefined>> {
  const answers = new Set<number | undefined>()
  for (let round = 0; round < 40; round++) {
    for (const items of readers) answers.add(await items.get(key))
  }
  return answers
}

test.each(['key', '{a}b', 'a}b{c', '%7B', 'ключ', '\ud800', 'x'.repeat(1_024)])(
  'the original and its copies lie at even distances on the ring of slots: %j',
  async (key) => {
    const slotOf = async (name: string) => Number(await nodes[0]?.cluster('KEYSLOT', name))
    const first = await slotOf(original.value(key))
    const slots = await Promise.all(names.of(key).map(({ value }) => slotOf(value)))
    expect(slots).toEqual(slots.map((_, index) => (first + Math.round((16_384 * (index + 1)) / 6)) % 16_384))
    const leases = await Promise.all(names.of(key).map(({ lease }) => slotOf(lease)))
    expect(leases).toEqual(slots)
    const owners = await Promise.all([original.value(key), ...names.of(key).map(({ value }) => value)].map(nodeOf))
    for (const node of nodes) expect(owners.filter((owner) => owner === node)).toHaveLength(2)
  },
)

test('reads that begin after a write never meet an older value, whoever reads whichever copy', async () => {
  const { writer, readers, services, ready } = open()
  await ready
  let acknowledged = 0
  let ended = false
  const older: string[] = []
  await writer.set('hammered', 0)
  const reading = readers.map(async (items, reader) => {
    while (!ended) {
      const least = acknowledged
      const value = (await items.get('hammered')) ?? -1
      if (value < least) older.push(`reader ${reader} got ${value} after ${least}`)
    }
  })
  for (let value = 1; value <= 300; value++) {
    await writer.set('hammered', value)
    acknowledged = value
    // Of most values copies are made while the next one comes, of some all of them are there before.
    if (value % 50 === 0) await until(async () => (await copiesOf('hammered')).every(Boolean), 'all copies are there')
  }
  ended = true
  await Promise.all(reading)
  expect(older).toEqual([])
  for (const { cache } of services.slice(1)) {
    expect(cache.health().namespaces['item']).toMatchObject({ loadErrors: 0, redisTroubles: 0 })
    expect(cache.health().namespaces['item']?.copyHits).toBeGreaterThan(0)
  }
})

test.each<[string, (items: Namespace<number>, key: string) => Promise<unknown>]>([
  ['set', (items, key) => items.set(key, 2)],
  ['setMany', (items, key) => items.setMany([[key, 2]])],
  ['update', (items, key) => items.update(key, () => 2)],
  ['delete', (items, key) => items.delete(key)],
  ['deleteMany', (items, key) => items.deleteMany([key])],
  ['invalidateTag', (items) => items.invalidateTag('all')],
  ['clear', (items) => items.clear()],
])('after %s nobody reads an older copy', async (name, write) => {
  const { writer, readers, source, ready } = open({ tags: () => ['all'] })
  await ready
  const key = `key to ${name}`
  source.set(key, 1)
  await fill(readers, key)
  source.set(key, 2)
  await write(writer, key)
  // What is dropped by generations is told by the channel.
  await until(async () => (await answersOf(readers, key)).has(2), 'the others have heard of it')
  expect(await answersOf([writer, ...readers], key)).toEqual(new Set([2]))
  await until(
    async () => (await copiesOf(key)).every((copy) => copy?.at(-1) === 0x32),
    'copies are made of the new value',
  )
})

test('a reader that keeps values locally is told when no older copy is left', async () => {
  const { writer, readers, ready } = open({ local: {} })
  await ready
  for (let value = 1; value <= 50; value++) {
    await writer.set('kept', value)
    for (const items of readers) {
      await until(async () => (await items.get('kept')) === value, `the reader has heard of ${value}`, 5_000)
      expect(await items.get('kept')).toBe(value)
    }
  }
})

const troubles = [
  { what: 'frozen', fall: (node: RedisServer) => node.freeze(), rise: (node: RedisServer) => node.thaw() },
  { what: 'killed', fall: (node: RedisServer) => node.kill(), rise: (node: RedisServer) => node.start() },
]

test.each(troubles.flatMap((trouble) => ['a copy', 'the original'].map((whose) => ({ ...trouble, whose }))))(
  'a write while the node of $whose is $what: nobody is left with the older value',
  async ({ what, fall, rise, whose }) => {
    const { writer, readers, services, ready } = open({}, 300)
    await ready
    const key = `${whose} on a ${what} node`
    await writer.set(key, 1)
    await fill(readers, key)
    const home = await nodeOf(original.value(key))
    const others = (await Promise.all(names.of(key).map(({ value }) => nodeOf(value)))).filter((node) => node !== home)
    const node = cluster.nodes[nodes.indexOf(whose === 'a copy' ? (others[0] ?? home) : home)]
    if (node === undefined) throw new Error('each node is one of the cluster')
    const pending = () => services[0]?.cache.health().redis.pendingInvalidations
    await fall(node)
    try {
      await writer.set(key, 2)
      expect(pending()).toBe(1)
      for (let round = 0; round < 10; round++) expect(await writer.get(key)).toBe(2)
    } finally {
      await rise(node)
    }
    await until(() => pending() === 0, 'Redis has taken it', 20_000)
    expect(await answersOf([writer, ...readers], key)).toEqual(new Set([2]))
  },
)
