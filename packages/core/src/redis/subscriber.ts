import type { Redis } from 'ioredis'
import type { AnyNode } from './any-node.ts'

/** A connection that is told when it is lost and when it is there again, which those of ioredis to a cluster are not. */
export type SubscriberConnection = Redis | AnyNode

export interface SubscriberEvents {
  onMessage(channel: string, message: string): void
  /** Keys under the prefix were written, evicted or have expired, by whomever; null where all are gone. */
  onTouched(names: readonly Buffer[] | null): void
  /** The subscription is in force (again), with tracking or without: whatever was told before now may have been missed. */
  onSubscribed(tracks: boolean): void
  onClosed(): void
  /** The subscription was not granted. */
  onRefused(error: Error): void
  /** Redis will not tell what happens to keys; the subscription goes on without. */
  onTrackingRefused(error: Error): void
}

// Where Redis publishes to connections of RESP2 what it tracks for them.
const invalidations = '__redis__:invalidate'

/** A connection of its own that hears the channels, and subscribes again by itself after every loss. */
export class Subscriber {
  readonly #client: SubscriberConnection
  readonly #channels: readonly string[]
  readonly #prefix: string | undefined
  readonly #events: SubscriberEvents

  /** `prefix`: of the keys that Redis shall tell of, on this same connection: there is no other whose loss must be noticed. */
  constructor(
    client: SubscriberConnection,
    channels: readonly string[],
    prefix: string | undefined,
    events: SubscriberEvents,
  ) {
    this.#channels = channels
    this.#prefix = prefix
    this.#events = events
    this.#client = client
    this.#client.on('error', () => {})
    this.#client.on('ready', () => void this.#subscribe())
    this.#client.on('close', () => events.onClosed())
    // Not `message`, which would make one string of all keys.
    this.#client.on('messageBuffer', (channel: Buffer, message: unknown) =>
      this.#onMessage(channel.toString(), message),
    )
    this.#client.connect().catch(() => {})
  }

  /** Ends a connection that is open but silent, so that a new one is made. */
  reconnect(): void {
    if (this.#client.status === 'ready' || this.#client.status === 'connect') this.#client.disconnect(true)
  }

  close(): void {
    this.#client.disconnect()
  }

  #onMessage(channel: string, message: unknown): void {
    if (Buffer.isBuffer(message)) this.#events.onMessage(channel, message.toString())
    else if (channel === invalidations) this.#events.onTouched(Array.isArray(message) ? message : null)
  }

  async #subscribe(): Promise<void> {
    try {
      const tracks = this.#prefix !== undefined && (await this.#track(this.#prefix))
      await this.#client.subscribe(...this.#channels)
      this.#events.onSubscribed(tracks)
    } catch (error) {
      this.#events.onRefused(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** BCAST: Redis keeps no list of what this process has read, and what any data connection reads is covered. */
  async #track(prefix: string): Promise<boolean> {
    try {
      const id = await this.#client.call('CLIENT', 'ID')
      await this.#client.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id), 'BCAST', 'PREFIX', prefix)
      await this.#client.subscribe(invalidations)
      return true
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ReplyError') throw error
      this.#events.onTrackingRefused(error)
      return false
    }
  }
}
