import type { Clock } from './clock.ts'
import { Channel, channelName } from './coherence/channel.ts'
import type { TrackingState } from './coherence/listener.ts'
import { type GenerationsMessage, heldBytes, learnedLine, type Message } from './coherence/messages.ts'
import { PendingInvalidations } from './coherence/pending-invalidations.ts'
import { parseValueName } from './entry/key.ts'
import type { CacheHealth, TargetHealth } from './health.ts'
import { commandSeconds, HistogramCounter } from './histogram.ts'
import type { CacheSettings } from './options/cache-options.ts'
import type { Priority } from './options/policy.ts'
import { isCluster, type RedisOption } from './options/redis-options.ts'
import { Account } from './pressure/account.ts'
import { Ledger } from './pressure/ledger.ts'
import { judge, type Verdict } from './pressure/mode.ts'
import { ModeTimes } from './pressure/mode-times.ts'
import { WriteGate } from './pressure/write-gate.ts'
import { RedisCommands } from './redis/commands.ts'
import { EntryCommands } from './redis/entry-commands.ts'
import { RedisPressure } from './redis-pressure.ts'
import type { TargetStatistics } from './statistics.ts'

/** What a namespace does about news from its Redis. */
export interface LinkedNamespace {
  /** Another process wrote the key. */
  onInvalidation(key: string): void
  /** The key was written in Redis, by whomever, or is gone from it; this process's own stores are told of too. */
  onTouched?(key: string): void
  /** All keys are gone from Redis. */
  onAllTouched?(): void
  /** A load or a write of the key has ended somewhere. */
  onWake(key: string): void
  /** Another process, or this one, dropped the namespace or tags of it. */
  onGenerations(message: GenerationsMessage): void
  /** Writes of other processes may have been missed. */
  onDoubt(): void
  /** Tells Redis and the others of a write that Redis did not take. */
  replay(key: string): Promise<void>
  /** A connection came up, or a breaker closed: what was put off may be tried. */
  onUsable?(): void
  /** Redis was looked at. */
  onLook?(): void
  /** All that was stored on a node is gone. */
  onEmptied?(): void
}

const endOfValue = 'v'.charCodeAt(0)
const noLooks = { ok: 0, denied: 0, failed: 0 }
const noRestarts = { kept: 0, lost: 0 }
const noSeconds = new HistogramCounter(commandSeconds).snapshot()

export interface LinkEvents {
  /** The mode may have changed. */
  onChange(): void
  /** Redis was looked at. */
  onLook(): void
}

// With fewer connections than this nothing is left for data beside the subscriber and the health connection.
const leastForHealth = { plain: 3, withReader: 4 }

/** One Redis with all that hangs on it: commands, write gate, memory, channel, and the invalidations that it still must take. */
export class RedisLink {
  /** `main`, or the namespace whose own Redis it is. */
  readonly target: string
  /** The container's limit in bytes, where it was declared. */
  readonly memoryLimit: number | undefined
  readonly pressure: RedisPressure | undefined
  readonly commands: RedisCommands
  readonly entries: EntryCommands
  readonly gate: WriteGate
  readonly pending: PendingInvalidations
  readonly sender: string
  readonly channelName: string
  readonly clock: Clock
  /** Whether writes of others than the SDK are to be noticed. */
  readonly tracks: boolean
  readonly #cacheName: string
  readonly #times: ModeTimes
  readonly #channel: Channel | undefined
  readonly #namespaces = new Map<string, LinkedNamespace>()
  #notifications = 0

  constructor(
    target: string,
    option: RedisOption,
    memoryLimit: number | undefined,
    settings: CacheSettings,
    sender: string,
    events: LinkEvents,
  ) {
    const { clock, random, logger, name, maxConnections } = settings
    this.target = target
    this.memoryLimit = memoryLimit
    this.#times = new ModeTimes(clock)
    const onChange = () => {
      this.#times.note(this.verdict.mode)
      events.onChange()
    }
    this.sender = sender
    this.clock = clock
    this.channelName = channelName(name)
    this.#cacheName = name
    this.tracks = settings.invalidation === 'tracking'
    this.gate = new WriteGate(clock, random, () => {
      this.pressure?.noteRefusal()
      onChange()
    })
    const subscribes = settings.invalidation !== false
    // The subscriber, and on a cluster one more to each node, since each tells only of its own keys.
    const listening = (subscribes ? 1 : 0) + (this.tracks && isCluster(option) ? 1 : 0)
    const hasReader = typeof option === 'object' && 'reader' in option && option.reader !== undefined
    const room = maxConnections >= (hasReader ? leastForHealth.withReader : leastForHealth.plain) - 1 + listening
    if (!room && settings.pressure !== false) {
      logger.warn({ maxConnections }, 'no connection is left to look at the memory of Redis: raise maxConnections')
    }
    const pressure = room && settings.pressure
    this.commands = new RedisCommands(
      option,
      {
        cacheName: name,
        commandTimeout: settings.commandTimeout,
        connectTimeout: settings.connectTimeout,
        connections: maxConnections - listening - (pressure ? 1 : 0),
        readerLag: settings.readerLag,
        logger,
      },
      {
        onUsable: () => {
          this.pending?.replayNow()
          for (const namespace of this.#namespaces.values()) namespace.onUsable?.()
          // What was kept while Redis was away may have been written by others since.
          if (this.#channel !== undefined && !this.#hears) this.#doubt()
          onChange()
        },
        onLost: onChange,
        onTransition: onChange,
      },
    )
    this.entries = new EntryCommands(this.commands)
    this.pending = new PendingInvalidations(clock, async ({ namespace, key }) => {
      await this.#namespaces.get(namespace)?.replay(key)
    })
    this.#channel = subscribes ? this.#openChannel(name, clock, logger) : undefined
    if (pressure) {
      const tell = (message: string) => void this.commands.publish(this.channelName, message).catch(() => {})
      this.pressure = new RedisPressure({
        ...{ cacheName: name, clock, random, declared: memoryLimit, gate: this.gate },
        settings: pressure,
        topology: this.commands.topology,
        hears: () => this.channel === 'connected',
        onLook: () => {
          onChange()
          events.onLook()
          for (const namespace of this.#namespaces.values()) namespace.onLook?.()
        },
        onEmptied: () => {
          for (const namespace of this.#namespaces.values()) namespace.onEmptied?.()
        },
        tellLine: (text) => tell(learnedLine(sender, text)),
        tellBytes: (namespace, bytes) => tell(heldBytes(sender, namespace, bytes)),
      })
    }
  }

  get channel(): 'off' | 'connected' | 'lost' {
    if (this.#channel === undefined) return 'off'
    return this.#channel.state === 'connected' ? 'connected' : 'lost'
  }

  /** Whether others than the SDK are heard of. */
  get tracking(): TrackingState {
    return this.#channel?.tracking ?? 'off'
  }

  get connections(): number {
    return this.commands.connections + (this.#channel?.connections ?? 0) + (this.pressure === undefined ? 0 : 1)
  }

  get verdict(): Verdict {
    return judge({
      readable: this.commands.readable,
      writable: this.commands.writable,
      refusal: this.gate.refusal,
      memory: this.pressure?.memory ?? 'normal',
      memoryReasons: this.pressure?.watch.reasons ?? [],
    })
  }

  get status(): CacheHealth['redis']['status'] {
    if (this.commands.ready) return 'ready'
    return this.commands.starting ? 'connecting' : 'unavailable'
  }

  get health(): TargetHealth {
    const { gate, pressure } = this
    return {
      ...this.verdict,
      since: this.#times.since,
      breakers: this.commands.breakers,
      status: this.status,
      writes: {
        admitted: gate.admitted,
        refusal: gate.refusal,
        refused: gate.refused,
        withheld: gate.withheld,
      },
      pendingInvalidations: this.pending.size,
      disbelievedNamespaces: this.pending.disbelieved,
      nodes: pressure?.watch.view() ?? {},
      learned: pressure?.watch.learned,
    }
  }

  get statistics(): TargetStatistics {
    const { gate, pressure } = this
    return {
      ...this.commands.statistics,
      refusedWrites: gate.refused,
      withheldWrites: gate.withheld,
      notifications: this.#notifications,
      looks: pressure?.looks ?? noLooks,
      lookSeconds: pressure?.lookSeconds.snapshot() ?? noSeconds,
      restarts: pressure?.watch.restarts ?? noRestarts,
      secondsInMode: this.#times.seconds,
      nodes: pressure?.watch.totals() ?? {},
    }
  }

  /** The books of a namespace: what it may write here, and what it holds. */
  openAccount(id: string, priority: Priority, budget: number | undefined, redisKey: (key: string) => string): Account {
    if (this.pressure !== undefined) return this.pressure.open(id, priority, budget, redisKey)
    return new Account(id, priority, budget, {
      clock: this.clock,
      ledger: new Ledger(),
      memory: 'normal',
      evicts: false,
      hears: false,
      wrote: () => {},
    })
  }

  /**
   * Whether what is kept locally may be believed. With Redis out of reach it may, for nobody else can be heard and the
   * source must be spared; all of it is doubted when Redis comes back.
   */
  hearsOthers(): boolean {
    return this.#channel === undefined || this.#hears || !this.commands.readable
  }

  add(id: string, namespace: LinkedNamespace): void {
    this.#namespaces.set(id, namespace)
  }

  close(): void {
    this.pending.close()
    this.pressure?.close()
    this.#channel?.close()
    this.commands.close()
  }

  get #hears(): boolean {
    return this.channel === 'connected' && (!this.tracks || this.tracking === 'connected')
  }

  #openChannel(name: string, clock: Clock, logger: CacheSettings['logger']): Channel {
    let refusal: string | undefined
    let trackingRefusal: string | undefined
    return new Channel(this.commands, name, this.sender, clock, this.tracks, {
      onRefused: ({ message }) => {
        if (message === refusal) return
        refusal = message
        logger.warn(
          { error: message },
          'invalidation channel refused: the local tier is not believed; see docs/connections.md for the rights',
        )
      },
      onTrackingRefused: ({ message }) => {
        if (message === trackingRefusal) return
        trackingRefusal = message
        logger.warn(
          { error: message },
          'Redis refuses CLIENT TRACKING: the local tier is not believed; grant the rights in docs/connections.md, or set invalidation to "pubsub"',
        )
      },
      onMessage: (message) => this.#onMessage(message),
      onTouched: (names) => this.#onTouched(names),
      onDoubt: (reason) => {
        if (reason === 'lost' && refusal === undefined)
          logger.warn({}, 'invalidation channel lost: the local tier is not believed until it is back')
        if (reason === 'gap') this.commands.noteMissedWrites()
        this.#doubt()
      },
    })
  }

  #onMessage(message: Message): void {
    if (message.kind === 'heartbeat') return
    if (message.kind === 'line') {
      this.pressure?.heardLine(message.text)
      return
    }
    if (message.kind === 'bytes') {
      if (message.sender !== this.sender) this.pressure?.heardBytes(message.sender, message.namespace, message.bytes)
      return
    }
    const namespace = this.#namespaces.get(message.namespace)
    if (message.kind === 'generations') {
      namespace?.onGenerations(message)
      return
    }
    if (message.kind === 'invalidate-many') {
      for (const key of message.keys) {
        if (message.sender !== this.sender) namespace?.onInvalidation(key)
        namespace?.onWake(key)
      }
      return
    }
    if (message.kind === 'invalidate' && message.sender !== this.sender) namespace?.onInvalidation(message.key)
    // Whoever waited for a load may go on after a write too.
    namespace?.onWake(message.key)
  }

  #onTouched(names: readonly Buffer[] | null): void {
    if (names === null) {
      this.commands.noteMissedWrites()
      for (const namespace of this.#namespaces.values()) namespace.onAllTouched?.()
      return
    }
    for (const name of names) {
      // Leases come and go too; most names end here.
      const value = name.at(-1) === endOfValue ? parseValueName(this.#cacheName, name.toString()) : undefined
      if (value === undefined) continue
      this.#notifications += 1
      this.#namespaces.get(value.id)?.onTouched?.(value.key)
    }
  }

  #doubt(): void {
    this.pressure?.ledger.doubt()
    for (const namespace of this.#namespaces.values()) namespace.onDoubt()
  }
}
