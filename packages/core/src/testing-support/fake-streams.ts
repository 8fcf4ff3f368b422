import { headerBytes } from '../entry/envelope.ts'
import type { Script } from '../redis/scripts.ts'
import * as scripts from '../redis/stream-scripts.ts'
import type { FakeRedis } from './fake-redis.ts'
import { type FakeEntry, FakeStream } from './fake-stream.ts'

type Arguments = readonly (string | number | Buffer)[]
type Model = (keys: readonly string[], args: Arguments) => unknown

/**
 * The scripts of `redis/stream-scripts.ts` on a fake Redis, each in one synchronous step. A test beside the product holds
 * it to the real scripts on a real server.
 */
export class FakeStreams {
  /** An operation waits. */
  onAppend: (id: string, sequence: number) => void = () => {}
  readonly #redis: FakeRedis
  readonly #streams = new Map<string, FakeStream>()
  readonly #hashes = new Map<string, Map<string, number>>()
  readonly #parked = new Map<string, Buffer[][]>()
  readonly #models = new Map<Script, Model>([
    [scripts.appendIncrements, (...call) => this.#appendIncrements(...call)],
    [scripts.appendValue, (...call) => this.#appendValue(...call)],
    [scripts.take, (...call) => this.#take(...call)],
    [scripts.takeMore, (...call) => this.#takeMore(...call)],
    [scripts.renewLock, ([lock], args) => (this.#holds(lock, args[0]) ? this.#renew(lock, args) : 0)],
    [scripts.acknowledge, (...call) => this.#acknowledge(...call)],
    [scripts.park, (...call) => this.#park(...call)],
    [scripts.releaseLock, (...call) => this.#releaseLock(...call)],
    [scripts.lookAtWaiting, (...call) => this.#lookAtWaiting(...call)],
    [scripts.storeCounter, (...call) => this.#storeCounter(...call)],
  ])

  constructor(redis: FakeRedis) {
    this.#redis = redis
  }

  /** @throws ReplyError where a full Redis would refuse it */
  run(script: Script, keys: readonly string[], args: Arguments): unknown {
    const model = this.#models.get(script)
    if (model === undefined) throw new Error('the fake Redis does not know this script')
    return model(keys, args)
  }

  stream(key: string): FakeStream | undefined {
    return this.#streams.get(key)
  }

  /** Field by field; undefined where there is none. */
  hash(key: string): ReadonlyMap<string, number> | undefined {
    return this.#hashes.get(key)
  }

  /** The fields of each entry, oldest first. */
  parked(key: string): readonly (readonly Buffer[])[] {
    return this.#parked.get(key) ?? []
  }

  /** A stream that has had an entry with this ID. */
  runAhead(key: string, id: number): void {
    const stream = new FakeStream()
    stream.lastGenerated = id
    this.#streams.set(key, stream)
  }

  /** Forgets everything, as FLUSHALL does, or a restart without persistence. */
  flush(): void {
    this.#redis.flush()
    this.#streams.clear()
    this.#hashes.clear()
    this.#parked.clear()
  }

  #appendIncrements([stream = '', waiting = '', ...values]: readonly string[], args: Arguments): unknown {
    const [most, schemaVersion = '', channel, ...operations] = args
    if (this.#depth(stream) >= Number(most)) return [0]
    this.#redis.refuseIfFull()
    const sequence = this.#nextSequence(stream)
    const reply: unknown[] = [1]
    for (const [index, value] of values.entries()) {
      const [id = '', key = '', by = '', message = ''] = operations.slice(4 * index)
      this.#append(stream, sequence + index, ['o', id, 'k', key, 'b', by, 's', schemaVersion])
      this.#book(waiting, value, sequence + index)
      this.#count(waiting, `${value}:s`, Number(by))
      const before = this.#redis.get(value)
      const after = before === null ? undefined : plus(before, Number(by))
      if (after !== undefined) this.#redis.write(value, after.entry, undefined)
      else this.#redis.evict(value)
      if (channel !== '') this.#redis.publish(String(channel), String(message))
      reply.push(Buffer.from(after?.text ?? ''))
    }
    return reply
  }

  #appendValue([value = '', stream = '', waiting = '', lease = '']: readonly string[], args: Arguments): unknown {
    const [id = '', key = '', entry = '', most, schemaVersion = '', channel, message, own = ''] = args
    if (this.#depth(stream) >= Number(most)) return [0]
    this.#redis.refuseIfFull()
    const sequence = this.#nextSequence(stream)
    this.#append(stream, sequence, ['o', id, 'k', key, 'v', entry, 's', schemaVersion, 'q', own])
    this.#book(waiting, value, sequence)
    const highest = this.#hashes.get(waiting)?.get(`${value}:q`)
    const isNewest = own === '' || highest === undefined || Number(own) >= highest
    if (own !== '' && isNewest) this.#put(waiting, `${value}:q`, Number(own))
    if (isNewest) this.#redis.write(value, bytesOf(entry), undefined)
    this.#redis.evict(lease)
    if (channel !== '') this.#redis.publish(String(channel), String(message))
    return [1]
  }

  #take([key = '', lock = '', waiting = '', dead = '']: readonly string[], args: Arguments): unknown {
    const [consumer, turn, ttl, most] = [String(args[1]), String(args[2]), Number(args[3]), Number(args[4])]
    const stream = this.#streams.get(key)
    const depth = this.#depth(key)
    const oldest = stream?.entries.values().next().value?.id
    const age = oldest === undefined ? 0 : Math.max(0, Math.floor((this.#redis.time() - oldest) / 1_000))
    const isMine = this.#isTurnOf(lock, consumer)
    const left = this.#redis.ttl(lock)
    const parked = this.parked(dead).length
    if (!isMine && left >= 0) return [0, depth, age, left, [], parked]
    this.#redis.write(lock, turn, ttl)
    if (depth === 0) {
      for (const field of this.#hashes.get(waiting)?.keys() ?? [])
        if (field.endsWith(':n')) this.#redis.evict(field.slice(0, -2))
      this.#hashes.delete(waiting)
    }
    if (stream === undefined) return [1, 0, 0, 0, [], parked, 0]
    const group = stream.openGroup()
    if (group.pending.size === 0 && oldest !== undefined && oldest <= group.delivered) {
      group.delivered = 0
      for (const field of this.#hashes.get(waiting)?.keys() ?? [])
        if (field.endsWith(':f')) this.#remove(waiting, field)
    }
    const others = group.pending.size - group.pendingOf(consumer)
    const claimed = group.pending.size > 0 ? stream.claim(consumer, most) : []
    const read = claimed.length < most ? stream.read(consumer, most - claimed.length) : []
    if (!isMine || depth === 0) group.forgetIdle((other) => other !== consumer)
    const entries = [...claimed, ...read].map(replyOf)
    return [1, depth, age, Math.min(others, claimed.length), entries, parked, claimed.length]
  }

  #takeMore([key = '', lock]: readonly string[], args: Arguments): unknown {
    const stream = this.#streams.get(key)
    if (!this.#holds(lock, args[2]) || stream?.group === undefined) return []
    return stream.read(String(args[1]), Number(args[3])).map(replyOf)
  }

  #renew(lock: string | undefined, args: Arguments): number {
    this.#redis.write(lock ?? '', String(args[0]), Number(args[1]))
    return 1
  }

  #acknowledge([stream = '', lock = '', waiting = '', ...values]: readonly string[], args: Arguments): number {
    const [, turn, drop, , ...rest] = args
    if (!this.#holds(lock, turn)) return 0
    this.#streams.get(stream)?.acknowledge(rest.slice(2 * values.length).map(sequenceOf))
    for (const [index, value] of values.entries()) {
      this.#settle(stream, waiting, value, Number(rest[2 * index]), Number(rest[2 * index + 1]), drop === '1')
    }
    return 1
  }

  #park([key = '', lock = '', waiting = '', parked = '', value = '']: readonly string[], args: Arguments): number {
    const [, turn, most, reason = '', sum, attempts = '', ...ids] = args
    if (!this.#holds(lock, turn)) return -1
    const kept = [...this.parked(parked)] as Buffer[][]
    if (kept.length >= Number(most)) return ids.length
    const stream = this.#streams.get(key)
    for (const id of ids) {
      const entry = stream?.entries.get(sequenceOf(id))
      stream?.acknowledge([sequenceOf(id)])
      if (entry !== undefined)
        kept.push([...['reason', reason, 'attempts', attempts, 'sequence', id].map(bytesOf), ...entry.fields])
    }
    if (kept.length > 0) this.#parked.set(parked, kept)
    this.#settle(key, waiting, value, ids.length, Number(sum), true)
    this.#redis.evict(value)
    return 0
  }

  #releaseLock([stream = '', lock = '']: readonly string[], args: Arguments): number {
    const consumer = String(args[1])
    if (!this.#isTurnOf(lock, consumer)) return 0
    this.#redis.evict(lock)
    this.#streams.get(stream)?.group?.forgetIdle((one) => one === consumer)
    return 1
  }

  #lookAtWaiting([stream = '', waiting = '']: readonly string[], args: Arguments): unknown {
    const value = String(args[1])
    const hash = this.#hashes.get(waiting)
    const count = hash?.get(`${value}:n`)
    const { delivered, pending } = this.#progress(stream)
    const flushing = count !== undefined && pending > 0 && (hash?.get(`${value}:f`) ?? 0) <= delivered
    const numbers = [count ?? 0, hash?.get(`${value}:s`) ?? 0, delivered]
    return [...numbers.map((number) => Buffer.from(String(number))), flushing ? 1 : 0]
  }

  #storeCounter([value = '', lease = '', stream = '', waiting = '']: readonly string[], args: Arguments): number {
    const [token, entry = '', ttl, channel, wake, , delivered, seen] = args
    const held = this.#redis.get(lease)?.toString()
    if (held?.startsWith(String(token)) !== true) return 0
    const hash = this.#hashes.get(waiting)
    const more = (hash?.get(`${value}:s`) ?? 0) - Number(seen)
    const isSure = String(this.#progress(stream).delivered) === delivered
    const stored = !isSure ? undefined : more === 0 ? bytesOf(entry) : plus(bytesOf(entry), more)?.entry
    const isWaited = hash?.has(`${value}:n`) === true
    if (stored && !this.#redis.full) this.#redis.write(value, stored, isWaited ? undefined : Number(ttl))
    this.#redis.evict(lease)
    if (held.endsWith('*')) this.#redis.publish(String(channel), String(wake))
    if (stored) this.#redis.refuseIfFull()
    return stored ? 1 : 0
  }

  /** Books what does not wait any more, and gives a value that nothing waits for its end back. */
  #settle(stream: string, waiting: string, value: string, count: number, sum: number, drop: boolean): void {
    const { delivered, pending } = this.#progress(stream)
    if (this.#count(waiting, `${value}:n`, -count) > 0) {
      this.#count(waiting, `${value}:s`, -sum)
      if (pending === 0) this.#put(waiting, `${value}:f`, delivered + 1)
      return
    }
    for (const field of ['n', 's', 'f', 'q']) this.#remove(waiting, `${value}:${field}`)
    const entry = this.#redis.get(value)
    if (drop) this.#redis.evict(value)
    else if (entry !== null && entry.length >= headerBytes && entry.toString('latin1', 0, 2) === 'PL') {
      this.#redis.expireAt(value, entry.readDoubleBE(12))
    }
  }

  #progress(stream: string): { delivered: number; pending: number } {
    const group = this.#streams.get(stream)?.group
    return { delivered: group?.delivered ?? 0, pending: group?.pending.size ?? 0 }
  }

  #nextSequence(stream: string): number {
    return Math.max(this.#redis.time(), (this.#streams.get(stream)?.lastGenerated ?? -1) + 1)
  }

  #append(key: string, sequence: number, fields: Arguments): void {
    const stream = this.#streams.get(key) ?? new FakeStream()
    this.#streams.set(key, stream)
    stream.add(sequence, fields.map(bytesOf))
    this.onAppend(String(fields[1]), sequence)
  }

  #depth(stream: string): number {
    return this.#streams.get(stream)?.entries.size ?? 0
  }

  #holds(lock: string | undefined, turn: string | number | Buffer | undefined): boolean {
    return this.#redis.get(lock ?? '')?.toString() === String(turn)
  }

  #isTurnOf(lock: string, consumer: string): boolean {
    return this.#redis.get(lock)?.toString().startsWith(`${consumer}.`) === true
  }

  /** One more operation waits for this value. */
  #book(waiting: string, value: string, sequence: number): void {
    if (this.#count(waiting, `${value}:n`, 1) === 1) this.#put(waiting, `${value}:f`, sequence)
  }

  #count(key: string, field: string, by: number): number {
    return this.#put(key, field, (this.#hashes.get(key)?.get(field) ?? 0) + by)
  }

  #put(key: string, field: string, number: number): number {
    const hash = this.#hashes.get(key) ?? new Map<string, number>()
    this.#hashes.set(key, hash.set(field, number))
    return number
  }

  #remove(key: string, field: string): void {
    const hash = this.#hashes.get(key)
    hash?.delete(field)
    if (hash?.size === 0) this.#hashes.delete(key)
  }
}

/** The entry of a JSON number with something added; undefined where it is no such entry, or beyond 2^53. */
function plus(before: Buffer, by: number): { entry: Buffer; text: string } | undefined {
  if (before.length <= headerBytes || before.toString('latin1', 0, 4) !== 'PL\u0001\u0000') return undefined
  const sum = Number(before.toString('latin1', headerBytes)) + by
  if (!(Math.abs(sum) <= Number.MAX_SAFE_INTEGER)) return undefined
  const text = String(sum)
  const entry = Buffer.concat([before.subarray(0, headerBytes), Buffer.from(text)])
  entry.writeUInt32BE(text.length, 24)
  entry.writeUInt32BE(text.length, 28)
  return { entry, text }
}

function replyOf({ id, fields }: FakeEntry): [Buffer, readonly Buffer[]] {
  return [Buffer.from(`${id}-0`), fields]
}

function bytesOf(argument: string | number | Buffer): Buffer {
  return Buffer.isBuffer(argument) ? argument : Buffer.from(String(argument))
}

function sequenceOf(id: string | number | Buffer): number {
  return Number(String(id).split('-', 1)[0])
}
