// Fifty readers come at the moment in which an entry has expired: one of them loads, the others wait for it.
import { setTimeout as sleep } from 'node:timers/promises'
import { createCache } from '@plimsoll/core'

let loads = 0
const cache = createCache({ name: 'exercise', redis: process.env.REDIS_URL })
const pages = cache.namespace({
  name: 'page',
  ttl: '50ms',
  async load(name) {
    loads += 1
    await sleep(100)
    return `page ${name}, rendering ${loads}`
  },
})

await pages.get('home')
await sleep(60)
const answers = await Promise.all(Array.from({ length: 50 }, () => pages.get('home')))
console.log(`${answers.length} answers, ${new Set(answers).size} value, ${loads - 1} load`)
await cache.close()
