import { expect, test } from 'vitest'
import type { CacheOptions } from '../../packages/core/src/index.ts'
import { cleanup } from '../support/cleanup.ts'
import { type FleetProcess, startFleet } from '../support/fleet.ts'
import { freePort } from '../support/free-port.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'
import type { CloseOrder } from './close.worker.ts'

const afterwards = cleanup()

interface Part {
  order<Reply>(order: CloseOrder): Promise<Reply>
  process: FleetProcess
}

async function start(redis: CacheOptions['redis']): Promise<Part> {
  const options: CacheOptions = { name: 'shop', redis }
  const fleet = await startFleet(new URL('./close.worker.ts', import.meta.url), 1, [JSON.stringify(options)])
  afterwards(() => fleet.kill('SIGKILL'))
  const process = fleet.processes[0] as FleetProcess
  return { process, order: (order) => process.request(order) }
}

async function startRedis() {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  return redis
}

const answers = ['set', 'value of second']

/** Closes, and waits until the process has nothing left of the cache and ends by itself. */
async function expectCleanEnd({ order, process }: Part): Promise<void> {
  await order('close')
  await until(
    async () => (await order<string[]>('resources that are left')).length === 0,
    'nothing of the cache is left in the process',
    5_000,
  )
  await process.stop()
}

test('closed while Redis is well, the process ends by itself', async () => {
  const part = await start((await startRedis()).url)
  expect(await part.order('open')).toEqual(answers)
  await expectCleanEnd(part)
})

test('closed while Redis is frozen', async () => {
  const redis = await startRedis()
  const part = await start(redis.url)
  expect(await part.order('open')).toEqual(answers)
  await redis.freeze()
  await expectCleanEnd(part)
})

test('closed where Redis was frozen from the start', async () => {
  const redis = await startRedis()
  await redis.freeze()
  const part = await start(redis.url)
  expect(await part.order('open')).toEqual(answers)
  await expectCleanEnd(part)
})

test('closed where Redis has been killed', async () => {
  const redis = await startRedis()
  const part = await start(redis.url)
  expect(await part.order('open')).toEqual(answers)
  await redis.kill()
  await expectCleanEnd(part)
})

test('closed where Redis was never there', async () => {
  const part = await start(`redis://127.0.0.1:${await freePort()}`)
  expect(await part.order('open')).toEqual(answers)
  await expectCleanEnd(part)
})

test('closed without a Redis', async () => {
  const part = await start(undefined)
  expect(await part.order('open')).toEqual(answers)
  await expectCleanEnd(part)
})

test.each(['well', 'frozen in part'])(
  'closed on a cluster that is %s, while copies of a hot key are made',
  async (state) => {
    const cluster = await startRedisCluster(3)
    afterwards(() => cluster.stop())
    const part = await start({ cluster: cluster.urls })
    expect(await part.order('open')).toEqual(answers)
    if (state !== 'well') await cluster.nodes[0]?.freeze()
    await part.order('start to make copies')
    await expectCleanEnd(part)
  },
)

test('a load under way is given up, and all use after close is refused', async () => {
  const part = await start((await startRedis()).url)
  await part.order('open')
  await part.order('start a load that never ends')
  expect(await part.order('close')).toBe('PLIMSOLL_CACHE_CLOSED')
  expect(await part.order('use after close')).toEqual([...Array(7).fill('CacheClosedError'), 'fulfilled'])
  await until(
    async () => (await part.order<string[]>('resources that are left')).length === 0,
    'nothing of the cache is left in the process',
    5_000,
  )
  await part.process.stop()
})
