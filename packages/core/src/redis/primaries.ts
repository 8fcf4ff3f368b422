import type { Cluster, Redis } from 'ioredis'
import { type Client, retryStrategy } from './topology.ts'

export function isClusterClient(client: Client): client is Cluster {
  return 'nodes' in client
}

/** Keeps one of whatever `open` makes of a connection for each primary of a cluster, as primaries come and go. */
export class Primaries<T extends { close(): void }> {
  readonly #cluster: Cluster
  readonly #open: (connection: Redis) => T
  readonly #opened = new Map<string, T>()

  constructor(cluster: Cluster, open: (connection: Redis) => T) {
    this.#cluster = cluster
    this.#open = open
    // Only then are the nodes those that hold slots: one that is down leaves them in between, and comes back.
    cluster.on('refresh', () => this.#renew())
  }

  get opened(): readonly T[] {
    return [...this.#opened.values()]
  }

  /** Asks the cluster who holds its slots: no event tells of a failover or a node that joined. */
  look(): void {
    if (this.#cluster.status === 'ready') this.#cluster.refreshSlotsCache()
  }

  close(): void {
    for (const one of this.#opened.values()) one.close()
    this.#opened.clear()
  }

  #renew(): void {
    const nodes = new Map(
      this.#cluster.nodes('master').map((node) => [`${node.options.host}:${node.options.port}`, node]),
    )
    for (const [address, one] of this.#opened) {
      if (nodes.has(address)) continue
      one.close()
      this.#opened.delete(address)
    }
    for (const [address, node] of nodes) {
      if (!this.#opened.has(address)) this.#opened.set(address, this.#open(this.#connectionTo(node)))
    }
  }

  // ioredis gives the nodes of a cluster a queue and no second attempt; a connection that is to hold needs the opposite.
  #connectionTo(node: Redis): Redis {
    return node.duplicate({ lazyConnect: true, enableOfflineQueue: false, retryStrategy })
  }
}
