import type { BreakerState } from '../breaker/breaker.ts'
import type { Logger } from '../options/logger.ts'
import type { RedisOption } from '../options/redis-options.ts'
import { Budget } from './budget.ts'
import { CommandCounts, type CommandStatistics } from './command-counts.ts'
import { Endpoint } from './endpoint.ts'
import * as generationScripts from './generation-scripts.ts'
import { keyPages } from './key-pages.ts'
import { RecentWrites } from './recent-writes.ts'
import * as scripts from './scripts.ts'
import { type Reader, SharedReads } from './shared-reads.ts'
import { type Client, createTopology, type Topology } from './topology.ts'
import { NoTimeLeftError } from './trouble.ts'

export interface CommandSettings {
  readonly cacheName: string
  readonly commandTimeout: number
  readonly connectTimeout: number
  /** Connections for data: the maximum less the subscriber's. */
  readonly connections: number
  readonly readerLag: number
  readonly logger: Logger
}

/** The two keys of one entry. */
export interface EntryKeys {
  readonly value: string
  readonly lease: string
}

/** `superseded`: what is there is newer. */
export type StoredWrite = 'unlinked' | 'stored' | 'refused' | 'superseded'

const storedWrites: readonly StoredWrite[] = ['unlinked', 'stored', 'refused', 'superseded']

export type Acquired =
  | { readonly kind: 'acquired' }
  | { readonly kind: 'held' }
  | { readonly kind: 'arrived'; readonly value: Buffer }

export interface RedisEvents {
  /** A connection came up, or a breaker closed: what was put off may be tried. */
  onUsable(): void
  /** A connection ended. */
  onLost(): void
  onTransition(breaker: 'read' | 'write', state: BreakerState): void
}

/** All that the cache asks of Redis, each behind a breaker and within a budget. */
export class RedisCommands {
  readonly topology: Topology
  readonly #primary: Endpoint
  readonly #reader: Endpoint | undefined
  readonly #primaryReads: SharedReads
  readonly #readerReads: SharedReads | undefined
  readonly #halfReads: SharedReads
  readonly #recentWrites: RecentWrites | undefined
  readonly #counts = new CommandCounts()
  readonly #settings: CommandSettings

  constructor(option: RedisOption, settings: CommandSettings, events: RedisEvents) {
    this.#settings = settings
    this.topology = createTopology(option, settings)
    const { commandTimeout, connections } = settings
    const readerConnections = this.topology.hasReader ? Math.floor(connections / 2) : 0
    const endpoint = (role: 'primary' | 'reader', count: number) => {
      const reported = new Set<string>()
      return new Endpoint({
        topology: this.topology,
        role,
        // One ioredis Cluster is already one connection to each node.
        connections: this.topology.kind === 'cluster' ? 1 : count,
        commandTimeout,
        probeKey: `${settings.cacheName}:{plimsoll}:probe`,
        onReady: () => {
          reported.clear()
          events.onUsable()
        },
        onClose: () => events.onLost(),
        onError: (error) => {
          // Each kind once an outage: it is tried several times a second.
          const kind = firstWord(error.message)
          const level = reported.has(kind) ? 'debug' : 'warn'
          reported.add(kind)
          settings.logger[level]({ error: error.message, role }, `Redis ${role}: no connection`)
        },
        onTransition: (breaker, state, previous) => {
          const details = { breaker, state, role }
          if (state === 'open' && previous === 'closed')
            settings.logger.warn(details, `Redis ${role}: ${breaker} breaker opened`)
          else if (state === 'closed') settings.logger.info(details, `Redis ${role}: ${breaker} breaker closed`)
          if (role === 'primary') {
            this.#counts.noteTransition(breaker, state)
            events.onTransition(breaker, state)
          }
          if (state === 'closed') events.onUsable()
        },
      })
    }
    this.#primary = endpoint('primary', connections - readerConnections)
    this.#primaryReads = new SharedReads(this.#primary, commandTimeout, this.#counts)
    this.#halfReads = new SharedReads(this.#primary, commandTimeout / 2, this.#counts)
    if (readerConnections > 0) {
      this.#reader = endpoint('reader', readerConnections)
      this.#readerReads = new SharedReads(this.#reader, commandTimeout / 2, this.#counts)
      this.#recentWrites = new RecentWrites(settings.readerLag)
    }
  }

  /** Whether a read would be sent, as far as is known. */
  get readable(): boolean {
    return this.#canRead(this.#primary) || (this.#reader !== undefined && this.#canRead(this.#reader))
  }

  get writable(): boolean {
    return this.#primary.write.closed && (this.#primary.ready || this.#primary.starting)
  }

  get ready(): boolean {
    return this.#primary.ready
  }

  get starting(): boolean {
    return this.#primary.starting
  }

  get connections(): number {
    return this.#primary.opened + (this.#reader?.opened ?? 0)
  }

  get breakers(): { readonly read: BreakerState; readonly write: BreakerState } {
    return { read: this.#primary.read.state, write: this.#primary.write.state }
  }

  /** How often a connection was lost and made again. */
  get reconnects(): number {
    return this.#primary.reconnects + (this.#reader?.reconnects ?? 0)
  }

  get statistics(): CommandStatistics {
    return {
      ...this.#counts.snapshot(),
      reconnects: this.reconnects,
      inFlight: this.#primary.inFlight + (this.#reader?.inFlight ?? 0),
    }
  }

  /** What a call may wait for Redis, less what it has waited already. */
  budget(spent = 0): Budget {
    return new Budget(Math.max(0, this.#settings.commandTimeout - spent))
  }

  /** Whether reads are answered by a replica, which may lag behind. */
  get hasReader(): boolean {
    return this.#reader !== undefined
  }

  /** Reads one value, together with all others asked for in this tick. */
  read(reader: Reader): void {
    if (this.#readerReads === undefined || this.#recentWrites?.has(reader.redisKey)) this.#primaryReads.read(reader)
    else this.#readerReads.read(this.#withFallback(reader))
  }

  /** As `read`, from the primary and in half of the time: for one of two reads that follow each other. */
  readInHalf(reader: Reader): void {
    this.#halfReads.read(reader)
  }

  /** This process wrote the key, or heard that another did: a reader may lag behind. */
  noteWrite(key: string): void {
    this.#recentWrites?.note(key)
  }

  /** Writes of other processes may have been missed: a reader may lag behind with any key. */
  noteMissedWrites(): void {
    this.#recentWrites?.noteAll()
  }

  async acquireLease(
    keys: EntryKeys,
    token: string,
    ttl: number,
    seen: string | Buffer,
    wait: boolean,
    budget: Budget,
  ): Promise<Acquired> {
    const args = [token, ttl, seen, wait ? '1' : '0']
    const reply = await this.#script(keys, scripts.acquireLease, [keys.value, keys.lease], args, budget)
    const [kind, value] = reply as [number, Buffer?]
    if (kind === 2 && value !== undefined) return { kind: 'arrived', value }
    return { kind: kind === 1 ? 'acquired' : 'held' }
  }

  /** A lease that a full Redis gives too. */
  async acquireUpdateLease(keys: EntryKeys, token: string, ttl: number, budget: Budget): Promise<Acquired> {
    const args = [token, ttl, '-', '1']
    const reply = await this.#script(keys, scripts.acquireUpdateLease, [keys.value, keys.lease], args, budget)
    const [kind] = reply as [number]
    return { kind: kind === 1 ? 'acquired' : 'held' }
  }

  /** False where the lease is lost. */
  async renewLease(keys: EntryKeys, token: string, ttl: number, budget: Budget): Promise<boolean> {
    return (await this.#script(keys, scripts.renewLease, [keys.lease], [token, ttl], budget)) === 1
  }

  /** False where nothing was stored: the lease is lost, or what is there is newer. */
  async storeUnderLease(
    keys: EntryKeys,
    token: string,
    entry: Buffer,
    ttl: number,
    channel: string,
    wake: string,
    budget: Budget,
    version?: Buffer,
  ): Promise<boolean> {
    const args = [token, entry, ttl, channel, wake]
    const { script, args: all } =
      version === undefined
        ? { script: scripts.storeUnderLease, args }
        : { script: scripts.storeVersionUnderLease, args: [...args, version, '0'] }
    return (await this.#script(keys, script, [keys.value, keys.lease], all, budget)) === 1
  }

  async releaseLease(keys: EntryKeys, token: string, channel: string, wake: string, budget: Budget): Promise<void> {
    await this.#script(keys, scripts.releaseLease, [keys.lease], [token, channel, wake], budget)
  }

  async placeIntent(keys: EntryKeys, token: string, ttl: number, budget: Budget): Promise<void> {
    this.noteWrite(keys.value)
    await this.#script(keys, scripts.placeIntent, [keys.lease], [token, ttl], budget)
  }

  /**
   * Without a message nothing is published: the news of many are told together. `alone`: Redis alone holds the value, and
   * keeps the older one where it does not take this.
   */
  async storeWrite(
    keys: EntryKeys,
    token: string,
    entry: Buffer,
    ttl: number,
    channel: string,
    message: string,
    budget: Budget,
    version: Buffer | undefined,
    alone: boolean,
  ): Promise<StoredWrite> {
    this.noteWrite(keys.value)
    const args = [token, entry, ttl, channel, message, alone ? '1' : '0']
    const { script, args: all } =
      version === undefined
        ? { script: scripts.storeWrite, args }
        : { script: scripts.storeVersionWrite, args: [...args, version] }
    const reply = await this.#script(keys, script, [keys.value, keys.lease], all, budget)
    return storedWrites[Number(reply)] ?? 'unlinked'
  }

  async invalidate(keys: EntryKeys, channel: string, message: string, budget: Budget): Promise<void> {
    this.noteWrite(keys.value)
    const args = message === '' ? [channel] : [channel, message]
    await this.#script(keys, scripts.invalidate, [keys.value, keys.lease], args, budget)
  }

  /** Many at once, all with the same news: where keys lie in slots of their own they are deleted one by one, and then told. */
  async invalidateMany(
    entries: readonly EntryKeys[],
    channel: string,
    messages: readonly string[],
    budget: Budget,
  ): Promise<void> {
    const [first] = entries
    if (first === undefined) return
    for (const { value } of entries) this.noteWrite(value)
    if (this.topology.kind !== 'cluster') {
      const keys = entries.flatMap(({ value, lease }) => [value, lease])
      await this.#script(first, scripts.invalidate, keys, [channel, ...messages], budget)
      return
    }
    const { left } = budget
    await Promise.all(
      entries.map((keys) =>
        this.#script(keys, scripts.invalidate, [keys.value, keys.lease], [channel], new Budget(left)),
      ),
    )
    for (const message of messages) await this.publish(channel, message)
  }

  /** A plain SET, for namespaces without leases. */
  async store(keys: EntryKeys, entry: Buffer, ttl: number, budget: Budget): Promise<void> {
    await this.#write(keys.value, (client) => client.set(keys.value, entry, 'PX', ttl), budget)
  }

  /** A script that changes nothing, behind the read breaker, and on the primary: a reader may lag behind. */
  async readByScript(
    script: scripts.Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
    budget: Budget,
  ): Promise<unknown> {
    return await this.#send('read', keys[0] ?? '', (client) => scripts.runScript(client, script, keys, args), budget)
  }

  /** Keys of one slot. Scripts on the same first key keep their order, reads among them. */
  async writeByScript(
    script: scripts.Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
    budget: Budget,
  ): Promise<unknown> {
    return await this.#send('write', keys[0] ?? '', (client) => scripts.runScript(client, script, keys, args), budget)
  }

  /** The keys that match, in small steps over every primary, each within the command timeout. */
  keyPages(pattern: string): AsyncIterable<readonly string[]> {
    const { commandTimeout } = this.#settings
    return keyPages((command) => {
      return this.#primary.read.run(() => {
        this.#counts.reads += 1
        return this.#primary.leastBusy().run(command, commandTimeout)
      })
    }, pattern)
  }

  /** Forgets a key; Redis frees its memory beside its other work. */
  async unlink(key: string, budget: Budget): Promise<boolean> {
    return (await this.#send('write', key, (client) => client.unlink(key), budget)) === 1
  }

  /** Forgets values and leases, each pair in a slot of its own, by commands that are sent together. */
  async unlinkEntries(entries: readonly EntryKeys[], budget: Budget): Promise<void> {
    const [first] = entries
    if (first === undefined) return
    const unlinkAll = (client: Client) => Promise.all(entries.map(({ value, lease }) => client.unlink(value, lease)))
    await this.#write(first.value, unlinkAll, budget)
  }

  /** What a node says of its memory, past the breakers: INFO, of any node of a cluster. */
  memoryInfo(): Promise<string> {
    return this.#primary.leastBusy().run((client) => client.info('memory'), this.#settings.commandTimeout)
  }

  /** Without a lease: whether it was stored, because it is newer than what is there, or `fill` allows it where there is nothing. */
  async storeVersion(
    keys: EntryKeys,
    entry: Buffer,
    ttl: number,
    version: Buffer,
    fill: boolean,
    budget: Budget,
  ): Promise<boolean> {
    const args = ['', entry, ttl, '', '', version, fill ? '1' : '0']
    return (await this.#script(keys, scripts.storeVersionUnderLease, [keys.value, keys.lease], args, budget)) === 1
  }

  /** The generations of a namespace; where there are none, it has those of `identity` from now on. */
  async readGenerations(key: string, identity: string, channel: string, message: string, budget: Budget) {
    return (await this.#generations(
      generationScripts.readGenerations,
      key,
      [identity, channel, message],
      budget,
    )) as Buffer
  }

  async countGenerations(
    key: string,
    identity: string,
    channel: string,
    message: string,
    slots: readonly number[],
    budget: Budget,
  ) {
    const args = [identity, channel, message, ...slots]
    return (await this.#generations(generationScripts.countGenerations, key, args, budget)) as Buffer
  }

  async replaceGenerations(key: string, identity: string, channel: string, message: string, budget: Budget) {
    await this.#generations(generationScripts.replaceGenerations, key, [identity, channel, message], budget)
  }

  /** Past the breakers: whether the channel is alive is asked all the time, and answers nobody. */
  async publish(channel: string, message: string, deadline = this.#settings.commandTimeout): Promise<void> {
    await this.#primary.leastBusy().run((client) => client.publish(channel, message), deadline)
  }

  close(): void {
    this.#primaryReads.close()
    this.#readerReads?.close()
    this.#halfReads.close()
    this.#primary.close()
    this.#reader?.close()
  }

  /** Reads wait half of the command timeout for the reader, so the primary can still answer within it. */
  #withFallback(reader: Reader): Reader {
    return {
      redisKey: reader.redisKey,
      onValue: (value, seconds) => reader.onValue(value, seconds),
      onTrouble: () => this.readInHalf(reader),
    }
  }

  #canRead(endpoint: Endpoint): boolean {
    return endpoint.read.closed && (endpoint.ready || endpoint.starting)
  }

  #generations(script: scripts.Script, key: string, args: readonly (string | number)[], budget: Budget) {
    return this.#write(key, (client) => scripts.runScript(client, script, [key], args), budget)
  }

  #script(
    entry: EntryKeys,
    script: scripts.Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
    budget: Budget,
  ): Promise<unknown> {
    // By the value's key, whichever keys the script takes: lease, intent and store of one entry keep their order.
    return this.#write(entry.value, (client) => scripts.runScript(client, script, keys, args), budget)
  }

  #write<T>(key: string, command: (client: Client) => Promise<T>, budget: Budget): Promise<T> {
    return this.#send('write', key, command, budget)
  }

  async #send<T>(
    side: 'read' | 'write',
    key: string,
    command: (client: Client) => Promise<T>,
    budget: Budget,
  ): Promise<T> {
    if (budget.left <= 0) throw new NoTimeLeftError('what this call may wait for Redis is spent')
    const started = performance.now()
    try {
      return await this.#primary[side].run(() => {
        this.#counts[side === 'read' ? 'reads' : 'writes'] += 1
        return this.#primary.ofKey(key).run(command, budget.left)
      })
    } catch (error) {
      this.#counts.noteError(error)
      throw error
    } finally {
      budget.spend(performance.now() - started)
    }
  }
}

/** What tells one kind of connection error from another, without the address in it. */
function firstWord(message: string): string {
  return /\bE[A-Z]{4,}\b/.exec(message)?.[0] ?? message.split(' ', 1)[0] ?? message
}
