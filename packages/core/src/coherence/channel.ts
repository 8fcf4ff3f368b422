import type { Clock } from '../clock.ts'
import type { RedisCommands } from '../redis/commands.ts'
import { Subscriber } from '../redis/subscriber.ts'
import { type ChannelState, heartbeatInterval, Liveness, lostAfter } from './liveness.ts'
import { heartbeat, type Message, parseMessage } from './messages.ts'

export interface ChannelEvents {
  onMessage(message: Message): void
  /** Messages may have been missed, or will be: nothing that is held locally can be believed any more. */
  onDoubt(reason: 'lost' | 'gap'): void
  /** The subscription was not granted; it is asked for again by and by. */
  onRefused(error: Error): void
}

/** The pub/sub channel on which the processes of one cache tell each other what they wrote. */
export class Channel {
  readonly name: string
  readonly #commands: RedisCommands
  readonly #events: ChannelEvents
  readonly #clock: Clock
  readonly #sender: string
  readonly #liveness = new Liveness()
  readonly #subscriber: Subscriber
  #beat = 0
  #timer: unknown
  #lastTick = 0
  #nextReconnect = 0
  #closed = false

  constructor(commands: RedisCommands, cacheName: string, sender: string, clock: Clock, events: ChannelEvents) {
    this.name = channelName(cacheName)
    this.#commands = commands
    this.#sender = sender
    this.#clock = clock
    this.#events = events
    this.#subscriber = new Subscriber(commands.topology, [this.name, this.#ownChannel], {
      onMessage: (channel, text) => this.#onMessage(channel, text),
      onSubscribed: () => {
        if (this.#liveness.subscribed(this.#clock.now())) events.onDoubt('gap')
      },
      onClosed: () => this.#liveness.closed(),
      onRefused: events.onRefused,
    })
    this.#nextReconnect = clock.now() + lostAfter
    this.#tick()
  }

  get state(): ChannelState {
    return this.#liveness.state
  }

  close(): void {
    this.#closed = true
    this.#clock.clearTimeout(this.#timer)
    this.#subscriber.close()
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
    if (!stalled) this.#check(now)
    this.#beat += 1
    this.#commands.publish(this.#ownChannel, heartbeat(this.#sender, this.#beat)).catch((error: unknown) => {
      // A right that is wanting; an outage is told of elsewhere.
      if (error instanceof Error && error.name === 'ReplyError') this.#events.onRefused(error)
    })
    this.#timer = this.#clock.setTimeout(this.#tick, heartbeatInterval)
  }

  #check(now: number): void {
    if (this.#liveness.check(now)) {
      this.#events.onDoubt('lost')
      this.#nextReconnect = now
    }
    if (this.#liveness.state === 'connected' || now < this.#nextReconnect) return
    // A connection whose peer vanished looks open for many minutes, and one whose subscription was refused is of no use.
    this.#subscriber.reconnect()
    this.#nextReconnect = now + lostAfter
  }

  #onMessage(channel: string, text: string): void {
    if (this.#liveness.heard(this.#clock.now())) this.#events.onDoubt('gap')
    if (channel !== this.name) return
    const message = parseMessage(text)
    if (message !== undefined) this.#events.onMessage(message)
  }
}

export function channelName(cacheName: string): string {
  return `${cacheName}:channel`
}
