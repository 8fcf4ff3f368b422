import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createCache } from '@plimsoll/core'
import { collectMetrics } from '@plimsoll/core/metrics'
import { Registry } from 'prom-client'

const cache = createCache({
  name: 'shop',
  redis: process.env['REDIS_URL'],
  pressure: { interval: Number(process.env['LOOK_EVERY_MS'] ?? 10_000) },
})
const products = cache.namespace({ name: 'product', ttl: '5m', load: async (id) => ({ id, name: `Product ${id}` }) })

const register = new Registry()
collectMetrics(cache, { register })

const server = createServer(async (request, response) => {
  const [, place, id = ''] = (request.url ?? '').split('/')
  try {
    if (place === 'metrics') {
      response.setHeader('content-type', register.contentType)
      response.end(await register.metrics())
    } else if (place === 'health') {
      const { mode, reasons, findings } = cache.health()
      // Always 200: the service answers, and restarting it mends no Redis.
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ mode, reasons, findings }))
    } else if (place === 'products') {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(await products.get(id)))
    } else {
      response.writeHead(404).end()
    }
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
})

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})

process.once('SIGTERM', async () => {
  server.close()
  server.closeAllConnections()
  await cache.close()
})
