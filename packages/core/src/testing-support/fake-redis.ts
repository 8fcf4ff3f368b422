import { ReplyError } from 'ioredis'
import type { Clock } from '../clock.ts'
import { flags, headerBytes, stampsLayout } from '../entry/envelope.ts'
import type { EntryKeys } from '../entry/key.ts'
import type { Acquired, StoredWrite } from '../redis/entry-commands.ts'

interface Stored {
  readonly bytes: Buffer
  /** Undefined where it never expires. */
  readonly expiresAt: number | undefined
}

const empty = Buffer.alloc(0)

/**
 * A Redis that knows the scripts of `redis/scripts.ts` and nothing else, each in one synchronous step. A test beside
 * the product holds it to the real scripts on a real server.
 */
export class FakeRedis {
  /** Refuses what would make it grow, as a full Redis under noeviction does. */
  full = false
  /** Keys that were gone when their time was over, as far as anybody has looked. */
  expired = 0
  readonly #clock: Clock
  readonly #onPublish: (channel: string, message: string) => void
  readonly #onTouched: (key: string) => void
  readonly #stored = new Map<string, Stored>()
  #lastTime = 0

  /** `onTouched`: a key was written, evicted or has expired, as CLIENT TRACKING tells. */
  constructor(
    clock: Clock,
    onPublish: (channel: string, message: string) => void,
    onTouched: (key: string) => void = () => {},
  ) {
    this.#clock = clock
    this.#onPublish = onPublish
    this.#onTouched = onTouched
  }

  /** Microseconds since the epoch; no two calls find the same, as no two commands do. */
  time(): number {
    this.#lastTime = Math.max(this.#clock.now() * 1_000, this.#lastTime + 1)
    return this.#lastTime
  }

  get(key: string): Buffer | null {
    return this.#find(key)?.bytes ?? null
  }

  /** Milliseconds left; -1 where it never expires, -2 where there is none. */
  ttl(key: string): number {
    const found = this.#find(key)
    if (found === undefined) return -2
    return found.expiresAt === undefined ? -1 : found.expiresAt - this.#clock.now()
  }

  /** Forgets keys, as an eviction does, or somebody's hand. */
  evict(...keys: string[]): void {
    for (const key of keys) this.#delete(key)
  }

  set(key: string, bytes: Buffer | string, ttl?: number): void {
    this.refuseIfFull()
    this.write(key, bytes, ttl)
  }

  /** As a script that has written before: it may go on, however full Redis is. Without `ttl` it never expires. */
  write(key: string, bytes: Buffer | string, ttl: number | undefined): void {
    const expiresAt = ttl === undefined ? undefined : this.#clock.now() + ttl
    this.#stored.set(key, { bytes: Buffer.from(bytes), expiresAt })
    this.#onTouched(key)
  }

  expireAt(key: string, moment: number): void {
    const found = this.#find(key)
    if (found === undefined) return
    this.#stored.set(key, { ...found, expiresAt: moment })
    this.#onTouched(key)
  }

  /** What a full Redis answers to the first write of a script. */
  refuseIfFull(): void {
    if (this.full) throw new ReplyError("OOM command not allowed when used memory > 'maxmemory'.")
  }

  /** Forgets everything, as FLUSHALL does, or a restart without persistence. */
  flush(): void {
    this.#stored.clear()
  }

  acquireLease(keys: EntryKeys, token: string, ttl: number, seen: string | Buffer, wait: boolean): Acquired {
    const value = this.get(keys.value)
    if (value !== null && !Buffer.concat([Buffer.from('+'), value.subarray(4, 12)]).equals(Buffer.from(seen))) {
      return { kind: 'arrived', value }
    }
    const held = this.get(keys.lease)
    if (held === null || this.ttl(keys.lease) < 0) {
      // A script that has written may go on to write, however full Redis is.
      if (held === null) this.refuseIfFull()
      this.write(keys.lease, token, ttl)
      return { kind: 'acquired' }
    }
    if (wait && !isAwaited(held) && !this.full) this.#replace(keys.lease, Buffer.concat([held, Buffer.from('*')]))
    return { kind: 'held' }
  }

  acquireUpdateLease(keys: EntryKeys, token: string, ttl: number): Acquired {
    const { full } = this
    if (this.get(keys.lease) === null || this.ttl(keys.lease) < 0) this.full = false
    const acquired = this.acquireLease(keys, token, ttl, '-', true)
    this.full = full
    return acquired.kind === 'acquired' ? acquired : { kind: 'held' }
  }

  renewLease(keys: EntryKeys, token: string, ttl: number): boolean {
    const held = this.get(keys.lease)
    if (!isOf(held, token)) return false
    this.write(keys.lease, held ?? empty, ttl)
    return true
  }

  storeUnderLease(
    keys: EntryKeys,
    token: string,
    entry: Buffer,
    ttl: number,
    channel: string,
    wakeMessage: string,
    version?: Buffer,
  ): boolean {
    if (version !== undefined) return this.#storeVersion(keys, token, entry, ttl, channel, wakeMessage, version, false)
    const held = this.get(keys.lease)
    if (held === null || !isOf(held, token)) return false
    if (!this.full) this.write(keys.value, entry, ttl)
    this.#delete(keys.lease)
    if (isAwaited(held)) this.#onPublish(channel, wakeMessage)
    this.refuseIfFull()
    return true
  }

  storeVersion(keys: EntryKeys, entry: Buffer, ttl: number, version: Buffer, fill: boolean): boolean {
    return this.#storeVersion(keys, '', entry, ttl, '', '', version, fill)
  }

  #storeVersion(
    keys: EntryKeys,
    token: string,
    entry: Buffer,
    ttl: number,
    channel: string,
    wakeMessage: string,
    version: Buffer,
    fill: boolean,
  ): boolean {
    const held = this.get(keys.lease)
    const holds = token !== '' && held !== null && isOf(held, token)
    const order = orderOf(version, entry, this.get(keys.value))
    const stores = order === 1 || ((holds || fill) && order !== -1)
    if (stores && !this.full) this.write(keys.value, entry, ttl)
    if (holds) this.#delete(keys.lease)
    if (holds && isAwaited(held)) this.#onPublish(channel, wakeMessage)
    if (stores) this.refuseIfFull()
    return stores
  }

  releaseLease(keys: EntryKeys, token: string, channel: string, wakeMessage: string): boolean {
    const held = this.get(keys.lease)
    if (held === null || !isOf(held, token)) return false
    this.#delete(keys.lease)
    if (isAwaited(held)) this.#onPublish(channel, wakeMessage)
    return true
  }

  placeIntent(keys: EntryKeys, token: string, ttl: number): void {
    this.refuseIfFull()
    const held = this.get(keys.lease)
    this.write(keys.lease, held !== null && isAwaited(held) ? `${token}*` : token, ttl)
  }

  storeWrite(
    keys: EntryKeys,
    token: string,
    entry: Buffer,
    ttl: number,
    channel: string,
    message: string,
    version: Buffer | undefined,
    alone: boolean,
  ): StoredWrite {
    const isLast = isOf(this.get(keys.lease), token)
    const order = version && orderOf(version, entry, this.get(keys.value))
    const stores = isLast || order === 1
    const outcome = order === -1 ? 'superseded' : !stores ? 'unlinked' : this.full ? 'refused' : 'stored'
    if (outcome === 'stored') this.write(keys.value, entry, ttl)
    else if (outcome !== 'superseded' && !alone) this.#delete(keys.value)
    if (isLast || !alone) this.#delete(keys.lease)
    if (message !== '') this.#onPublish(channel, message)
    return outcome
  }

  invalidate(keys: EntryKeys, channel: string, message: string): void {
    this.invalidateMany([keys], channel, message === '' ? [] : [message])
  }

  invalidateMany(entries: readonly EntryKeys[], channel: string, messages: readonly string[]): void {
    for (const { value, lease } of entries) {
      this.#delete(value)
      this.#delete(lease)
    }
    for (const message of messages) this.#onPublish(channel, message)
  }

  publish(channel: string, message: string): void {
    this.#onPublish(channel, message)
  }

  readGenerations(key: string, identity: string, channel: string, head: string): Buffer {
    const held = this.get(key)
    if (held !== null && held.length >= identity.length) return held
    this.replaceGenerations(key, identity, channel, head)
    return Buffer.from(identity)
  }

  countGenerations(key: string, identity: string, channel: string, head: string, slots: readonly number[]): Buffer {
    const held = this.get(key)
    let bytes = Buffer.from(held !== null && held.length >= identity.length ? held : identity)
    const counts: Buffer[] = []
    const told: [number, number][] = []
    for (const slot of slots) {
      const at = identity.length + 4 * slot
      if (bytes.length < at + 4) bytes = Buffer.concat([bytes, Buffer.alloc(at + 4 - bytes.length)])
      const count = bytes.readUInt32BE(at) + 1
      bytes.writeUInt32BE(count, at)
      counts.push(Buffer.from(bytes.subarray(at, at + 4)))
      told.push([slot, count])
    }
    this.write(key, bytes, undefined)
    const found = bytes.toString('latin1', 0, identity.length)
    this.#onPublish(channel, `${head},"${found}",${JSON.stringify(told)}]`)
    return Buffer.concat([Buffer.from(found), ...counts])
  }

  replaceGenerations(key: string, identity: string, channel: string, head: string): void {
    this.write(key, identity, undefined)
    this.#onPublish(channel, `${head},"${identity}",[]]`)
  }

  #find(key: string): Stored | undefined {
    const found = this.#stored.get(key)
    if (found?.expiresAt === undefined || this.#clock.now() < found.expiresAt) return found
    this.#delete(key)
    this.expired += 1
    return undefined
  }

  #delete(key: string): void {
    if (this.#stored.delete(key)) this.#onTouched(key)
  }

  #replace(key: string, bytes: Buffer): void {
    this.#stored.set(key, { bytes, expiresAt: this.#find(key)?.expiresAt })
    this.#onTouched(key)
  }
}

/** As the scripts compare versions; undefined where the entry has none, or is of other generations than `mine`. */
function orderOf(version: Buffer, mine: Buffer, entry: Buffer | null): -1 | 0 | 1 | undefined {
  const isEntry = entry !== null && entry.length > headerBytes && entry.subarray(0, 3).equals(Buffer.from('PL\u0001'))
  if (!isEntry || ((entry[3] ?? 0) & flags.versioned) === 0) return undefined
  if (!generationOf(entry).equals(generationOf(mine))) return undefined
  return version.compare(entry.subarray(headerBytes + 1, headerBytes + 1 + (entry[headerBytes] ?? 0)))
}

/** Of an entry with a version. */
function generationOf(entry: Buffer): Buffer {
  if (((entry[3] ?? 0) & flags.stamped) === 0) return empty
  const start = headerBytes + 1 + (entry[headerBytes] ?? 0)
  return entry.subarray(start, start + stampsLayout.identity)
}

function isOf(held: Buffer | null, token: string): boolean {
  return held?.subarray(0, token.length).equals(Buffer.from(token)) ?? false
}

function isAwaited(held: Buffer): boolean {
  return held.at(-1) === 0x2a
}
