import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { createCache } from '../../packages/core/src/index.ts'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
const versionAt = 2
const flagsAt = 3
const freshUntilAt = 4
const headerBytes = 40

interface Product {
  readonly name: string
  readonly tags: readonly string[]
}

const product: Product = { name: 'from the source', tags: ['a', 'b'] }

const damages: Record<string, (entry: Buffer) => Buffer | string> = {
  'an empty value': () => '',
  'plain JSON': () => JSON.stringify(product),
  'text that begins as an entry does': () => 'PL',
  'random bytes': () => Buffer.from(Array.from({ length: 200 }, () => Math.floor(Math.random() * 256))),
  'a newer version': (entry) => changed(entry, versionAt, 2),
  'an unknown flag': (entry) => changed(entry, flagsAt, 128),
  'another serializer': (entry) => changed(entry, flagsAt, 4),
  'a value said to be deflated that is not': (entry) => changed(entry, flagsAt, 2),
  'times that are no numbers': (entry) => Buffer.from(entry).fill(0xff, freshUntilAt, freshUntilAt + 8),
  'an entry cut in its head': (entry) => entry.subarray(0, headerBytes - 10),
  'an entry cut in its value': (entry) => entry.subarray(0, entry.length - 5),
  'an entry with more after it': (entry) => Buffer.concat([entry, Buffer.from('more')]),
  'an entry whose value does not parse': (entry) => changed(entry, headerBytes, '!'.charCodeAt(0)),
  'a value of another shape': (entry) =>
    Buffer.concat([
      entry.subarray(0, headerBytes),
      Buffer.from('"'.padEnd(entry.length - headerBytes - 1, 'x')),
      Buffer.from('"'),
    ]),
}

async function start() {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const operator = new Redis(redis.url)
  afterwards(() => operator.disconnect())
  const cache = createCache({ name: 'shop', redis: redis.url, local: false })
  afterwards(() => cache.close())
  const loaded: string[] = []
  const products = cache.namespace({
    name: 'product',
    schema: productSchema,
    ttl: '5m',
    load: async (key) => {
      loaded.push(key)
      return product
    },
  })
  await products.set('sound', product)
  const sound = await operator.getBuffer('shop:{product:sound}:v')
  if (sound === null) throw new Error('the sound entry is not in Redis')
  return { operator, cache, products, loaded, sound }
}

test('what is no sound entry is a miss, counted, and replaced', async () => {
  const { operator, cache, products, loaded, sound } = await start()
  for (const [description, damage] of Object.entries(damages)) {
    const redisKey = `shop:{product:${description}}:v`
    await operator.set(redisKey, damage(sound))
    const before = cache.health().namespaces['product']
    expect(await products.get(description), description).toEqual(product)
    const after = cache.health().namespaces['product']
    expect(after, description).toMatchObject({
      unreadable: (before?.unreadable ?? 0) + 1,
      misses: (before?.misses ?? 0) + 1,
      redisTroubles: before?.redisTroubles,
    })
    expect(loaded.splice(0), description).toEqual([description])
    // The caller is answered before the value is stored.
    const isReplaced = async () => (await operator.getBuffer(redisKey))?.subarray(0, 4).equals(sound.subarray(0, 4))
    await until(async () => (await isReplaced()) === true, `${description} is replaced`)
    expect(await products.get(description), description).toEqual(product)
    expect(loaded, description).toEqual([])
  }
  expect(cache.health().breakers).toMatchObject({ read: 'closed', write: 'closed' })
})

test('nor do they harm those that are read with them', async () => {
  const { operator, products, loaded, sound } = await start()
  for (const [description, damage] of Object.entries(damages)) {
    await operator.set(`shop:{product:${description}}:v`, damage(sound))
  }
  await operator.hset('shop:{product:a hash}:v', 'name', 'x')
  const damaged = [...Object.keys(damages), 'a hash']
  const found = await products.getMany(['sound', ...damaged])
  expect(found.size).toBe(damaged.length + 1)
  for (const [key, value] of found) expect(value, key).toEqual(product)
  expect(loaded.toSorted()).toEqual(damaged.toSorted())
})

test('a key that holds another type is replaced', async () => {
  const { operator, products, loaded } = await start()
  await operator.hset('shop:{product:hash}:v', 'field', 'foreign')
  expect(await products.get('hash')).toEqual(product)
  await until(async () => (await operator.type('shop:{product:hash}:v')) === 'string', 'the hash is replaced')
  loaded.length = 0
  expect(await products.get('hash')).toEqual(product)
  expect(loaded).toEqual([])
})

test('a lease key that holds another type keeps nobody from the value', async () => {
  const { operator, cache, products } = await start()
  await operator.hset('shop:{product:hash}:l', 'field', 'foreign')
  expect(await products.get('hash')).toEqual(product)
  await products.set('hash', product)
  await products.get('hash')
  await until(async () => (await operator.type('shop:{product:hash}:v')) === 'string', 'the value is stored')
  expect(cache.health().breakers).toMatchObject({ read: 'closed', write: 'closed' })
})

function changed(entry: Buffer, at: number, byte: number): Buffer {
  const copy = Buffer.from(entry)
  copy[at] = byte
  return copy
}

/** As a schema library would make it. */
const productSchema = {
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) =>
      isProduct(value) ? { value } : { issues: [{ message: 'expected a name and tags' }] },
  },
}

function isProduct(value: unknown): value is Product {
  return typeof value === 'object' && value !== null && 'name' in value && 'tags' in value
}

test('a schema that never ends its validation is a miss when the load timeout is over', async () => {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const open = (validate: () => Promise<{ value: Product }>) => {
    const cache = createCache({ name: 'shop', redis: redis.url, local: false, loadTimeout: 200 })
    afterwards(() => cache.close())
    const schema = { '~standard': { version: 1 as const, vendor: 'test', validate } }
    return { cache, products: cache.namespace({ name: 'product', schema, load: async () => product }) }
  }
  const writer = open(() => Promise.resolve({ value: product }))
  await writer.products.set('a', product)
  let validations = 0
  const reader = open(() => {
    validations += 1
    // The first is the entry in Redis; the check in development of what is loaded after it comes to its end.
    return validations === 1 ? new Promise<never>(() => {}) : Promise.resolve({ value: product })
  })
  expect(await reader.products.get('a')).toEqual(product)
  expect(reader.cache.health().namespaces['product']?.unreadable).toBe(1)
})
