import type { Clock } from '../clock.ts'
import { Subscriber, type SubscriberConnection } from '../redis/subscriber.ts'
import { type ChannelState, Liveness, lostAfter } from './liveness.ts'

/** Whether Redis tells this process of what others than the SDK write. */
export type TrackingState = 'off' | 'connected' | 'lost' | 'refused'

export interface ListenerEvents {
  onMessage(channel: string, text: string): void
  /** Keys were written, evicted or have expired in Redis, by whomever; null where all are gone. */
  onTouched(names: readonly Buffer[] | null): void
  /** Something may have been missed, or will be. */
  onDoubt(reason: 'lost' | 'gap'): void
  /** The subscription was not granted; it is asked for again by and by. */
  onRefused(error: Error): void
  /** CLIENT TRACKING was not granted; it is asked for again by and by. */
  onTrackingRefused(error: Error): void
}

// A right that is granted later is found then. Each attempt is a new connection, and what is said meanwhile is missed.
const trackingRetry = 60_000

/** A subscriber that is believed only while it hears something at least every few seconds. */
export class Listener {
  readonly #clock: Clock
  readonly #events: ListenerEvents
  readonly #tracks: boolean
  readonly #liveness = new Liveness()
  readonly #subscriber: Subscriber
  #nextReconnect: number
  #trackingRefused = false

  constructor(
    connection: SubscriberConnection,
    channels: readonly string[],
    prefix: string | undefined,
    clock: Clock,
    events: ListenerEvents,
  ) {
    this.#clock = clock
    this.#events = events
    this.#tracks = prefix !== undefined
    this.#nextReconnect = clock.now() + lostAfter
    this.#subscriber = new Subscriber(connection, channels, prefix, {
      onMessage: (channel, text) => {
        if (this.#liveness.heard(this.#clock.now())) events.onDoubt('gap')
        events.onMessage(channel, text)
      },
      onTouched: events.onTouched,
      onSubscribed: (tracks) => {
        this.#trackingRefused = this.#tracks && !tracks
        if (this.#liveness.subscribed(this.#clock.now())) events.onDoubt('gap')
      },
      onClosed: () => this.#liveness.closed(),
      onRefused: events.onRefused,
      onTrackingRefused: (error) => {
        this.#trackingRefused = true
        this.#nextReconnect = this.#clock.now() + trackingRetry
        events.onTrackingRefused(error)
      },
    })
  }

  get state(): ChannelState {
    return this.#liveness.state
  }

  get tracking(): TrackingState {
    if (!this.#tracks) return 'off'
    if (this.#trackingRefused) return 'refused'
    return this.state === 'connected' ? 'connected' : 'lost'
  }

  check(now: number): void {
    if (this.#liveness.check(now)) {
      this.#events.onDoubt('lost')
      this.#nextReconnect = now
    }
    const isWell = this.state === 'connected' && !this.#trackingRefused
    if (isWell || now < this.#nextReconnect) return
    // A connection whose peer vanished looks open for many minutes, and one whose subscription was refused is of no use.
    this.#subscriber.reconnect()
    this.#nextReconnect = now + (this.state === 'connected' ? trackingRetry : lostAfter)
  }

  close(): void {
    this.#subscriber.close()
  }
}
