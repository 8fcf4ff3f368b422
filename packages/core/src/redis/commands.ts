import type { BreakerState } from '../breaker/breaker.ts'
import type { Logger } from '../options/logger.ts'
import type { RedisOption } from '../options/redis-options.ts'
import { Budget } from './budget.ts'
import { CommandCounts, type CommandStatistics } from './command-counts.ts'
import { Endpoint } from './endpoint.ts'
import { EndpointLog } from './endpoint-log.ts'
import * as generationScripts from './generation-scripts.ts'
import { keyPages } from './key-pages.ts'
import { RecentWrites } from './recent-writes.ts'
import * as scripts from './scripts.ts'
import { type Reader, SharedReads } from './shared-reads.ts'
import { type Client, createTopology, type Role, type Topology } from './topology.ts'
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

export interface RedisEvents {
  /** A connection came up, or a breaker closed: what was put off may be tried. */
  onUsable(): void
  /** A connection ended. */
  onLost(): void
  onTransition(breaker: 'read' | 'write', state: BreakerState): void
}

/**
 * The way to one Redis: every command behind a breaker and within a budget. What is asked of it about entries, streams or
 * parked operations stands in files of their own.
 */
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
    const endpoint = (role: Role, count: number) => {
      const log = new EndpointLog(role, settings.logger)
      return new Endpoint({
        topology: this.topology,
        role,
        // One ioredis Cluster is already one connection to each node.
        connections: this.topology.kind === 'cluster' ? 1 : count,
        commandTimeout,
        probeKey: `${settings.cacheName}:{plimsoll}:probe`,
        onReady: () => {
          log.noteReady()
          events.onUsable()
        },
        onClose: () => events.onLost(),
        onError: (error) => log.noteError(error),
        onTransition: (breaker, state, previous) => {
          log.noteTransition(breaker, state, previous)
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

  /** Behind the write breaker. Commands by the same key keep their order. */
  write<T>(key: string, command: (client: Client) => Promise<T>, budget: Budget): Promise<T> {
    return this.#send('write', key, command, budget)
  }

  /** A script that changes nothing, behind the read breaker, and on the primary: a reader may lag behind. */
  readByScript(
    script: scripts.Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
    budget: Budget,
  ): Promise<unknown> {
    return this.#send('read', keys[0] ?? '', (client) => scripts.runScript(client, script, keys, args), budget)
  }

  /** Keys of one slot. Scripts on the same first key keep their order, reads among them. */
  writeByScript(
    script: scripts.Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
    budget: Budget,
  ): Promise<unknown> {
    return this.write(keys[0] ?? '', (client) => scripts.runScript(client, script, keys, args), budget)
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
    return (await this.write(key, (client) => client.unlink(key), budget)) === 1
  }

  /** What a node says of its memory, past the breakers: INFO, of any node of a cluster. */
  memoryInfo(): Promise<string> {
    return this.#primary.leastBusy().run((client) => client.info('memory'), this.#settings.commandTimeout)
  }

  /** The generations of a namespace; where there are none, it has those of `identity` from now on. */
  async readGenerations(key: string, identity: string, channel: string, message: string, budget: Budget) {
    const args = [identity, channel, message]
    return (await this.writeByScript(generationScripts.readGenerations, [key], args, budget)) as Buffer
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
    return (await this.writeByScript(generationScripts.countGenerations, [key], args, budget)) as Buffer
  }

  async replaceGenerations(key: string, identity: string, channel: string, message: string, budget: Budget) {
    await this.writeByScript(generationScripts.replaceGenerations, [key], [identity, channel, message], budget)
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
