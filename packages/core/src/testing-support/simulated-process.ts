import { parseMessage } from '../coherence/messages.ts'
import { PendingInvalidations } from '../coherence/pending-invalidations.ts'
import { LocalTier } from '../local/local-tier.ts'
import { Namespace } from '../namespace.ts'
import { parseCacheOptions } from '../options/cache-options.ts'
import { type NamespaceOptions, parseNamespaceOptions } from '../options/namespace-options.ts'
import { WriteGate } from '../pressure/write-gate.ts'
import { Source } from '../read/source.ts'
import { Budget } from '../redis/budget.ts'
import type { EntryKeys, RedisCommands } from '../redis/commands.ts'
import type { Reader } from '../redis/shared-reads.ts'
import { RedisTimeoutError } from '../redis/trouble.ts'
import type { RedisLink } from '../redis-link.ts'
import type { FakeRedis } from './fake-redis.ts'
import { openAccount } from './open-account.ts'
import type { Row, Step, World } from './simulated-world.ts'

/** What travels between a process and Redis in one connection: commands in order, replies in order. */
class SimulatedConnection {
  readonly replies = {}
  readonly unanswered = new Set<(error: Error) => void>()
}

type Face = Pick<
  RedisCommands,
  | 'budget'
  | 'read'
  | 'noteWrite'
  | 'acquireLease'
  | 'renewLease'
  | 'storeUnderLease'
  | 'releaseLease'
  | 'placeIntent'
  | 'storeWrite'
  | 'invalidate'
  | 'store'
  | 'storeVersion'
  | 'invalidateMany'
  | 'publish'
  | 'readGenerations'
  | 'countGenerations'
  | 'replaceGenerations'
>

/** Stands for RedisCommands: each command is executed at one step and answered at another, or not. */
class SimulatedCommands implements Face {
  readonly #world: World
  readonly #name: string
  readonly #lost: SimulatedConnection[] = []
  #connection = new SimulatedConnection()
  #dead = false

  constructor(world: World, name: string) {
    this.#world = world
    this.#name = name
    world.troubles.push(() => this.#troubles())
  }

  budget(spent = 0): Budget {
    return new Budget(Math.max(0, 200 - spent))
  }

  noteWrite(): void {}

  /** Nothing more reaches Redis. */
  die(): void {
    this.#dead = true
    this.#world.drop(this.#connection)
  }

  /** Reads may go by any connection, so nothing orders them. */
  read(reader: Reader): void {
    const replies = {}
    this.#world.add({
      what: `${this.#name}: GET`,
      run: () => {
        const value = this.#world.redis.get(reader.redisKey)
        const fail = () => reader.onTrouble(new RedisTimeoutError('no reply'))
        this.#world.add({
          what: `${this.#name}: GET answered`,
          lane: replies,
          run: () => reader.onValue(value, 0),
          fail,
        })
      },
      fail: () => reader.onTrouble(new Error('Connection is closed.')),
    })
  }

  acquireLease(keys: EntryKeys, token: string, ttl: number, seen: string | Buffer, wait: boolean) {
    return this.#send('acquireLease', (redis) => redis.acquireLease(keys, token, ttl, seen, wait))
  }

  renewLease(keys: EntryKeys, token: string, ttl: number) {
    return this.#send('renewLease', (redis) => redis.renewLease(keys, token, ttl))
  }

  storeUnderLease(
    keys: EntryKeys,
    token: string,
    entry: Buffer,
    ttl: number,
    channel: string,
    wake: string,
    _budget: Budget,
    version?: Buffer,
  ) {
    return this.#send('storeUnderLease', (redis) =>
      redis.storeUnderLease(keys, token, entry, ttl, channel, wake, version),
    )
  }

  async releaseLease(keys: EntryKeys, token: string, channel: string, wake: string) {
    await this.#send('releaseLease', (redis) => redis.releaseLease(keys, token, channel, wake))
  }

  placeIntent(keys: EntryKeys, token: string, ttl: number) {
    return this.#send('placeIntent', (redis) => redis.placeIntent(keys, token, ttl))
  }

  storeWrite(
    keys: EntryKeys,
    token: string,
    entry: Buffer,
    ttl: number,
    channel: string,
    message: string,
    _budget: Budget,
    version?: Buffer,
  ) {
    return this.#send('storeWrite', (redis) => redis.storeWrite(keys, token, entry, ttl, channel, message, version))
  }

  invalidate(keys: EntryKeys, channel: string, message: string) {
    return this.#send('invalidate', (redis) => redis.invalidate(keys, channel, message))
  }

  store(keys: EntryKeys, entry: Buffer, ttl: number) {
    return this.#send('store', (redis) => redis.set(keys.value, entry, ttl))
  }

  storeVersion(keys: EntryKeys, entry: Buffer, ttl: number, version: Buffer, fill: boolean) {
    return this.#send('storeVersion', (redis) => redis.storeVersion(keys, entry, ttl, version, fill))
  }

  invalidateMany(entries: readonly EntryKeys[], channel: string, messages: readonly string[]) {
    return this.#send('invalidateMany', (redis) => redis.invalidateMany(entries, channel, messages))
  }

  publish(channel: string, message: string) {
    return this.#send('publish', (redis) => redis.publish(channel, message))
  }

  readGenerations(key: string, identity: string, channel: string, head: string) {
    return this.#send('readGenerations', (redis) => redis.readGenerations(key, identity, channel, head))
  }

  countGenerations(key: string, identity: string, channel: string, head: string, slots: readonly number[]) {
    return this.#send('countGenerations', (redis) => redis.countGenerations(key, identity, channel, head, slots))
  }

  replaceGenerations(key: string, identity: string, channel: string, head: string) {
    return this.#send('replaceGenerations', (redis) => redis.replaceGenerations(key, identity, channel, head))
  }

  #send<T>(what: string, command: (redis: FakeRedis) => T): Promise<T> {
    const connection = this.#connection
    if (this.#dead) return new Promise(() => {})
    return new Promise((resolve, reject) => {
      connection.unanswered.add(reject)
      const answer = (settle: () => void) => {
        this.#world.add({
          what: `${this.#name}: ${what} answered`,
          lane: connection.replies,
          run: () => {
            connection.unanswered.delete(reject)
            settle()
          },
        })
      }
      this.#world.add({
        what: `${this.#name}: ${what}`,
        lane: connection,
        run: () => {
          try {
            const reply = command(this.#world.redis)
            answer(() => resolve(reply))
          } catch (error) {
            answer(() => reject(error))
          }
        },
      })
    })
  }

  #troubles(): Step[] {
    const { unanswered } = this.#connection
    const steps: Step[] = []
    for (const giveUp of unanswered) {
      steps.push({
        what: `${this.#name}: a deadline passes`,
        run: () => {
          unanswered.delete(giveUp)
          giveUp(new RedisTimeoutError('no reply'))
        },
      })
    }
    if (unanswered.size > 0) steps.push({ what: `${this.#name}: the connection breaks`, run: () => this.#break() })
    for (const connection of this.#lost.filter((lost) => this.#world.has(lost))) {
      steps.push({ what: `${this.#name}: what was sent is lost`, run: () => this.#world.drop(connection) })
    }
    return steps
  }

  /** Redis may still execute what it was sent before. */
  #break(): void {
    const broken = this.#connection
    this.#connection = new SimulatedConnection()
    this.#lost.push(broken)
    this.#world.drop(broken.replies)
    for (const giveUp of broken.unanswered) giveUp(new Error('Connection is closed.'))
  }
}

/** A process that hears of the writes of the others late, or not at all until it has noticed that. */
export class SimulatedProcess {
  readonly namespace: Namespace<string>
  readonly name: string
  readonly #world: World
  readonly #source: Source
  readonly #pending: PendingInvalidations
  readonly #commands: SimulatedCommands
  readonly #inbox = {}
  #deaf = false
  #channel: 'connected' | 'lost' = 'connected'

  constructor(world: World, name: string, options: Partial<NamespaceOptions<string>>) {
    this.#world = world
    this.name = name
    const { clock } = world
    const random = () => world.random()
    const settings = parseCacheOptions({ name: 'shop', redis: 'redis://nowhere', clock, random })
    this.#source = new Source(settings.source, clock, () => {})
    this.#pending = new PendingInvalidations(clock, ({ key }) => this.namespace.replay(key))
    this.#commands = new SimulatedCommands(world, name)
    const channel = () => this.#channel
    const link = {
      clock,
      get channel() {
        return channel()
      },
      commands: this.#commands,
      gate: new WriteGate(
        clock,
        () => 0,
        () => {},
      ),
      pending: this.#pending,
      channelName: 'channel',
      sender: name,
      hearsOthers: () => this.#channel === 'connected',
      openAccount: () => openAccount(clock),
      add: () => {},
    }
    this.namespace = new Namespace<string>(parseNamespaceOptions<string>({ name: 'product', ...options }, settings), {
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

  /** As far as Redis can see, it is gone. */
  die(): void {
    this.#commands.die()
    this.#deaf = true
  }

  /** Everything that was in trouble is well again. */
  recover(): void {
    if (this.#deaf) this.#subscribe()
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
