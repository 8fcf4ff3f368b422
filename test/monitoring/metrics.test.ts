import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Cache, createCache } from '../../packages/core/src/index.ts'
import { collectMetrics, metricCatalogue } from '../../packages/core/src/metrics/index.ts'
import { findPrometheus } from '../../scripts/prometheus.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const programs = await findPrometheus()
const missing = 'reason' in programs ? ` (skipped: ${programs.reason})` : ''
const promtool = 'promtool' in programs ? programs.promtool : ''

let redis: RedisServer
let cache: Cache
// The package's own: this folder has none.
const { Registry } = createRequire(new URL('../../packages/core/package.json', import.meta.url))(
  'prom-client',
) as typeof import('../../packages/core/node_modules/prom-client/index.js')
const register = new Registry()

beforeAll(async () => {
  redis = await startRedisServer({ maxmemory: '64mb', 'maxmemory-policy': 'allkeys-lru' })
  cache = createCache({ name: 'shop', redis: redis.url })
  collectMetrics(cache, { register })
})

afterAll(async () => {
  await cache.close()
  await redis.stop()
})

const value = async (series: string): Promise<number | undefined> => {
  const line = (await register.metrics()).split('\n').find((one) => one.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}
const request = (result: string, op = 'get') =>
  value(`plimsoll_requests_total{cache="shop",namespace="product",op="${op}",result="${result}"}`)

describe('a real cache on a real Redis', () => {
  test('tells what its gets came to', async () => {
    const products = cache.namespace<string>({
      name: 'product',
      ttl: '1m',
      negativeTtl: '1m',
      local: false,
      load: async (key) => (key === 'none' ? undefined : `value of ${key}`),
      save: async () => {},
    })
    await until(() => cache.health().redis.status === 'ready', 'the cache is connected')
    for (const key of ['a', 'none']) await products.get(key)
    await until(() => cache.statistics().namespaces['product']?.counters.stores === 2, 'both are stored')
    expect(await Promise.all(['a', 'a', 'none'].map((key) => products.get(key)))).toHaveLength(3)
    await products.set('b', 'B')
    await products.delete('b')
    expect(await request('miss')).toBe(2)
    expect(await request('hit')).toBe(1)
    expect(await request('negative')).toBe(1)
    expect(await value('plimsoll_loads_coalesced_total{cache="shop",namespace="product"}')).toBe(1)
    expect(await request('ok', 'set')).toBe(1)
    expect(await request('ok', 'del')).toBe(1)
    expect(await value('plimsoll_request_duration_seconds_count{cache="shop",namespace="product",op="get"}')).toBe(4)
    expect(await value('plimsoll_payload_bytes_count{cache="shop",namespace="product"}')).toBe(3)
    expect(await value('plimsoll_redis_commands_total{cache="shop",target="main",kind="read"}')).toBe(3)
    expect(await value('plimsoll_redis_errors_total{cache="shop",target="main",class="oom"}')).toBe(0)
  })

  test('tells what Redis says of itself', async () => {
    const known = 'plimsoll_server_maxmemory_policy_info{cache="shop",target="main",node="1",policy="allkeys-lru"}'
    await until(async () => (await value(known)) === 1, 'Redis was looked at')
    expect(await value('plimsoll_server_memory_max_bytes{cache="shop",target="main",node="1"}')).toBe(64 * 1024 ** 2)
    expect(await value('plimsoll_server_up{cache="shop",target="main",node="1"}')).toBe(1)
    expect(await value('plimsoll_target_available{cache="shop",target="main"}')).toBe(1)
  })

  test.skipIf(missing)(`promtool check metrics${missing}`, async () => {
    const checked = spawnSync(promtool, ['check', 'metrics'], { input: await register.metrics(), encoding: 'utf8' })
    expect(`${checked.stdout}${checked.stderr}`).toBe('')
    expect(checked.status).toBe(0)
  })

  test('names no address, and nothing that is not in the catalogue', async () => {
    const text = await register.metrics()
    expect(text).not.toContain(String(redis.port))
    expect(text).not.toContain('127.0.0.1')
    const exposed = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name)
    expect(exposed.sort()).toEqual(metricCatalogue.map(({ name }) => name).sort())
  })

  test('goes on when Redis is gone', async () => {
    const products = cache.namespace<string>({ name: 'spare', ttl: '1m', local: false, load: async (key) => key })
    await redis.kill()
    await until(async () => {
      await products.get('any')
      return (await value('plimsoll_circuit_state{cache="shop",target="main",path="read",state="open"}')) === 1
    }, 'the read breaker opens')
    expect(await value('plimsoll_target_available{cache="shop",target="main"}')).toBe(0)
    expect(await value('plimsoll_mode{cache="shop",target="main"}')).toBe(4)
    const bypasses = 'plimsoll_requests_total{cache="shop",namespace="spare",op="get",result="bypass"}'
    expect(await value(bypasses)).toBeGreaterThan(0)
    const errors = 'plimsoll_redis_errors_total{cache="shop",target="main",class="connection"}'
    expect(await value(errors)).toBeGreaterThan(0)
  })
})
