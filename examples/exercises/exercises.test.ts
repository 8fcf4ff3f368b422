import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RedisServer, startRedisServer } from '../../test/support/redis-server.ts'

const folder = new URL('.', import.meta.url).pathname
let redis: RedisServer

beforeAll(async () => {
  redis = await startRedisServer()
})

afterAll(async () => {
  await redis.stop()
})

describe.each(['without Redis', 'with Redis'])('%s', (where) => {
  async function run(exercise: string): Promise<string> {
    const url = where === 'with Redis' ? { REDIS_URL: redis.url } : { REDIS_URL: undefined }
    const env = { ...process.env, ...url }
    return (await promisify(execFile)(process.execPath, ['--import', 'tsx', `${folder}${exercise}.ts`], { env })).stdout
  }

  test('cache-aside asks the database once', async () => {
    expect(await run('cache-aside')).toContain('1 query for two readers')
  })

  test('fifty readers of an expired entry make one load', async () => {
    expect(await run('stampede')).toBe('50 answers, 1 value, 1 load\n')
  })

  test('the statistics tell the hit rate', async () => {
    const output = await run('statistics')
    expect(output).toMatch(/^90 hits, 10 misses, 10 loads/)
    expect(output).toContain('hit rate 90 %')
  })

  test('a bound of 1 MiB holds, and popular products stay', async () => {
    const output = await run('eviction')
    expect(output).toContain('within its bound of 1048576 bytes')
    expect(Number(/^(\d+) loads for/m.exec(output)?.[1])).toBeLessThan(200)
  })
})
