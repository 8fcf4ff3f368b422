import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { startRedisCluster } from './redis-cluster.ts'
import { type RedisServer, startRedisServer } from './redis-server.ts'

const clean: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const step of clean.splice(0).reverse()) await step()
})

async function serverAndClient(settings?: Record<string, string>): Promise<{ server: RedisServer; client: Redis }> {
  const server = await startRedisServer(settings)
  clean.push(() => server.stop())
  return { server, client: connectTo(server.url) }
}

function connectTo(url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => 20 })
  client.on('error', () => {})
  clean.push(() => client.disconnect())
  return client
}

test('takes its settings', async () => {
  const { client } = await serverAndClient({
    maxmemory: '10mb',
    'maxmemory-policy': 'noeviction',
    'client-output-buffer-limit': 'normal 1mb 0 0',
  })
  expect(await client.config('GET', 'maxmemory', 'bind', 'save')).toEqual(
    expect.arrayContaining(['maxmemory', String(10 * 1024 * 1024), 'bind', '127.0.0.1', 'save', '']),
  )
  expect(await client.config('GET', 'client-output-buffer-limit')).toContainEqual(
    expect.stringContaining('normal 1048576 0 0'),
  )
})

test('frozen it answers nothing, thawed it answers what had been asked', async () => {
  const { server, client } = await serverAndClient()
  await client.set('key', 'value')
  await server.freeze()
  const answers: (string | null)[] = []
  const answered = client.get('key').then((answer) => answers.push(answer))
  const impatient = new Redis(server.url, { commandTimeout: 200, retryStrategy: () => null })
  clean.push(() => impatient.disconnect())
  impatient.on('error', () => {})
  await expect(impatient.ping()).rejects.toThrow()
  expect(answers).toEqual([])
  await server.thaw()
  await answered
  expect(answers).toEqual(['value'])
})

test('killed and started again it is the same server, empty', async () => {
  const { server, client } = await serverAndClient()
  await client.set('key', 'value')
  await server.kill()
  await server.start()
  expect(await client.get('key')).toBeNull()
})

test('stops when frozen, and when dead', async () => {
  const { server } = await serverAndClient()
  await server.freeze()
  await server.stop()
  await server.stop()
  await expect(server.freeze()).resolves.toBeUndefined()
})

test('a port that is taken is an error that says so', async () => {
  const { server } = await serverAndClient()
  await expect(startRedisServer({}, server.port)).rejects.toThrow(/in use/)
})

test('the nodes of a cluster share the slots', async () => {
  const cluster = await startRedisCluster(3)
  clean.push(() => cluster.stop())
  const client = connectTo(cluster.urls[0] ?? '')
  expect(await client.cluster('INFO')).toMatch(/cluster_state:ok[\s\S]*cluster_slots_assigned:16384/)
  expect(cluster.nodes).toHaveLength(3)
})
