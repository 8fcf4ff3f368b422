import { TransientMap } from './transient-map.ts'

/** A read under way. Once voided its value may be answered to those who already wait, but must not be kept. */
export interface Fenced {
  voided: boolean
  /** Something happened to the key in Redis meanwhile: what is kept of it is not answered before Redis was asked again. */
  touched: boolean
}

/** A write under way. Its identity tells whether it was alone. */
export interface WriteTicket {
  touched: boolean
}

/**
 * What this process has under way for each key of a namespace. A write, here or heard of, voids the reads that began
 * before it ended; of several writes of one key only one that nobody interfered with may keep its value. Bounded by
 * what is in flight.
 */
export class Fences<R extends Fenced> {
  readonly #reads = new TransientMap<R>()
  readonly #writes = new Map<string, WriteTicket>()
  #writing = 0

  get reads(): number {
    return this.#reads.size
  }

  /** Writes under way, those that something came between too. */
  get writes(): number {
    return this.#writing
  }

  /** The read of this key that others may join. */
  findRead(key: string): R | undefined {
    return this.#reads.get(key)
  }

  openRead(key: string, read: R): void {
    this.#reads.set(key, read)
  }

  /** Whoever comes now shall not join the read under way, and what it finds is not to be kept. */
  setReadAside(key: string): void {
    this.#voidRead(key)
  }

  closeRead(key: string, read: R): void {
    if (this.#reads.get(key) === read) this.#reads.delete(key)
  }

  openWrite(key: string): WriteTicket {
    this.#voidRead(key)
    const ticket: WriteTicket = { touched: false }
    this.#writes.set(key, ticket)
    this.#writing += 1
    return ticket
  }

  /** True where no other write of the key began or ended meanwhile. Where one did, both must forget what they hold. */
  closeWrite(key: string, ticket: WriteTicket): boolean {
    this.#voidRead(key)
    this.#writing -= 1
    const alone = this.#writes.get(key) === ticket
    this.#writes.delete(key)
    return alone
  }

  /** Another process wrote the key. */
  voidKey(key: string): void {
    this.#voidRead(key)
    this.#writes.delete(key)
  }

  /** The key was written in Redis, by whomever, or is gone from it. Whoever comes now shall not join the read under way. */
  touch(key: string): void {
    const read = this.#reads.get(key)
    if (read !== undefined) {
      read.touched = true
      this.#reads.delete(key)
    }
    const write = this.#writes.get(key)
    if (write !== undefined) write.touched = true
  }

  touchAll(): void {
    for (const read of this.#reads.values()) read.touched = true
    this.#reads.clear()
    for (const write of this.#writes.values()) write.touched = true
  }

  /** Writes of other processes may have been missed. */
  voidAll(): void {
    for (const read of this.#reads.values()) read.voided = true
    this.#reads.clear()
    this.#writes.clear()
  }

  #voidRead(key: string): void {
    const read = this.#reads.get(key)
    if (read === undefined) return
    read.voided = true
    this.#reads.delete(key)
  }
}
