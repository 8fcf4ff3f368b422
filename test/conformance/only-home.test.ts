import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { createCache, WriteRefusedError } from '../../packages/core/src/index.ts'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()

/** A Redis that is the only home of what processes keep there. */
async function start() {
  const redis = await startRedisServer({ 'maxmemory-policy': 'noeviction' })
  afterwards(() => redis.stop())
  const operator = new Redis(redis.url)
  afterwards(() => operator.disconnect())
  const open = async () => {
    const cache = createCache({ name: 'shop', redis: redis.url, commandTimeout: 5_000 })
    afterwards(() => cache.close())
    const namespace = cache.namespace<string>({
      ...{ name: 'token', priority: 'essential', local: false, compression: false, ttl: '1h' },
    })
    await until(() => cache.health().mode === 'normal' && cache.health().redis.status === 'ready', 'Redis is used')
    return namespace
  }
  return { operator, open }
}

test('what a value would replace is still there where Redis has no room for that one', async () => {
  const { operator, open } = await start()
  const tokens = await open()
  await tokens.set('a', 'old')
  const used = Number(/used_memory:(\d+)/.exec(await operator.info('memory'))?.[1])
  await operator.config('SET', 'maxmemory', used + 600_000)
  const large = randomBytes(500_000).toString('base64')
  await expect(tokens.set('a', large)).rejects.toBeInstanceOf(WriteRefusedError)
  expect(await tokens.get('a')).toBe('old')
})

test('of many writes at the same time those that are acknowledged are not lost', async () => {
  const { open } = await start()
  const processes = [await open(), await open(), await open()]
  await processes[0]?.set('a', 'first')
  for (let round = 0; round < 50; round++) {
    const outcomes = await Promise.all(
      processes.map(async (tokens, index) => {
        const value = `${round} of ${index}`
        return await tokens.set('a', value).then(
          () => value,
          () => undefined,
        )
      }),
    )
    const acknowledged = outcomes.filter((value) => value !== undefined)
    expect(acknowledged).not.toEqual([])
    expect(acknowledged).toContain(await processes[0]?.get('a'))
  }
})
