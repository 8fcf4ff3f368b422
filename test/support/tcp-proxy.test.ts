import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

let server: RedisServer
let proxy: TcpProxy
let client: Redis

beforeAll(async () => {
  server = await startRedisServer()
})

afterAll(() => server.stop())

beforeEach(async () => {
  proxy = await startTcpProxy(server.port)
  client = new Redis(proxy.port, '127.0.0.1', { maxRetriesPerRequest: 0, retryStrategy: () => 10 })
  client.on('error', () => {})
  await client.ping()
})

afterEach(async () => {
  client.disconnect()
  await proxy.stop()
})

test('passes everything on, large values too', async () => {
  const value = 'x'.repeat(5_000_000)
  await client.set('large', value)
  expect(await client.get('large')).toBe(value)
})

test('cut, it drops and refuses connections until restored', async () => {
  const dropped = new Promise((resolve) => client.once('close', resolve))
  await proxy.cut()
  await dropped
  const refused = await new Promise<NodeJS.ErrnoException>((resolve) => client.once('error', resolve))
  expect(refused.code).toBe('ECONNREFUSED')
  const back = new Promise((resolve) => client.once('ready', resolve))
  await proxy.restore()
  await back
  expect(await client.ping()).toBe('PONG')
})

test('stalled, it passes nothing until restored, and then all of it in order', async () => {
  proxy.stall()
  const answers: string[] = []
  const asked = ['one', 'two', 'three'].map(async (word) => answers.push(await client.echo(word)))
  // The server answers others meanwhile, through no proxy.
  const direct = new Redis(server.url)
  expect(await direct.ping()).toBe('PONG')
  direct.disconnect()
  expect(answers).toEqual([])
  await proxy.restore()
  await Promise.all(asked)
  expect(answers).toEqual(['one', 'two', 'three'])
})

test('stalled, it still accepts connections', async () => {
  proxy.stall()
  const newcomer = new Redis(proxy.port, '127.0.0.1', { enableReadyCheck: false })
  await new Promise((resolve) => newcomer.once('connect', resolve))
  newcomer.disconnect()
})

test('delayed, it keeps the order of what passes', async () => {
  proxy.delay(30)
  const answers: string[] = []
  const first = client.echo('slow').then((answer) => answers.push(answer))
  await first
  await proxy.restore()
  await client.echo('fast').then((answer) => answers.push(answer))
  expect(answers).toEqual(['slow', 'fast'])
})
