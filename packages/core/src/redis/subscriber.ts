import type { Client, Topology } from './topology.ts'

export interface SubscriberEvents {
  onMessage(channel: string, message: string): void
  /** The subscription is in force (again): whatever was published before now may have been missed. */
  onSubscribed(): void
  onClosed(): void
  /** The subscription was not granted. */
  onRefused(error: Error): void
}

/** A connection of its own that hears the channels, and subscribes again by itself after every loss. */
export class Subscriber {
  readonly #client: Client
  readonly #channels: readonly string[]
  readonly #events: SubscriberEvents

  constructor(topology: Topology, channels: readonly string[], events: SubscriberEvents) {
    this.#channels = channels
    this.#events = events
    this.#client = topology.open('primary', 'subscriber')
    this.#client.on('error', () => {})
    this.#client.on('ready', () => this.#subscribe())
    this.#client.on('close', () => events.onClosed())
    this.#client.on('message', events.onMessage)
    this.#client.connect().catch(() => {})
  }

  /** Ends a connection that is open but silent, so that a new one is made. */
  reconnect(): void {
    if (this.#client.status === 'ready' || this.#client.status === 'connect') this.#client.disconnect(true)
  }

  close(): void {
    this.#client.disconnect()
  }

  #subscribe(): void {
    this.#client.subscribe(...this.#channels).then(
      () => this.#events.onSubscribed(),
      (error: unknown) => this.#events.onRefused(error instanceof Error ? error : new Error(String(error))),
    )
  }
}
