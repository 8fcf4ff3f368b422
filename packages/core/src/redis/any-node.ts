import { EventEmitter } from 'node:events'
import type { Cluster, Redis } from 'ioredis'
import { retryStrategy } from './topology.ts'

/**
 * A connection to some primary of a cluster, and to another when it is lost: what is published reaches them all.
 * ioredis (6.0.0) does the same for those who subscribe on the cluster itself, but tells nobody, and what is published
 * before it has subscribed anew is missed unnoticed.
 */
export class AnyNode extends EventEmitter {
  readonly #cluster: Cluster
  #node: Redis | undefined
  #attempts = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #closed = false

  constructor(cluster: Cluster) {
    super()
    this.#cluster = cluster
    cluster.on('error', () => {})
    cluster.on('ready', () => this.#choose())
  }

  get status(): string {
    return this.#node?.status ?? 'wait'
  }

  async connect(): Promise<void> {
    await this.#cluster.connect()
  }

  async subscribe(...channels: string[]): Promise<unknown> {
    return await this.#connected.subscribe(...channels)
  }

  async call(command: string, ...words: string[]): Promise<unknown> {
    return await this.#connected.call(command, ...words)
  }

  disconnect(reconnect = false): void {
    if (!reconnect) {
      this.#closed = true
      clearTimeout(this.#timer)
      this.#cluster.disconnect()
    }
    this.#node?.disconnect()
  }

  /** Not to be heard must not look like being subscribed. */
  get #connected(): Redis {
    if (this.#node === undefined) throw new Error('Connection is closed.')
    return this.#node
  }

  #choose(): void {
    if (this.#closed || this.#node !== undefined) return
    clearTimeout(this.#timer)
    const primaries = this.#cluster.nodes('master')
    const chosen = primaries[Math.floor(Math.random() * primaries.length)]
    if (chosen === undefined) {
      this.#chooseLater()
      return
    }
    const node = chosen.duplicate({ lazyConnect: true, enableOfflineQueue: false, retryStrategy: () => null })
    this.#node = node
    node.on('error', () => {})
    node.on('ready', () => {
      this.#attempts = 0
      this.emit('ready')
    })
    node.on('messageBuffer', (channel, message) => this.emit('messageBuffer', channel, message))
    node.once('end', () => {
      this.#node = undefined
      this.emit('close')
      this.#chooseLater()
    })
    node.connect().catch(() => {})
  }

  #chooseLater(): void {
    if (this.#closed) return
    this.#attempts += 1
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#choose(), retryStrategy(this.#attempts))
  }
}
