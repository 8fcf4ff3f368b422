import type { EntryKeys } from '../entry/key.ts'
import { Budget } from '../redis/budget.ts'
import type { RedisCommands } from '../redis/commands.ts'
import type { EntryCommands } from '../redis/entry-commands.ts'
import type { Script } from '../redis/scripts.ts'
import type { Reader } from '../redis/shared-reads.ts'
import * as streamScripts from '../redis/stream-scripts.ts'
import { RedisTimeoutError, RedisUnavailableError } from '../redis/trouble.ts'
import type { FakeRedis } from './fake-redis.ts'
import type { Step, World } from './simulated-world.ts'

const commandTimeout = 200

/** What travels between a process and one node: commands in order, replies in order. */
class Lane {
  readonly replies = {}
}

/** A connection to Redis. Copies lie on nodes of their own, and nothing orders what one node does by what another does. */
class SimulatedConnection {
  readonly unanswered = new Set<(error: Error) => void>()
  readonly #original = new Lane()
  readonly #ofCopies = new Map<string, Lane>()

  get lanes(): Lane[] {
    return [this.#original, ...this.#ofCopies.values()]
  }

  laneOf(name: string): Lane {
    if (!name.endsWith(':cv')) return this.#original
    const lane = this.#ofCopies.get(name) ?? new Lane()
    this.#ofCopies.set(name, lane)
    return lane
  }
}

type Face = Pick<EntryCommands, keyof EntryCommands> &
  Pick<
    RedisCommands,
    | 'budget'
    | 'read'
    | 'readInHalf'
    | 'noteWrite'
    | 'publish'
    | 'readGenerations'
    | 'countGenerations'
    | 'replaceGenerations'
    | 'writeByScript'
    | 'memoryInfo'
  >

/** Stands for RedisCommands and EntryCommands: each command is executed at one step and answered at another, or not. */
export class SimulatedCommands implements Face {
  /** Redis does what it is sent, and its replies come too late. */
  late = false
  /** What a loader wants to store does not reach Redis. */
  losesStores = false
  readonly #world: World
  readonly #name: string
  /** No call ever runs out of time. */
  readonly #inTime: boolean
  readonly #lost: Lane[] = []
  readonly topology: { readonly kind: 'standalone' | 'cluster' }
  #connection = new SimulatedConnection()
  #dead = false
  #parted = false
  /** Commands that ended without a reply, whether or not Redis has executed them. */
  unanswered = 0

  constructor(world: World, name: string, kind: 'standalone' | 'cluster', inTime: boolean) {
    this.topology = { kind }
    this.#world = world
    this.#name = name
    this.#inTime = inTime
    world.troubles.push(() => this.#troubles())
  }

  budget(spent = 0): Budget {
    return new Budget(this.#inTime ? commandTimeout : Math.max(0, commandTimeout - spent))
  }

  noteWrite(): void {}

  /** Nothing more reaches Redis. */
  die(): void {
    this.#dead = true
    for (const lane of this.#connection.lanes) this.#world.drop(lane)
  }

  /** Nothing reaches Redis until it does again. */
  set parted(parted: boolean) {
    this.#parted = parted
    if (parted) this.#break()
  }

  get parted(): boolean {
    return this.#parted
  }

  /** Reads may go by any connection, so nothing orders them. */
  read(reader: Reader): void {
    if (this.#dead) return
    const replies = {}
    const sent = this.#world.clock.now()
    const fail = () => {
      this.unanswered += 1
      reader.onTrouble(new RedisTimeoutError('no reply'))
    }
    this.#world.add({
      what: `${this.#name}: GET`,
      run: () => {
        if (this.#parted || this.late) {
          fail()
          return
        }
        const value = this.#world.redis.get(reader.redisKey)
        this.#world.add({
          what: `${this.#name}: GET answered`,
          lane: replies,
          run: () => {
            // So late that there is no time left for the rest of the call.
            if (this.#world.clock.now() - sent >= commandTimeout) this.unanswered += 1
            reader.onValue(value, 0)
          },
          fail,
        })
      },
      fail,
    })
  }

  readInHalf(reader: Reader): void {
    this.read(reader)
  }

  async unlinkEntries(entries: readonly EntryKeys[]) {
    const unlink = (keys: EntryKeys) => this.#send('unlink', (redis) => redis.invalidateMany([keys], '', []), keys)
    await Promise.all(entries.map(unlink))
  }

  acquireLease(keys: EntryKeys, token: string, ttl: number, seen: string | Buffer, wait: boolean) {
    return this.#send('acquireLease', (redis) => redis.acquireLease(keys, token, ttl, seen, wait), keys)
  }

  acquireUpdateLease(keys: EntryKeys, token: string, ttl: number) {
    return this.#send('acquireUpdateLease', (redis) => redis.acquireUpdateLease(keys, token, ttl))
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
    if (this.losesStores) return Promise.reject(new Error('Connection is closed.'))
    return this.#send(
      'storeUnderLease',
      (redis) => redis.storeUnderLease(keys, token, entry, ttl, channel, wake, version),
      keys,
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
    version: Buffer | undefined,
    alone: boolean,
  ) {
    return this.#send('storeWrite', (redis) =>
      redis.storeWrite(keys, token, entry, ttl, channel, message, version, alone),
    )
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

  writeByScript(script: Script, keys: readonly string[], args: readonly (string | number | Buffer)[]) {
    return this.#send(nameOf(script), () => this.#world.streams.run(script, keys, args))
  }

  memoryInfo() {
    return this.#send('INFO', () => 'maxmemory:0\r\n')
  }

  #send<T>(what: string, command: (redis: FakeRedis) => T, keys?: EntryKeys): Promise<T> {
    const connection = this.#connection
    const lane = connection.laneOf(keys?.value ?? '')
    if (this.#dead) return new Promise(() => {})
    if (this.#parted) {
      this.unanswered += 1
      return Promise.reject(new RedisUnavailableError('not connected to Redis'))
    }
    return new Promise((resolve, reject) => {
      connection.unanswered.add(reject)
      const answer = (settle: () => void) => {
        this.#world.add({
          what: `${this.#name}: ${what} answered`,
          lane: lane.replies,
          run: () => {
            connection.unanswered.delete(reject)
            settle()
          },
        })
      }
      this.#world.add({
        what: `${this.#name}: ${what}`,
        lane,
        run: () => {
          try {
            const reply = command(this.#world.redis)
            if (this.late) answer(() => reject(new RedisTimeoutError('no reply')))
            else answer(() => resolve(reply))
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
          this.unanswered += 1
          giveUp(new RedisTimeoutError('no reply'))
        },
      })
    }
    if (unanswered.size > 0) steps.push({ what: `${this.#name}: the connection breaks`, run: () => this.#break() })
    for (const lane of this.#lost.filter((lost) => this.#world.has(lost))) {
      steps.push({ what: `${this.#name}: what was sent is lost`, run: () => this.#world.drop(lane) })
    }
    return steps
  }

  /** Redis may still execute what it was sent before. */
  #break(): void {
    const broken = this.#connection
    this.#connection = new SimulatedConnection()
    this.#lost.push(...broken.lanes)
    for (const lane of broken.lanes) this.#world.drop(lane.replies)
    this.unanswered += broken.unanswered.size
    for (const giveUp of broken.unanswered) giveUp(new Error('Connection is closed.'))
  }
}

function nameOf(script: Script): string {
  return Object.entries(streamScripts).find(([, one]) => one === script)?.[0] ?? 'script'
}
