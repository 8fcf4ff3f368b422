import { ReplyError } from 'ioredis'
import type { Clock } from '../clock.ts'
import type { Acquired, EntryKeys } from '../redis/commands.ts'

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
  readonly #clock: Clock
  readonly #onPublish: (channel: string, message: string) => void
  readonly #stored = new Map<string, Stored>()

  constructor(clock: Clock, onPublish: (channel: string, message: string) => void) {
    this.#clock = clock
    this.#onPublish = onPublish
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

  /** Forgets a key, as an eviction does, or somebody's hand. */
  evict(key: string): void {
    this.#stored.delete(key)
  }

  set(key: string, bytes: Buffer | string, ttl?: number): void {
    this.#refuseIfFull()
    this.#write(key, bytes, ttl)
  }

  acquireLease(keys: EntryKeys, token: string, ttl: number, seen: string | Buffer, wait: boolean): Acquired {
    const value = this.get(keys.value)
    if (value !== null && !Buffer.concat([Buffer.from('+'), value.subarray(4, 12)]).equals(Buffer.from(seen))) {
      return { kind: 'arrived', value }
    }
    const held = this.get(keys.lease)
    if (held === null || this.ttl(keys.lease) < 0) {
      // A script that has written may go on to write, however full Redis is.
      if (held === null) this.#refuseIfFull()
      this.#write(keys.lease, token, ttl)
      return { kind: 'acquired' }
    }
    if (wait && !isAwaited(held) && !this.full) this.#replace(keys.lease, Buffer.concat([held, Buffer.from('*')]))
    return { kind: 'held' }
  }

  renewLease(keys: EntryKeys, token: string, ttl: number): boolean {
    const held = this.get(keys.lease)
    if (!isOf(held, token)) return false
    this.#write(keys.lease, held ?? empty, ttl)
    return true
  }

  storeUnderLease(
    keys: EntryKeys,
    token: string,
    entry: Buffer,
    ttl: number,
    channel: string,
    wakeMessage: string,
  ): boolean {
    const held = this.get(keys.lease)
    if (held === null || !isOf(held, token)) return false
    if (!this.full) this.#write(keys.value, entry, ttl)
    this.#stored.delete(keys.lease)
    if (isAwaited(held)) this.#onPublish(channel, wakeMessage)
    this.#refuseIfFull()
    return true
  }

  releaseLease(keys: EntryKeys, token: string, channel: string, wakeMessage: string): boolean {
    const held = this.get(keys.lease)
    if (held === null || !isOf(held, token)) return false
    this.#stored.delete(keys.lease)
    if (isAwaited(held)) this.#onPublish(channel, wakeMessage)
    return true
  }

  placeIntent(keys: EntryKeys, token: string, ttl: number): void {
    this.#refuseIfFull()
    const held = this.get(keys.lease)
    this.#write(keys.lease, held !== null && isAwaited(held) ? `${token}*` : token, ttl)
  }

  storeWrite(
    keys: EntryKeys,
    token: string,
    entry: Buffer,
    ttl: number,
    channel: string,
    message: string,
  ): 'stored' | 'unlinked' | 'refused' {
    const isLast = isOf(this.get(keys.lease), token)
    const outcome = !isLast ? 'unlinked' : this.full ? 'refused' : 'stored'
    if (outcome === 'stored') this.#write(keys.value, entry, ttl)
    else this.#stored.delete(keys.value)
    this.#stored.delete(keys.lease)
    this.#onPublish(channel, message)
    return outcome
  }

  invalidate(keys: EntryKeys, channel: string, message: string): void {
    this.#stored.delete(keys.value)
    this.#stored.delete(keys.lease)
    this.#onPublish(channel, message)
  }

  #find(key: string): Stored | undefined {
    const found = this.#stored.get(key)
    if (found?.expiresAt === undefined || this.#clock.now() < found.expiresAt) return found
    this.#stored.delete(key)
    return undefined
  }

  #write(key: string, bytes: Buffer | string, ttl: number | undefined): void {
    const expiresAt = ttl === undefined ? undefined : this.#clock.now() + ttl
    this.#stored.set(key, { bytes: Buffer.from(bytes), expiresAt })
  }

  #replace(key: string, bytes: Buffer): void {
    this.#stored.set(key, { bytes, expiresAt: this.#find(key)?.expiresAt })
  }

  #refuseIfFull(): void {
    if (this.full) throw new ReplyError("OOM command not allowed when used memory > 'maxmemory'.")
  }
}

function isOf(held: Buffer | null, token: string): boolean {
  return held?.subarray(0, token.length).equals(Buffer.from(token)) ?? false
}

function isAwaited(held: Buffer): boolean {
  return held.at(-1) === 0x2a
}
