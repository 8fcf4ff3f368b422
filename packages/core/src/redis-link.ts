import type { Clock } from './clock.ts'
import { Channel, channelName } from './coherence/channel.ts'
import type { Message } from './coherence/messages.ts'
import { PendingInvalidations } from './coherence/pending-invalidations.ts'
import type { CacheSettings } from './options/cache-options.ts'
import type { RedisOption } from './options/redis-options.ts'
import { judge, type Verdict } from './pressure/mode.ts'
import { WriteGate } from './pressure/write-gate.ts'
import { RedisCommands } from './redis/commands.ts'

/** What a namespace does about news from its Redis. */
export interface LinkedNamespace {
  /** Another process wrote the key. */
  onInvalidation(key: string): void
  /** A load or a write of the key has ended somewhere. */
  onWake(key: string): void
  /** Writes of other processes may have been missed. */
  onDoubt(): void
  /** Tells Redis and the others of a write that Redis did not take. */
  replay(key: string): Promise<void>
}

/** One Redis with all that hangs on it: commands, write gate, channel, and the invalidations that it still must take. */
export class RedisLink {
  readonly commands: RedisCommands
  readonly gate: WriteGate
  readonly pending: PendingInvalidations
  readonly sender: string
  readonly channelName: string
  readonly #channel: Channel | undefined
  readonly #namespaces = new Map<string, LinkedNamespace>()

  constructor(option: RedisOption, settings: CacheSettings, sender: string, onChange: () => void) {
    const { clock, logger, name } = settings
    this.sender = sender
    this.channelName = channelName(name)
    this.gate = new WriteGate(clock, onChange)
    const subscribes = settings.invalidation === 'pubsub'
    this.commands = new RedisCommands(
      option,
      {
        cacheName: name,
        commandTimeout: settings.commandTimeout,
        connectTimeout: settings.connectTimeout,
        connections: settings.maxConnections - (subscribes ? 1 : 0),
        readerLag: settings.readerLag,
        logger,
      },
      {
        onUsable: () => {
          this.pending?.replayNow()
          // What was kept while Redis was away may have been written by others since.
          if (this.#channel !== undefined && this.#channel.state !== 'connected') this.#doubt()
          onChange()
        },
        onLost: onChange,
        onTransition: onChange,
      },
    )
    this.pending = new PendingInvalidations(clock, async ({ namespace, key }) => {
      await this.#namespaces.get(namespace)?.replay(key)
    })
    this.#channel = subscribes ? this.#openChannel(name, clock, logger) : undefined
  }

  get channel(): 'off' | 'connected' | 'lost' {
    if (this.#channel === undefined) return 'off'
    return this.#channel.state === 'connected' ? 'connected' : 'lost'
  }

  get connections(): number {
    return this.commands.connections + (this.#channel === undefined ? 0 : 1)
  }

  get verdict(): Verdict {
    return judge({ readable: this.commands.readable, writable: this.commands.writable, refusal: this.gate.refusal })
  }

  /**
   * Whether what is kept locally may be believed. With Redis out of reach it may, for nobody else can be heard and the
   * source must be spared; all of it is doubted when Redis comes back.
   */
  hearsOthers(): boolean {
    return this.#channel === undefined || this.#channel.state === 'connected' || !this.commands.readable
  }

  add(id: string, namespace: LinkedNamespace): void {
    this.#namespaces.set(id, namespace)
  }

  close(): void {
    this.pending.close()
    this.#channel?.close()
    this.commands.close()
  }

  #openChannel(name: string, clock: Clock, logger: CacheSettings['logger']): Channel {
    let refusal: string | undefined
    return new Channel(this.commands, name, this.sender, clock, {
      onRefused: ({ message }) => {
        if (message === refusal) return
        refusal = message
        logger.warn(
          { error: message },
          'invalidation channel refused: the local tier is not believed; see docs/connections.md for the rights',
        )
      },
      onMessage: (message) => this.#onMessage(message),
      onDoubt: (reason) => {
        if (reason === 'lost' && refusal === undefined)
          logger.warn({}, 'invalidation channel lost: the local tier is not believed until it is back')
        this.#doubt()
      },
    })
  }

  #onMessage(message: Message): void {
    if (message.kind === 'heartbeat') return
    const namespace = this.#namespaces.get(message.namespace)
    if (message.kind === 'invalidate' && message.sender !== this.sender) namespace?.onInvalidation(message.key)
    // Whoever waited for a load may go on after a write too.
    namespace?.onWake(message.key)
  }

  #doubt(): void {
    for (const namespace of this.#namespaces.values()) namespace.onDoubt()
  }
}
