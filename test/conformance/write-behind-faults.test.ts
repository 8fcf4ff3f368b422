import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { createCache, type Namespace } from '../../packages/core/src/index.ts'
import { BehindSource } from '../support/behind-source.ts'
import { cleanup } from '../support/cleanup.ts'
import { behindTools } from '../support/open-behind.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
const { startRedis, open } = behindTools(afterwards)

const head = 'shop:{item:behind:0}:'

describe('what goes wrong around write-behind', () => {
  test('several drains at once: still one batch at a time, acknowledged once', async () => {
    const { server, redis } = await startRedis()
    const source = new BehindSource()
    const { items } = open<number>(server.url, { counters: true, delay: '1m' }, source, { commandTimeout: 5_000 })
    await items.drain()
    let running = 0
    let most = 0
    source.before = async () => {
      running += 1
      most = Math.max(most, running)
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
    source.after = () => {
      running -= 1
    }
    for (let round = 0; round < 5; round++) {
      await items.increment('a', 1)
      // One flushes, the others wait for it; an operation that comes meanwhile must not be booked out with theirs.
      const drains = [items.drain(), items.drain(), items.drain()]
      await items.increment('a', 1)
      await Promise.all(drains)
    }
    await items.drain()
    expect(most).toBe(1)
    expect(source.sums.get('a')).toBe(10)
    expect(source.dropped).toBe(0)
    expect(await redis.exists(`${head}waiting`)).toBe(0)
  })

  test('a process that ends right after its first write has saved it', async () => {
    const { server, redis } = await startRedis()
    const { items, source, close } = open<number>(server.url, { counters: true, delay: '1m' })
    await items.increment('a', 4)
    await close()
    expect(source.sums.get('a')).toBe(4)
    expect(await redis.exists(`${head}lock`)).toBe(0)
  })

  test('a stream that somebody deleted or trimmed: no cached value stays for ever with what the source never gets', async () => {
    const { server, redis } = await startRedis()
    const { items, source } = open<number>(server.url, { counters: true, delay: '1m' }, undefined, {
      commandTimeout: 5_000,
    })
    const value = `${head}0:a:v`
    source.sums.set('a', 100)
    expect(await items.get('a')).toBe(100)
    await until(async () => (await redis.exists(value)) === 1, 'it is cached')
    await items.drain()
    await items.increment('a', 5)
    expect(await redis.pttl(value)).toBe(-1)
    await redis.xtrim(`${head}stream`, 'MAXLEN', 0)
    await items.drain()
    expect(await redis.exists(value, `${head}waiting`)).toBe(0)
    expect(await items.get('a')).toBe(100)
  })

  test('two releases side by side: one operation a key, and the books of both are settled', async () => {
    const { server, redis } = await startRedis()
    const source = new BehindSource()
    const [older, newer] = [0, 1].map((schemaVersion) => {
      const cache = createCache({ name: 'shop', redis: server.url, commandTimeout: 5_000 })
      afterwards(() => cache.close())
      return cache.namespace<number>({
        ...{ name: 'item', write: 'behind', behind: { counters: true, delay: '1m' }, schemaVersion },
        load: (key) => source.read(key) as number | undefined,
        saveMany: source.saveMany,
      })
    }) as [Namespace<number>, Namespace<number>]
    await Promise.all([older.drain(), newer.drain()])
    await older.increment('a', 5)
    await newer.increment('a', 7)
    // Whichever of them holds the lock.
    await until(async () => (await older.drain(300)) || (await newer.drain(300)), 'what waits is saved')
    expect(source.calls.map((operations) => operations.length)).toEqual([1])
    expect(source.sums.get('a')).toBe(12)
    expect(await redis.exists(`${head}waiting`)).toBe(0)
  })

  test('a stream that a standalone Redis took into a cluster is flushed there', async () => {
    const cluster = await startRedisCluster(3)
    afterwards(() => cluster.stop())
    const { items, source, health } = open<number>({ cluster: [...cluster.urls] }, { counters: true }, undefined, {
      commandTimeout: 5_000,
    })
    await until(() => items.increment('first').then((_) => true), 'the cluster is connected')
    await items.drain()
    const client = new Redis.Cluster([...cluster.urls])
    afterwards(() => client.disconnect())
    // All keys of a standalone Redis are in group 0; of 16 groups they have others.
    for (let index = 0; index < 20; index++) {
      await client.xadd(`${head}stream`, '*', 'o', `id-${index}`, 'k', `key-${index}`, 'b', '1', 's', '0')
    }
    expect(await items.drain()).toBe(true)
    expect(source.sums.size).toBe(21)
    expect(source.dropped).toBe(0)
    expect(health()?.failure).toBeUndefined()
  })
})
