import { createCache } from '../../packages/core/src/index.ts'
import { answerRequests } from './fleet-worker.ts'
import { WarmingSource } from './warming-source.ts'

const [redis = '', database = ''] = process.argv.slice(2)
const source = new WarmingSource(database, 20)
const cache = createCache({ name: 'shop', redis, commandTimeout: '1s', local: false })
const items = cache.namespace<string>({ name: 'item', ttl: '5m', loadMany: source.readMany })
const keys = Array.from({ length: 50 }, (_, index) => `key-${index}`)
const refreshing = items.refreshEvery('1s', { keys })

/** Whether this process is the one that refreshes. */
answerRequests<'leads', boolean>(
  () => refreshing.leads,
  async () => {
    await cache.close()
    source.close()
  },
)
