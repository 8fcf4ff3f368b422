import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { describe, expect } from 'vitest'
import { createCache, type NamespaceOptions, type Priority } from '../../packages/core/src/index.ts'
import { fillTo, patience, startOperated } from '../support/pressure-redis.ts'
import { test } from '../support/pressure-test.ts'
import { until } from '../support/until.ts'

type Afterwards = (step: () => unknown) => void

const minute = 60_000

/** A cache on a Redis of 16 MB under noeviction that is so full, in the mode that this calls for. */
async function openAt(afterwards: Afterwards, fill: number, mode: string) {
  const { redis, operator } = await startOperated(afterwards, { maxmemory: '16mb', 'maxmemory-policy': 'noeviction' })
  await fillTo(operator, fill)
  const cache = createCache({
    ...{ name: 'shop', redis: redis.url, commandTimeout: '5s', connectTimeout: '5s', pressure: { interval: '1s' } },
  })
  afterwards(() => cache.close())
  await until(() => cache.health().targets['main']?.mode === mode, `the mode is ${mode}`, patience)
  const open = (
    name: string,
    priority: Priority,
    load: (key: string) => string,
    more: Partial<NamespaceOptions<string>> = {},
  ) => cache.namespace<string>({ name, priority, ttl: 10 * minute, ttlJitter: 0, local: false, load, ...more })
  return { cache, operator, open }
}

const isStored = async (operator: Redis, namespace: string, key: string) =>
  (await operator.exists(`shop:{${namespace}:${key}}:v`)) === 1
const life = (operator: Redis, namespace: string, key: string) => operator.pttl(`shop:{${namespace}:${key}}:v`)

describe.concurrent('what a mode does to reads and writes', () => {
  test('conserving: expendable entries live half as long and without a reserve, large ones stay here, and all are packed tighter', async ({
    afterwards,
  }) => {
    const { cache, operator, open } = await openAt(afterwards, 0.84, 'conserving')
    const value = (key: string) => `${key} ${'compressible '.repeat(200)}`
    const reserve = { staleIfError: '20m' } as const
    const expendable = open('suggestion', 'expendable', value, reserve)
    const normal = open('page', 'normal', value, reserve)
    const essential = open('session', 'essential', value, reserve)
    await Promise.all([expendable.get('a'), normal.get('a'), essential.get('a')])
    await until(() => isStored(operator, 'suggestion', 'a'), 'it is stored', patience)
    await until(() => isStored(operator, 'page', 'a'), 'it is stored', patience)
    await until(() => isStored(operator, 'session', 'a'), 'it is stored', patience)
    const minutes = async (namespace: string) => Math.round((await life(operator, namespace, 'a')) / minute)
    expect([await minutes('suggestion'), await minutes('page'), await minutes('session')]).toEqual([5, 20, 30])
    // 2.6 KB, below the usual threshold of compression.
    expect(await operator.strlen('shop:{page:a}:v')).toBeLessThan(500)

    const noise = randomBytes(120_000).toString('hex')
    const large = open('report', 'normal', () => noise)
    const largeButEssential = open('cart', 'essential', () => noise, { compression: false })
    expect(await large.get('a')).toBe(noise)
    expect(await largeButEssential.get('a')).toBe(noise)
    await until(() => isStored(operator, 'cart', 'a'), 'what is essential is stored however large', patience)
    await until(() => cache.health().namespaces['report']?.storesSkipped === 1, 'the large one is kept back', patience)
    expect(await isStored(operator, 'report', 'a')).toBe(false)
    await large.set('b', noise)
    expect(await isStored(operator, 'report', 'b')).toBe(false)
  })

  test('shedding: expendable writes stop, of the normal ones a share passes, essential ones go on', async ({
    afterwards,
  }) => {
    const { cache, operator, open } = await openAt(afterwards, 0.92, 'shedding')
    const value = (key: string) => `value of ${key}`
    const stored = async (namespace: string) => (await operator.keys(`shop:{${namespace}:*}:v`)).length
    const ask = async (name: string, priority: Priority) => {
      const namespace = open(name, priority, value)
      for (let index = 0; index < 40; index++) expect(await namespace.get(`key-${index}`)).toBe(`value of key-${index}`)
      const settled = () => {
        const { stores = 0, storesSkipped = 0 } = cache.health().namespaces[name] ?? {}
        return stores + storesSkipped === 40
      }
      await until(settled, 'each is stored or was kept back', patience)
      return stored(name)
    }
    expect(await ask('session', 'essential')).toBe(40)
    expect(await ask('suggestion', 'expendable')).toBe(0)
    const normal = await ask('page', 'normal')
    expect(normal).toBeGreaterThan(0)
    expect(normal).toBeLessThan(40)
    expect(cache.health().targets['main']?.writes).toMatchObject({ refusal: undefined, refused: 0 })

    // What was there before is not left behind by a write that is kept back.
    const suggestions = open('older', 'expendable', value)
    await operator.set('shop:{older:a}:v', 'an older entry')
    await suggestions.set('a', 'newer')
    expect(await isStored(operator, 'older', 'a')).toBe(false)
  })
})
