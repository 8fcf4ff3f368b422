import { availableParallelism, cpus, loadavg } from 'node:os'
import { findRedisServer } from '../scripts/redis-server.ts'
import { type Peer, versionOf } from './peers/index.ts'

export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly node: string
  readonly redis: string
  /** Of the last minute, before the run: more than a little and the figures are those of a busy machine. */
  readonly loadAverage: number
  readonly versions: Readonly<Record<string, string>>
}

/** What a figure of this run depends on. */
export async function describeMachine(peers: readonly Peer[]): Promise<Machine> {
  const { version } = await findRedisServer()
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    node: process.version,
    redis: version,
    loadAverage: loadavg()[0] ?? Number.NaN,
    versions: Object.fromEntries(await Promise.all(peers.map(async (peer) => [peer.name, await versionOf(peer)]))),
  }
}

export function machineLine({ processor, cores, node, redis, loadAverage, versions }: Machine): string {
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${cores} × ${processor}, Node ${node}, Redis ${redis}, load average ${loadAverage.toFixed(1)}; ${libraries.join(', ')}`
}
