import type { Redis } from 'ioredis'
import { Connection } from './connection.ts'
import { firstAnswers } from './first-answers.ts'
import { NodeNames } from './node-names.ts'
import type { Client, Topology } from './topology.ts'
import { classify } from './trouble.ts'

/** What a node answered to one look. */
export interface NodeAnswer {
  /** `1`, or the number of a cluster's primary: a name that may stand in a metric, and stays with the node. */
  readonly node: string
  /** INFO, or what is left without the right to it. */
  readonly info: string | undefined
  readonly memoryStats: unknown
  readonly keys: number | undefined
}

export interface HealthEvents {
  onReady(): void
  onClosed(): void
}

const longestSilence = 30_000
// A slow answer is an answer: nobody waits for it.
const deadline = 2_000
// After this the nodes that are silent are not waited for, where others have answered.
const nodeDeadline = 1_500
// INFO takes several sections from Redis 7.0 on; before that it refuses them.
const sections = ['server', 'clients', 'memory', 'persistence', 'stats', 'replication', 'errorstats', 'keyspace']
const mostNodes = 64

/**
 * The connection that asks Redis how it fares. One of its own, opened at the start and kept: where Redis takes no more
 * connections it is the only one that can still see that.
 */
export class HealthConnection {
  readonly #connection: Connection
  readonly #names = new NodeNames()
  #several: boolean | undefined
  #infoDenied = false

  constructor(topology: Topology, events: HealthEvents) {
    this.#connection = new Connection(
      topology,
      'primary',
      longestSilence,
      {
        onReady: () => {
          // Another server, another version, other rights.
          this.#several = undefined
          this.#infoDenied = false
          events.onReady()
        },
        onClose: () => events.onClosed(),
        onError: () => {},
      },
      'health',
    )
  }

  get ready(): boolean {
    return this.#connection.ready
  }

  /** Asks every node that takes writes. A node that does not answer is left out; rejects where none does. */
  look(): Promise<NodeAnswer[]> {
    return this.#connection.run((client) => {
      const nodes = nodesOf(client)
      const names = this.#names.of(nodes.map(addressOf))
      const asked = nodes.map(async (node, index) => ({ node: names[index] ?? '', ...(await this.#ask(node)) }))
      return firstAnswers(asked, nodeDeadline)
    }, deadline)
  }

  /** MEMORY USAGE of keys, with its default samples; null for those that are not there. Undefined without the right. */
  async memoryUsage(keys: readonly string[]): Promise<(number | null)[] | undefined> {
    try {
      return await this.#connection.run(
        (client) => Promise.all(keys.map((key) => client.memory('USAGE', key) as Promise<number | null>)),
        deadline,
      )
    } catch {
      return undefined
    }
  }

  get(key: string): Promise<string | null> {
    return this.#connection.run((client) => client.get(key), deadline)
  }

  async set(key: string, value: string, milliseconds: number): Promise<void> {
    await this.#connection.run((client) => client.set(key, value, 'PX', milliseconds), deadline)
  }

  async delete(key: string): Promise<void> {
    await this.#connection.run((client) => client.unlink(key), deadline)
  }

  close(): void {
    this.#connection.close()
  }

  async #ask(node: Redis): Promise<Omit<NodeAnswer, 'node'>> {
    if (!this.#infoDenied) {
      try {
        return { info: await this.#info(node), memoryStats: undefined, keys: undefined }
      } catch (error) {
        if (classify(error) !== 'noperm') throw error
        this.#infoDenied = true
      }
    }
    // INFO is @dangerous, MEMORY STATS and DBSIZE are not.
    const [memoryStats, keys] = await Promise.all([
      nothingWithoutRight(node.call('MEMORY', 'STATS')),
      nothingWithoutRight(node.dbsize()),
    ])
    return { info: undefined, memoryStats, keys }
  }

  async #info(node: Redis): Promise<string> {
    if (this.#several === false) return await node.info()
    try {
      const text = String(await node.call('INFO', ...sections))
      this.#several = true
      return text
    } catch (error) {
      if (classify(error) !== 'reply') throw error
      this.#several = false
      return await node.info()
    }
  }
}

function nodesOf(client: Client): Redis[] {
  if (!('nodes' in client)) return [client]
  return client
    .nodes('master')
    .sort((left, right) => addressOf(left).localeCompare(addressOf(right)))
    .slice(0, mostNodes)
}

function addressOf({ options }: Redis): string {
  return `${options.host}:${options.port}`
}

function nothingWithoutRight<T>(reply: Promise<T>): Promise<T | undefined> {
  return reply.catch((error: unknown) => {
    if (classify(error) === 'noperm' || classify(error) === 'reply') return undefined
    throw error
  })
}
