import { sleep } from '../clock.ts'
import { parseMessage } from '../coherence/messages.ts'
import { PendingInvalidations } from '../coherence/pending-invalidations.ts'
import { parseValueName } from '../entry/key.ts'
import { LocalTier } from '../local/local-tier.ts'
import { Namespace } from '../namespace.ts'
import { parseCacheOptions } from '../options/cache-options.ts'
import { type NamespaceOptions, parseNamespaceOptions } from '../options/namespace-options.ts'
import { WriteGate } from '../pressure/write-gate.ts'
import { Source } from '../read/source.ts'
import type { RedisLink } from '../redis-link.ts'
import { openAccount } from './open-account.ts'
import { ProcessClock } from './process-clock.ts'
import { SimulatedCommands } from './simulated-commands.ts'
import type { Row, Step, World } from './simulated-world.ts'
import { settle } from './stepping-clock.ts'

// As Cache.close has them.
const longestSave = 10_000
const longestDrain = 5_000

/** A process that hears of the writes of the others late, or not at all until it has noticed that. */
export class SimulatedProcess<V = string> {
  readonly namespace: Namespace<V>
  readonly name: string
  readonly #world: World
  readonly #source: Source
  readonly #pending: PendingInvalidations
  readonly #commands: SimulatedCommands
  readonly #gate: WriteGate
  readonly #clock: ProcessClock
  readonly #inbox = {}
  readonly #notices = {}
  /** Redis tells of a key once, however often it was touched since the last time. */
  readonly #toldOf = new Set<string>()
  #deaf = false
  #dead = false
  #channel: 'connected' | 'lost' = 'connected'

  constructor(world: World, name: string, options: Partial<NamespaceOptions<V>>, tracks = false) {
    this.#world = world
    this.name = name
    const clock = new ProcessClock(world.clock)
    this.#clock = clock
    const random = () => world.random()
    const settings = parseCacheOptions({ name: 'shop', redis: 'redis://nowhere', clock, random })
    this.#source = new Source(settings.source, clock, () => {})
    this.#pending = new PendingInvalidations(clock, ({ key }) => this.namespace.replay(key))
    // Elsewhere there are no copies.
    this.#commands = new SimulatedCommands(world, name, options.copies === undefined ? 'standalone' : 'cluster', tracks)
    this.#gate = new WriteGate(
      clock,
      () => 0,
      () => {},
    )
    const channel = () => this.#channel
    const link = {
      clock,
      get channel() {
        return channel()
      },
      commands: this.#commands,
      entries: this.#commands,
      gate: this.#gate,
      pending: this.#pending,
      channelName: 'channel',
      sender: name,
      tracks,
      hearsOthers: () => this.#channel === 'connected',
      openAccount: () => openAccount(clock),
      add: () => {},
    }
    this.namespace = new Namespace<V>(parseNamespaceOptions<V>({ name: 'product', ...options }, settings), {
      ...{ cacheName: 'shop', clock, random, logger: settings.logger, development: false },
      tier: new LocalTier(1024 ** 2),
      link: link as unknown as RedisLink,
      source: this.#source,
    })
    world.troubles.push(() => this.#troubles())
  }

  /** Writes that Redis has not heard of yet. */
  get pendingInvalidations(): number {
    return this.#pending.size
  }

  hear(text: string): void {
    if (this.#deaf) return
    this.#world.add({ what: `${this.name} hears ${text}`, lane: this.#inbox, run: () => this.#onMessage(text) })
  }

  /** Whether Redis does what it is sent, and its replies come too late. */
  set late(late: boolean) {
    this.#commands.late = late
  }

  /** Whether what a loader wants to store does not reach Redis. */
  set losesStores(loses: boolean) {
    this.#commands.losesStores = loses
  }

  /** A key was touched in Redis, which tells of it apart from the messages, and later. */
  hearOf(redisKey: string): void {
    const value = parseValueName('shop', redisKey)
    if (value === undefined || this.#deaf || this.#toldOf.has(redisKey)) return
    this.#toldOf.add(redisKey)
    const run = () => {
      this.#toldOf.delete(redisKey)
      this.namespace.onTouched(value.key)
    }
    this.#world.add({ what: `${this.name} hears that ${redisKey} was touched`, lane: this.#notices, run })
  }

  /** Killed. */
  die(): void {
    this.#commands.die()
    this.#clock.stop()
    this.#deaf = true
    this.#dead = true
  }

  get dead(): boolean {
    return this.#dead
  }

  /** Commands that have ended without a reply. */
  get unanswered(): number {
    return this.#commands.unanswered
  }

  /** Writes that Redis refused, or that were not sent for that. */
  get refused(): number {
    return this.#gate.refused + this.#gate.withheld
  }

  /** Whether nothing of it reaches Redis. */
  get parted(): boolean {
    return this.#commands.parted
  }

  set parted(parted: boolean) {
    this.#commands.parted = parted
  }

  /** Everything that was in trouble is well again. */
  recover(): void {
    if (this.#dead) return
    this.#commands.parted = false
    if (this.#deaf) this.#subscribe()
  }

  /** Ends it in the order of Cache.close, and answers what is left of it then. */
  async end(): Promise<{ readonly timers: number; readonly underWay: boolean }> {
    const { namespace } = this
    namespace.close()
    this.#source.close()
    const started = this.#clock.now()
    const within = (milliseconds: number) => this.#clock.now() - started < milliseconds
    while (within(400) && namespace.busy) await sleep(this.#clock, 5)
    while (within(longestSave) && namespace.writing) await sleep(this.#clock, 5)
    await namespace.behind?.close(longestDrain)
    await this.#pending.lastAttempt()
    this.#pending.close()
    // What was aborted ends in this turn of the event loop.
    await settle()
    return { timers: this.#clock.pending, underWay: namespace.busy }
  }

  close(): void {
    this.#source.close()
    this.#pending.close()
  }

  #onMessage(text: string): void {
    const message = parseMessage(text)
    if (message?.kind === 'generations') {
      this.namespace.onGenerations(message)
      return
    }
    if (message?.kind !== 'invalidate' && message?.kind !== 'wake' && message?.kind !== 'invalidate-many')
      throw new Error(`${this.name} cannot read ${text}`)
    for (const key of message.kind === 'invalidate-many' ? message.keys : [message.key]) {
      if (message.kind !== 'wake' && message.sender !== this.name) this.namespace.onInvalidation(key)
      this.namespace.onWake(key)
    }
  }

  #troubles(): Step[] {
    if (!this.#deaf) {
      const goDeaf = () => {
        this.#deaf = true
        this.#world.drop(this.#inbox)
        this.#world.drop(this.#notices)
        this.#toldOf.clear()
      }
      return [{ what: `${this.name} hears nothing any more`, run: goDeaf }]
    }
    const steps: Step[] = [{ what: `${this.name} subscribes again`, run: () => this.#subscribe() }]
    if (this.#channel === 'connected') {
      const notice = () => {
        this.#channel = 'lost'
        this.namespace.onDoubt()
      }
      steps.push({ what: `${this.name} notices that it hears nothing`, run: notice })
    }
    return steps
  }

  #subscribe(): void {
    this.#deaf = false
    this.#channel = 'connected'
    this.namespace.onDoubt()
  }
}

/** A namespace over the source of a world, whose values stay as long as nobody writes. */
export function lasting(world: World): Partial<NamespaceOptions<string>> {
  return {
    load: (key): Promise<Row> => world.source.load(key),
    save: (key, value) => world.source.save(key, value),
    ttl: '1d',
    negativeTtl: '1d',
    ttlJitter: 0,
    local: { ttl: '1d' },
    earlyExpiration: false,
    compression: false,
  }
}
