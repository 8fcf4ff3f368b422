import { BreakerOpenError } from '../breaker/breaker.ts'
import type { CommandCounts } from './command-counts.ts'
import type { Connection } from './connection.ts'
import { Deadlines, type Racing } from './deadlines.ts'
import type { Endpoint } from './endpoint.ts'
import type { Client } from './topology.ts'
import { classify, RedisUnavailableError } from './trouble.ts'

/** Who wants a value, told by call and not by promise: a Redis hit is too frequent for one more of those. */
export interface Reader {
  readonly redisKey: string
  /** `seconds`: how long Redis took, taken once for all that share a read. */
  onValue(value: Buffer | null, seconds: number): void
  onTrouble(error: unknown): void
}

type Reply = Buffer | null | (Buffer | null)[]

/** Redis dropped the connection twice while this key alone was being read, so it is left alone for a while. */
export class PoisonedKeyError extends Error {
  override readonly name = 'PoisonedKeyError'
}

// One MGET blocks Redis while it answers, and one drop fails all of its members.
const mostKeys = 128
const poisonMilliseconds = 60_000
const mostSuspects = 1_000

/**
 * Reads issued in one tick share one MGET, one deadline and one breaker call. A member that makes Redis drop the
 * connection (a reply over client-output-buffer-limit) does not fail its neighbours: they are read again alone, and
 * the culprit is not asked for again, for reading it in a loop would reconnect for ever.
 */
export class SharedReads {
  readonly #endpoint: Endpoint
  readonly #deadlines: Deadlines<Reply>
  readonly #deadline: number
  readonly #counts: CommandCounts
  #waiting: Reader[] = []
  readonly #drops = new Map<string, number>()
  readonly #poisonedUntil = new Map<string, number>()

  constructor(endpoint: Endpoint, deadline: number, counts: CommandCounts) {
    this.#endpoint = endpoint
    this.#deadline = deadline
    this.#counts = counts
    this.#deadlines = new Deadlines<Reply>(deadline)
  }

  read(reader: Reader): void {
    // Not setImmediate: a lone read would wait for a turn of the event loop. After the microtasks of this tick is late
    // enough to gather what the replies of one packet have set off.
    if (this.#waiting.push(reader) === 1) process.nextTick(this.#flush)
  }

  close(): void {
    this.#deadlines.close()
  }

  readonly #flush = (): void => {
    let waiting = this.#waiting
    this.#waiting = []
    if (this.#poisonedUntil.size > 0) waiting = waiting.filter((reader) => !this.#turnAway(reader))
    if (waiting.length === 0) return
    if (waiting.length <= mostKeys) {
      this.#read(waiting)
      return
    }
    for (let start = 0; start < waiting.length; start += mostKeys) this.#read(waiting.slice(start, start + mostKeys))
  }

  #read(readers: Reader[]): void {
    const breaker = this.#endpoint.read
    const batch = new Batch(this, this.#endpoint, readers)
    if (breaker.quiet) this.#send(batch)
    else {
      breaker
        .run(() => new Promise<Reply>((resolve, reject) => this.#send(batch.reportTo(resolve, reject))))
        .then(
          (reply) => this.onReply(batch, reply),
          (error: unknown) => this.onTrouble(batch, error),
        )
    }
  }

  #send(batch: Batch): void {
    this.#counts.reads += 1
    this.#deadlines.race(batch)
  }

  /** @internal */
  onReply({ readers, until }: Batch, reply: Reply): void {
    if (this.#drops.size > 0) for (const reader of readers) this.#drops.delete(reader.redisKey)
    // The deadline was set when it was sent.
    deliver(readers, reply, (performance.now() - until + this.#deadline) / 1_000)
  }

  /** @internal */
  onTrouble({ readers, connection, wasReady, until }: Batch, error: unknown): void {
    this.#counts.noteError(error)
    const [first] = readers
    if (readers.length === 1 && isWrongType(error)) {
      first?.onValue(null, 0)
    } else if (!wasReady || !isDrop(error)) {
      for (const reader of readers) reader.onTrouble(error)
    } else if (readers.length === 1 && first !== undefined) {
      if (!connection.isLookingElsewhere) this.#suspect(first.redisKey)
      first.onTrouble(error)
    } else {
      void this.#readAlone(readers, until)
    }
  }

  async #readAlone(readers: readonly Reader[], until: number): Promise<void> {
    for (const reader of readers) {
      let sent: Connection | undefined
      try {
        const left = until - performance.now()
        if (left <= 0) throw new RedisUnavailableError('no time left to read again')
        const connection: Connection = await this.#endpoint.whenReady(left)
        sent = connection
        const started = performance.now()
        const remaining = Math.max(1, until - started)
        const reply = await this.#endpoint.read.run(() => {
          this.#counts.reads += 1
          return connection.run((client) => client.getBuffer(reader.redisKey), remaining)
        })
        deliver([reader], reply, (performance.now() - started) / 1_000)
        this.#drops.delete(reader.redisKey)
      } catch (error) {
        if (sent !== undefined) this.#counts.noteError(error)
        if (sent?.isLookingElsewhere === false && isDrop(error)) this.#suspect(reader.redisKey)
        if (isWrongType(error)) reader.onValue(null, 0)
        else reader.onTrouble(error)
      }
    }
  }

  #turnAway(reader: Reader): boolean {
    const until = this.#poisonedUntil.get(reader.redisKey)
    if (until === undefined) return false
    if (performance.now() >= until) {
      this.#poisonedUntil.delete(reader.redisKey)
      return false
    }
    reader.onTrouble(new PoisonedKeyError('reading this key made Redis drop the connection'))
    return true
  }

  /** Two drops in a row while it was read alone: once may have been Redis itself going away. */
  #suspect(key: string): void {
    const drops = (this.#drops.get(key) ?? 0) + 1
    if (drops >= 2) {
      this.#drops.delete(key)
      if (this.#poisonedUntil.size >= mostSuspects) this.#poisonedUntil.clear()
      this.#poisonedUntil.set(key, performance.now() + poisonMilliseconds)
      return
    }
    if (this.#drops.size >= mostSuspects) this.#drops.clear()
    this.#drops.set(key, drops)
  }
}

/** The reads of one tick on their way. One object, for a Redis hit makes one. */
class Batch implements Racing<Reply> {
  readonly readers: Reader[]
  readonly connection: Connection
  readonly wasReady: boolean
  until = 0
  settled = false
  place = 0
  readonly #owner: SharedReads
  readonly #endpoint: Endpoint
  #breaker: { resolve(reply: Reply): void; reject(error: Error): void } | undefined

  constructor(owner: SharedReads, endpoint: Endpoint, readers: Reader[]) {
    this.#owner = owner
    this.#endpoint = endpoint
    this.readers = readers
    this.connection = endpoint.leastBusy()
    this.wasReady = this.connection.ready
  }

  /** One value for one reader, else an array: a single read is spared the promise that would wrap it. */
  command(client: Client): Promise<Reply> {
    const { readers } = this
    const [first] = readers
    if (readers.length === 1 && first !== undefined) return client.getBuffer(first.redisKey)
    // In a cluster each key has a slot of its own, and MGET takes only keys of one: one GET a key, sent together.
    if (this.#endpoint.topology.kind === 'cluster') {
      return Promise.all(readers.map(({ redisKey }) => client.getBuffer(redisKey).catch(nullForWrongType)))
    }
    return client.mgetBuffer(readers.map(({ redisKey }) => redisKey))
  }

  onReply(reply: Reply): void {
    if (this.#breaker !== undefined) this.#breaker.resolve(reply)
    else {
      this.#endpoint.read.noteAnswer()
      this.#owner.onReply(this, reply)
    }
  }

  onError(error: Error): void {
    if (this.#breaker !== undefined) this.#breaker.reject(error)
    else {
      this.#endpoint.read.note(error)
      this.#owner.onTrouble(this, error)
    }
  }

  /** The end of this batch is the breaker's to hear first. */
  reportTo(resolve: (reply: Reply) => void, reject: (error: Error) => void): this {
    this.#breaker = { resolve, reject }
    return this
  }
}

function isDrop(error: unknown): boolean {
  if (error instanceof RedisUnavailableError || error instanceof BreakerOpenError) return false
  return classify(error) === 'connection'
}

function deliver(readers: readonly Reader[], reply: Reply, seconds: number): void {
  if (!Array.isArray(reply)) readers[0]?.onValue(reply, seconds)
  else for (let index = 0; index < readers.length; index++) readers[index]?.onValue(reply[index] ?? null, seconds)
}

// MGET answers nil for a key that holds no string; GET answers with an error, which would be an exception for a miss.
function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('WRONGTYPE')
}

function nullForWrongType(error: unknown): null {
  if (isWrongType(error)) return null
  throw error
}
