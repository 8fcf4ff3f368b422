import { Breaker, type BreakerState } from '../breaker/breaker.ts'
import { Connection } from './connection.ts'
import type { Client, Role, Topology } from './topology.ts'
import { classify, isOutage, RedisUnavailableError } from './trouble.ts'

export interface EndpointSettings {
  readonly topology: Topology
  readonly role: Role
  readonly connections: number
  readonly commandTimeout: number
  /** A key of our own that nobody writes, for probes. */
  readonly probeKey: string
  onReady(): void
  onClose(): void
  onError(error: Error): void
  onTransition(breaker: 'read' | 'write', state: BreakerState, previous: BreakerState): void
}

// Beyond this many unanswered commands on the least busy connection another one is opened, up to the maximum.
const busy = 8

/** The connections to one address, and the breakers that say whether it can be read and written. */
export class Endpoint {
  readonly read: Breaker
  readonly write: Breaker
  readonly #settings: EndpointSettings
  readonly #connections: (Connection | undefined)[]
  #closed = false

  constructor(settings: EndpointSettings) {
    this.#settings = settings
    this.#connections = new Array<Connection | undefined>(settings.connections).fill(undefined)
    this.#open(0)
    this.read = this.#breaker('read', (client) => client.get(settings.probeKey))
    // Deleting nothing passes where Redis is full, and is refused where it takes no writes at all.
    this.write = this.#breaker('write', (client) => client.unlink(settings.probeKey))
  }

  get ready(): boolean {
    return this.#connections.some((connection) => connection?.ready)
  }

  get starting(): boolean {
    return this.#connections.some((connection) => connection?.starting)
  }

  get opened(): number {
    return this.#connections.filter((connection) => connection !== undefined).length
  }

  get reconnects(): number {
    return this.#connections.reduce((sum, connection) => sum + (connection?.reconnects ?? 0), 0)
  }

  get inFlight(): number {
    return this.#connections.reduce((sum, connection) => sum + (connection?.inFlight ?? 0), 0)
  }

  get topology(): Topology {
    return this.#settings.topology
  }

  /** The least busy connection that is up, for reads. */
  leastBusy(): Connection {
    const first = this.#connections[0]
    if (first !== undefined && first.inFlight === 0 && first.ready) return first
    let best: Connection | undefined
    let free = -1
    for (let index = 0; index < this.#connections.length; index++) {
      const connection = this.#connections[index]
      if (connection === undefined) {
        if (free < 0) free = index
      } else if (best === undefined || rank(connection) < rank(best)) best = connection
    }
    if (best === undefined) return this.#open(0)
    if (free >= 0 && !this.#closed && best.ready && best.inFlight >= busy) this.#open(free)
    return best
  }

  /** The same connection for one key as long as it is up, so that its writes reach Redis in the order in which they were made. */
  ofKey(key: string): Connection {
    const index = this.#connections.length === 1 ? 0 : hash(key) % this.#connections.length
    const own = this.#connections[index] ?? this.#open(index)
    if (own.ready || own.starting) return own
    // Where Redis takes no more connections those that there are must do. What two of them carry for one key is put in
    // order by its tokens.
    return this.#connections.find((connection) => connection?.ready) ?? own
  }

  /** Resolves as soon as some connection is up, or rejects when none is before the deadline. */
  async whenReady(deadline: number): Promise<Connection> {
    const until = performance.now() + deadline
    for (;;) {
      const connection = this.leastBusy()
      if (connection.ready) return connection
      if (performance.now() >= until) throw new RedisUnavailableError('not connected to Redis')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  close(): void {
    this.#closed = true
    this.read.close()
    this.write.close()
    for (const connection of this.#connections) connection?.close()
  }

  #open(index: number): Connection {
    const { topology, role, onReady, onClose, onError } = this.#settings
    const silence = Math.max(1_000, this.#settings.commandTimeout * 5)
    const events = { onReady: () => this.#onReady(onReady), onClose, onError }
    const connection = new Connection(topology, role, silence, events)
    if (this.#closed) connection.close()
    this.#connections[index] = connection
    return connection
  }

  #onReady(onReady: () => void): void {
    this.read?.tryNow()
    this.write?.tryNow()
    onReady()
  }

  #breaker(side: 'read' | 'write', command: (client: Client) => Promise<unknown>): Breaker {
    const { role, commandTimeout, onTransition } = this.#settings
    return new Breaker({
      name: `Redis ${role} ${side}`,
      consecutiveFailures: 3,
      resetAfter: 500,
      isTrouble: (error) => isOutage(classify(error)),
      probe: () => this.leastBusy().run(command, commandTimeout),
      onTransition: (state, previous) => onTransition(side, state, previous),
    })
  }
}

function rank(connection: Connection): number {
  return connection.inFlight + (connection.ready ? 0 : connection.starting ? 1e6 : 1e9)
}

/** FNV-1a, enough to spread keys over a handful of connections. */
function hash(key: string): number {
  let value = 0x811c9dc5
  for (let index = 0; index < key.length; index++) {
    value = Math.imul(value ^ key.charCodeAt(index), 0x01000193)
  }
  return value >>> 0
}
