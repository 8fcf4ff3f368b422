import { BreakerOpenError } from '../breaker/breaker.ts'
import type { Connection } from './connection.ts'
import type { Endpoint } from './endpoint.ts'
import type { Client } from './topology.ts'
import { classify, RedisUnavailableError } from './trouble.ts'

interface Reader {
  readonly key: string
  resolve(value: Buffer | null): void
  reject(error: unknown): void
}

/** Redis dropped the connection twice while this key alone was being read, so it is left alone for a while. */
export class PoisonedKeyError extends Error {
  override readonly name = 'PoisonedKeyError'
}

// One MGET blocks Redis while it answers, and one drop fails all of its members.
const mostKeys = 128
const poisonMilliseconds = 60_000
const mostSuspects = 1_000

/**
 * Gets issued in one tick share one MGET, one deadline and one breaker call. A member that makes Redis drop the
 * connection (a reply over client-output-buffer-limit) does not fail its neighbours: they are read again alone, and
 * the culprit is not asked for again, for reading it in a loop would reconnect for ever.
 */
export class SharedReads {
  readonly #endpoint: Endpoint
  readonly #deadline: number
  #waiting: Reader[] = []
  readonly #drops = new Map<string, number>()
  readonly #poisonedUntil = new Map<string, number>()

  constructor(endpoint: Endpoint, deadline: number) {
    this.#endpoint = endpoint
    this.#deadline = deadline
  }

  get(key: string): Promise<Buffer | null> {
    if (this.#poisonedUntil.size > 0 && this.#isPoisoned(key)) {
      return Promise.reject(new PoisonedKeyError('reading this key made Redis drop the connection'))
    }
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ key, resolve, reject }) === 1) setImmediate(this.#flush)
    })
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting
    this.#waiting = []
    if (waiting.length <= mostKeys) {
      this.#read(waiting)
      return
    }
    for (let start = 0; start < waiting.length; start += mostKeys) this.#read(waiting.slice(start, start + mostKeys))
  }

  #read(readers: Reader[]): void {
    const started = performance.now()
    const connection = this.#endpoint.leastBusy()
    const wasReady = connection.ready
    this.#endpoint.read
      .run(() => this.#fetch(connection, readers, this.#deadline))
      .then(
        (values) => {
          for (let index = 0; index < readers.length; index++) readers[index]?.resolve(values[index] ?? null)
          if (this.#drops.size > 0) for (const reader of readers) this.#drops.delete(reader.key)
        },
        (error: unknown) => {
          if (!wasReady || !isDrop(error)) {
            for (const reader of readers) reader.reject(error)
          } else if (readers.length === 1 && readers[0] !== undefined) {
            this.#suspect(readers[0].key)
            readers[0].reject(error)
          } else {
            void this.#readAlone(readers, started + this.#deadline)
          }
        },
      )
  }

  async #readAlone(readers: readonly Reader[], until: number): Promise<void> {
    for (const reader of readers) {
      let sent = false
      try {
        const left = until - performance.now()
        if (left <= 0) throw new RedisUnavailableError('no time left to read again')
        const connection = await this.#endpoint.whenReady(left)
        sent = true
        const remaining = Math.max(1, until - performance.now())
        const [value] = await this.#endpoint.read.run(() => this.#fetch(connection, [reader], remaining))
        reader.resolve(value ?? null)
      } catch (error) {
        if (sent && isDrop(error)) this.#suspect(reader.key)
        reader.reject(error)
      }
    }
  }

  #fetch(connection: Connection, readers: readonly Reader[], deadline: number): Promise<readonly (Buffer | null)[]> {
    return connection.run((client) => fetchAll(client, this.#endpoint.topology.kind === 'cluster', readers), deadline)
  }

  #isPoisoned(key: string): boolean {
    const until = this.#poisonedUntil.get(key)
    if (until === undefined) return false
    if (performance.now() < until) return true
    this.#poisonedUntil.delete(key)
    return false
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

function isDrop(error: unknown): boolean {
  if (error instanceof RedisUnavailableError || error instanceof BreakerOpenError) return false
  return classify(error) === 'connection'
}

function fetchAll(client: Client, cluster: boolean, readers: readonly Reader[]): Promise<(Buffer | null)[]> {
  const [first] = readers
  if (readers.length === 1 && first !== undefined) return client.getBuffer(first.key).then((value) => [value], onlyType)
  // In a cluster each key has a slot of its own, and MGET takes only keys of one: one GET a key, sent together.
  if (cluster) return Promise.all(readers.map(({ key }) => client.getBuffer(key).catch(onlyTypeOfOne)))
  return client.mgetBuffer(readers.map(({ key }) => key))
}

// MGET answers nil for a key that holds no string; GET answers with an error, which would be an exception for a miss.
function onlyTypeOfOne(error: unknown): null {
  if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return null
  throw error
}

const onlyType = (error: unknown) => [onlyTypeOfOne(error)]
