import { createCache } from '@plimsoll/core'
import { collectMetrics } from '@plimsoll/core/metrics'
import { register } from 'prom-client'

const cache = createCache({ name: 'shop', redis: process.env.REDIS_URL, memoryLimit: '64Mi' }) // of Redis' container
const carts = cache.namespace({ name: 'cart', ttl: '30m', priority: 'essential' }) // the last to be refused
collectMetrics(cache) // on prom-client's registry; alert rules and a dashboard come with the package

await carts.set('c-1', ['anchor'])
while (process.env.REDIS_URL !== undefined && cache.health().findings.length === 0) {
  await new Promise((resolve) => setTimeout(resolve, 50))
}
for (const { id, severity, title } of cache.health().findings) console.log(`${severity}: ${title} (${id})`)
console.log(await register.metrics())
await cache.close()
