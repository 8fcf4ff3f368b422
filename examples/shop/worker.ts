import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { announceReady, liveWithParent, report, settingsFromParent } from './child.ts'
import { type DatabaseSettings, openProductTable } from './product-table.ts'
import { type Condition, createApp, type Shop } from './shop.ts'

export interface WorkerSettings {
  readonly side: 'plimsoll' | 'plain'
  readonly redisUrl: string
  readonly database: DatabaseSettings
}

export interface WorkerReport {
  readonly at: number
  readonly queries: number
  readonly condition: Condition | undefined
}

const { side, redisUrl, database } = settingsFromParent<WorkerSettings>()
const table = openProductTable(database)
const shop = await openShop()

const server = createServer(createApp(shop))
// Longer than the demo: a connection closed by the server just as a request is sent would count against the shop.
server.keepAliveTimeout = 300_000
server.listen(0, '127.0.0.1')
await once(server, 'listening')

// Each process loads only the shop that it is.
async function openShop(): Promise<Shop> {
  if (side === 'plain') return (await import('./shop-plain.ts')).createPlainShop(table, redisUrl)
  return (await import('./shop-plimsoll.ts')).createPlimsollShop(table, redisUrl, database.connections)
}

const reporting = setInterval(() => {
  report({ at: performance.now(), queries: table.queries, condition: shop.condition?.() } satisfies WorkerReport)
}, 250)

liveWithParent(async () => {
  clearInterval(reporting)
  server.closeAllConnections()
  server.close()
  await shop.close()
  await table.close()
})
announceReady(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
