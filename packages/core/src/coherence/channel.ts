import type { Clock } from '../clock.ts'
import { AnyNode } from '../redis/any-node.ts'
import type { RedisCommands } from '../redis/commands.ts'
import { isClusterClient, Primaries } from '../redis/primaries.ts'
import { Listener, type TrackingState } from './listener.ts'
import { type ChannelState, heartbeatInterval } from './liveness.ts'
import { heartbeat, type Message, parseMessage } from './messages.ts'

export interface ChannelEvents {
  onMessage(message: Message): void
  /** Keys of the cache were written, evicted or have expired in Redis, by whomever; null where all are gone. */
  onTouched(names: readonly Buffer[] | null): void
  /** Messages may have been missed, or will be: nothing that is held locally can be believed any more. */
  onDoubt(reason: 'lost' | 'gap'): void
  /** The subscription was not granted; it is asked for again by and by. */
  onRefused(error: Error): void
  /** CLIENT TRACKING was not granted; it is asked for again by and by. */
  onTrackingRefused(error: Error): void
}

// In heartbeats. Until a primary that is new is found nothing is heard of what others write there.
const looksForPrimaries = 5

/**
 * The pub/sub channel on which the processes of one cache tell each other what they wrote. Where asked to it has Redis
 * tell what others write too: on the same connection, but on a cluster, where each node tells only of its own keys, on
 * one to each primary.
 */
export class Channel {
  readonly name: string
  readonly #commands: RedisCommands
  readonly #events: ChannelEvents
  readonly #clock: Clock
  readonly #sender: string
  readonly #listener: Listener
  readonly #primaries: Primaries<Listener> | undefined
  #beat = 0
  #timer: unknown
  #lastTick = 0
  #closed = false

  constructor(
    commands: RedisCommands,
    cacheName: string,
    sender: string,
    clock: Clock,
    tracks: boolean,
    events: ChannelEvents,
  ) {
    this.name = channelName(cacheName)
    this.#commands = commands
    this.#sender = sender
    this.#clock = clock
    this.#events = events
    const prefix = tracks ? `${cacheName}:{` : undefined
    const own = this.#ownChannel
    const listening = { ...events, onMessage: (channel: string, text: string) => this.#onMessage(channel, text) }
    const client = commands.topology.open('primary', 'subscriber')
    if (isClusterClient(client)) {
      // The heartbeats, which a cluster carries to all its nodes, prove each of them.
      if (tracks) this.#primaries = new Primaries(client, (node) => new Listener(node, [own], prefix, clock, listening))
      this.#listener = new Listener(new AnyNode(client), [this.name, own], undefined, clock, listening)
    } else this.#listener = new Listener(client, [this.name, own], prefix, clock, listening)
    this.#tick()
  }

  get state(): ChannelState {
    return this.#listener.state
  }

  get tracking(): TrackingState {
    if (this.#primaries === undefined) return this.#listener.tracking
    const states = this.#primaries.opened.map(({ tracking }) => tracking)
    if (states.includes('refused')) return 'refused'
    return states.length > 0 && states.every((state) => state === 'connected') ? 'connected' : 'lost'
  }

  get connections(): number {
    return 1 + (this.#primaries?.opened.length ?? 0)
  }

  close(): void {
    this.#closed = true
    this.#clock.clearTimeout(this.#timer)
    this.#listener.close()
    this.#primaries?.close()
  }

  // Heartbeats go to a channel that only their sender hears, so that a fleet's cost is linear in its size.
  get #ownChannel(): string {
    return `${this.name}:${this.#sender}`
  }

  readonly #tick = (): void => {
    if (this.#closed) return
    const now = this.#clock.now()
    // After a stall of our own event loop what was sent to us waits in the socket: judge at the next tick.
    const stalled = this.#lastTick !== 0 && now - this.#lastTick > heartbeatInterval * 2
    this.#lastTick = now
    if (!stalled) {
      this.#listener.check(now)
      for (const node of this.#primaries?.opened ?? []) node.check(now)
    }
    this.#beat += 1
    if (this.#beat % looksForPrimaries === 0) this.#primaries?.look()
    this.#commands.publish(this.#ownChannel, heartbeat(this.#sender, this.#beat)).catch((error: unknown) => {
      // A right that is wanting; an outage is told of elsewhere.
      if (error instanceof Error && error.name === 'ReplyError') this.#events.onRefused(error)
    })
    this.#timer = this.#clock.setTimeout(this.#tick, heartbeatInterval)
  }

  #onMessage(channel: string, text: string): void {
    if (channel !== this.name) return
    const message = parseMessage(text)
    if (message !== undefined) this.#events.onMessage(message)
  }
}

export function channelName(cacheName: string): string {
  return `${cacheName}:channel`
}
