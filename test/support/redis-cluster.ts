import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { platform } from 'node:process'
import { Redis } from 'ioredis'
import { findRedisServer } from '../../scripts/redis-server.ts'
import { freePort } from './free-port.ts'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import { until } from './until.ts'

export interface RedisCluster {
  readonly nodes: readonly RedisServer[]
  readonly urls: readonly string[]
  stop(): Promise<void>
}

const slots = 16_384

/** A real cluster of primaries on the loopback interface that share the slots evenly; resolves once every node finds it whole. */
export async function startRedisCluster(count = 3): Promise<RedisCluster> {
  const program = await findRedisServer()
  if (program.kind === 'container' && platform !== 'linux') {
    throw new Error('cluster nodes in Docker cannot reach each other here: install redis-server (brew install redis)')
  }
  const folder = await mkdtemp(join(tmpdir(), 'redis-cluster-'))
  const nodes: RedisServer[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
    await rm(folder, { recursive: true, force: true })
  }
  try {
    for (let index = 0; index < count; index++) {
      nodes.push(await startNode(program.kind === 'process' ? folder : '/tmp'))
    }
    await shareSlots(nodes)
  } catch (error) {
    await stop()
    throw error
  }
  return { nodes, urls: nodes.map((node) => node.url), stop }
}

async function startNode(folder: string): Promise<RedisServer> {
  const port = await freePort()
  return startRedisServer(
    {
      dir: folder,
      'cluster-enabled': 'yes',
      'cluster-config-file': `nodes-${port}.conf`,
      'cluster-node-timeout': '2000',
    },
    port,
  )
}

async function shareSlots(nodes: readonly RedisServer[]): Promise<void> {
  const clients = nodes.map((node) => new Redis(node.url, { maxRetriesPerRequest: 1 }))
  try {
    const [first] = clients
    await Promise.all(
      clients.map(async (client, index) => {
        const from = Math.floor((slots * index) / clients.length)
        const to = Math.floor((slots * (index + 1)) / clients.length)
        // Distinct epochs from the start: nodes that all begin with epoch 0 spend seconds on settling who is right.
        await client.cluster('SET-CONFIG-EPOCH', index + 1)
        // Not ADDSLOTSRANGE, which Redis 6 does not know.
        await client.cluster('ADDSLOTS', ...Array.from({ length: to - from }, (_, offset) => from + offset))
      }),
    )
    for (const node of nodes.slice(1)) await first?.cluster('MEET', '127.0.0.1', node.port)
    await until(
      async () => (await Promise.all(clients.map((client) => isWhole(client, nodes.length)))).every(Boolean),
      'every node of the cluster finds it whole',
      20_000,
    )
  } finally {
    for (const client of clients) client.disconnect()
  }
}

async function isWhole(client: Redis, count: number): Promise<boolean> {
  const info = String(await client.cluster('INFO'))
  return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${count}\r`)
}
