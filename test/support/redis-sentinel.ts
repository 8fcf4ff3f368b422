import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { findRedisServer } from '../../scripts/redis-server.ts'
import { freePort } from './free-port.ts'
import { reapWithThisProcess } from './reaper.ts'
import { type ReplicatedPair, startReplicatedPair } from './redis-replica.ts'
import { until } from './until.ts'

export interface RedisSentinel {
  readonly port: number
  /** Makes a replica the primary and answers when the sentinel says so. */
  failover(): Promise<void>
  primaryPort(): Promise<number>
  stop(): Promise<void>
}

/** One sentinel that watches a primary on the loopback interface; resolves once it knows a replica. */
export async function startRedisSentinel(primaryPort: number, name: string): Promise<RedisSentinel> {
  const program = await findRedisServer()
  if (program.kind !== 'process') throw new Error('a sentinel needs a redis-server on PATH')
  const folder = await mkdtemp(join(tmpdir(), 'redis-sentinel-'))
  const file = join(folder, 'sentinel.conf')
  const port = await freePort()
  await writeFile(
    file,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor ${name} 127.0.0.1 ${primaryPort} 1`,
      `sentinel down-after-milliseconds ${name} 2000`,
      `sentinel failover-timeout ${name} 5000`,
    ].join('\n'),
  )
  const child = spawn(program.path, [file, '--sentinel'], { detached: true, stdio: 'ignore' })
  reapWithThisProcess(child)
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 50 })
  client.on('error', () => {})

  const stop = async (): Promise<void> => {
    client.disconnect()
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    }
    await rm(folder, { recursive: true, force: true })
  }
  const knownPrimary = async (): Promise<number> => {
    const address = (await client.call('SENTINEL', 'get-master-addr-by-name', name)) as [string, string]
    return Number(address[1])
  }
  try {
    await until(
      async () => ((await client.call('SENTINEL', 'replicas', name)) as unknown[]).length > 0,
      'the sentinel knows a replica',
      20_000,
    )
  } catch (error) {
    await stop()
    throw error
  }
  return {
    port,
    primaryPort: knownPrimary,
    failover: async () => {
      const before = await knownPrimary()
      await until(
        async () => (await client.call('SENTINEL', 'failover', name).catch(() => undefined)) === 'OK',
        'the sentinel accepts the order to fail over',
      )
      await until(async () => (await knownPrimary()) !== before, 'another server is the primary', 20_000)
    },
    stop,
  }
}

export interface WatchedPair extends ReplicatedPair {
  readonly sentinel: RedisSentinel
}

/** A primary, its replica, and a sentinel that watches them under the name shop-primary. */
export async function startWatchedPair(afterwards: (step: () => unknown) => void): Promise<WatchedPair> {
  const pair = await startReplicatedPair(afterwards)
  const sentinel = await startRedisSentinel(pair.primary.port, 'shop-primary')
  afterwards(() => sentinel.stop())
  return { ...pair, sentinel }
}
