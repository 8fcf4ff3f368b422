/**
 * What stands before every value in Redis, in 40 bytes, big-endian. One value holds all times of an entry, so that no
 * second key can be evicted from under it.
 *
 *  0  2  magic "PL"
 *  2  1  version 1
 *  3  1  flags: 1 the source has none, 2 deflated, 4 msgpack, 8 custom serializer, 16 stamped, 32 versioned
 *  4  8  freshUntil, milliseconds since the epoch (double)
 * 12  8  expiresAt, when Redis forgets it (double)
 * 20  4  loadTime, milliseconds
 * 24  4  bytes that follow the header: a truncated value is recognised
 * 28  4  bytes of the serialized value before deflation: bounds the inflation
 * 32  8  storedAt, milliseconds since the epoch (double)
 *
 * Then, where the flags say so, what the value is ordered and dropped by, and then the value:
 *
 *  1  length of the version, and its bytes, which the scripts compare (32 versioned)
 * 12  identity of the namespace's generations; 1 number of slots; for each 2 the slot, 4 its count (16 stamped)
 */
export const headerBytes = 40
const magic = 0x504c
const version = 1

export const flags = { none: 1, deflated: 2, msgpack: 4, custom: 8, stamped: 16, versioned: 32 } as const
const knownFlags = 63

/** Where `freshUntil` stands: scripts compare these bytes to tell whether a value is the one that the caller saw. */
export const freshUntilBytes = { start: 4, end: 12 } as const

/** The times of an entry. */
export interface Times {
  /** When it was loaded or written, in milliseconds since the epoch. */
  readonly storedAt: number
  /** Until then the value is fresh, in milliseconds since the epoch. */
  readonly freshUntil: number
  /** Until then Redis keeps it as a stale reserve. */
  readonly expiresAt: number
  /** What loading it took, smoothed, in milliseconds. */
  readonly loadTime: number
}

export interface Envelope extends Times {
  readonly flags: number
  readonly rawBytes: number
  /** Where the value begins. */
  readonly start: number
  /** Where the stamps begin; 0 where there are none. A number, for a hit in Redis is to make no buffer for them. */
  readonly stampsAt: number
}

/** What a value is ordered and dropped by, besides its times. */
export interface Marks {
  readonly version: Buffer | undefined
  readonly stamps: Buffer | undefined
}

/** Of the stamps of an entry: the identity of the generations, the number of slots, and each slot with its count. */
export const stampsLayout = { identity: 12, head: 13, slot: 6 } as const

/** Why bytes in Redis are no entry of ours. All of these are misses. */
export type Unreadable = 'foreign' | 'unknown-version' | 'truncated' | 'corrupt' | 'schema-mismatch' | 'too-large'

export function wrap(times: Times, flagBits: number, rawBytes: number, payload: Buffer, marks?: Marks): Buffer {
  const { version: order, stamps } = marks ?? noMarks
  const start = headerBytes + (order === undefined ? 0 : 1 + order.length) + (stamps?.length ?? 0)
  const bytes = Buffer.allocUnsafe(start + payload.length)
  bytes.writeUInt16BE(magic, 0)
  bytes[2] = version
  bytes[3] = flagBits | (order === undefined ? 0 : flags.versioned) | (stamps === undefined ? 0 : flags.stamped)
  bytes.writeDoubleBE(times.freshUntil, 4)
  bytes.writeDoubleBE(times.expiresAt, 12)
  bytes.writeUInt32BE(Math.min(0xffff_ffff, Math.max(0, Math.round(times.loadTime))), 20)
  bytes.writeUInt32BE(bytes.length - headerBytes, 24)
  bytes.writeUInt32BE(rawBytes, 28)
  bytes.writeDoubleBE(times.storedAt, 32)
  if (order !== undefined) {
    bytes[headerBytes] = order.length
    order.copy(bytes, headerBytes + 1)
  }
  if (stamps !== undefined) stamps.copy(bytes, start - stamps.length)
  payload.copy(bytes, start)
  return bytes
}

const noMarks: Marks = { version: undefined, stamps: undefined }

export function unwrap(bytes: Buffer): Envelope | Unreadable {
  if (bytes.length < 3 || bytes.readUInt16BE(0) !== magic) return 'foreign'
  if (bytes[2] !== version) return 'unknown-version'
  if (bytes.length < headerBytes) return 'truncated'
  const flagBits = bytes[3] ?? 0
  if ((flagBits & ~knownFlags) !== 0) return 'unknown-version'
  if (bytes.readUInt32BE(24) !== bytes.length - headerBytes) return 'truncated'
  const freshUntil = bytes.readDoubleBE(4)
  const expiresAt = bytes.readDoubleBE(12)
  const storedAt = bytes.readDoubleBE(32)
  if (!Number.isFinite(freshUntil) || !Number.isFinite(expiresAt) || !Number.isFinite(storedAt)) return 'corrupt'
  const isStamped = (flagBits & flags.stamped) !== 0
  const marks = headerBytes + ((flagBits & flags.versioned) === 0 ? 0 : 1 + (bytes[headerBytes] ?? 0))
  const start = isStamped ? endOfStamps(bytes, marks) : marks
  if (start > bytes.length) return 'truncated'
  return {
    storedAt,
    freshUntil,
    expiresAt,
    loadTime: bytes.readUInt32BE(20),
    flags: flagBits,
    rawBytes: bytes.readUInt32BE(28),
    start,
    stampsAt: isStamped ? marks : 0,
  }
}

export function endOfStamps(bytes: Buffer, stampsAt: number): number {
  const { identity, head, slot } = stampsLayout
  return stampsAt + head + (bytes[stampsAt + identity] ?? 0) * slot
}
