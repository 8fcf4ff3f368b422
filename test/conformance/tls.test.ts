import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { openCache, untilReady } from '../support/open-cache.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { startTlsTerminator } from '../support/tls-terminator.ts'

const afterwards = cleanup()

async function start() {
  const redis = await startRedisServer()
  afterwards(() => redis.stop())
  const terminator = await startTlsTerminator(redis.port)
  afterwards(() => terminator.stop())
  return terminator
}

function open(options: Parameters<typeof openCache>[0]) {
  const opened = openCache(options)
  afterwards(() => opened.cache.close())
  return opened
}

test.each(['127.0.0.1', 'localhost'])('by rediss:// and the certificate of its authority, at %s', async (host) => {
  const { port, certificate } = await start()
  const redis = { primary: `rediss://${host}:${port}`, tls: { ca: certificate.cert } }
  const first = open({ redis })
  const second = open({ redis: { primary: { host, port }, tls: { ca: certificate.cert } } })
  await Promise.all([untilReady(first), untilReady(second)])
  await first.items.set('key', 'value')
  expect(await second.items.get('key')).toBe('value')
  expect(second.loaded).toEqual([])
})

test('without a check of the certificate, where the options say so', async () => {
  const { port } = await start()
  const opened = open({ redis: { primary: { host: '127.0.0.1', port }, tls: { rejectUnauthorized: false } } })
  await untilReady(opened)
})

test('a certificate that nobody vouches for is not accepted, and the service works without Redis', async () => {
  const { port } = await start()
  const { cache, items } = open({ redis: `rediss://127.0.0.1:${port}` })
  expect(await items.get('key')).toBe('loaded key')
  expect(cache.health()).toMatchObject({ mode: 'local-only', redis: { status: 'unavailable' } })
})
