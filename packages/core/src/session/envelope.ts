import { inflateRawSync } from 'node:zlib'
import { deflate } from '../entry/deflate.ts'
import { longestUser } from './handle.ts'
import type { SessionRecord } from './record.ts'

/**
 * A session in Redis, big-endian. The user stands before the data and is never deflated, so that a script that deletes a
 * session can hand out whose it was without the data.
 *
 *  0  2  magic "PS"
 *  2  1  version 1
 *  3  1  flags: 1 deflated
 *  4  8  createdAt, milliseconds since the epoch (double)
 * 12  4  bytes of the JSON before deflation: bounds the inflation
 * 16  4  bytes that follow the header: a truncated value is recognised
 * 20 12  revision
 * 32  2  bytes of the user, 0xffff where there is none
 * 34     user, then the JSON
 */
const headerBytes = 34
const magic = 0x5053
const version = 1
const deflated = 1
const nobody = 0xffff

export const revisionBytes = 12
/** Where the revision stands, as Redis counts: scripts compare these bytes. */
export const revisionAt = { start: 20, end: 31 } as const
/** As much of a session as may hold its header and its user. */
export const headLength = headerBytes + longestUser * 4

// A deflated session must be worth inflating on every read.
const worthwhile = 0.9
/** Whatever a writer declared: no session unfolds to more. */
const largestInflated = 16 * 1024 ** 2

/** Why bytes under a session's key are no session of ours. All of these are misses. */
export type UnreadableSession = 'foreign' | 'unknown-version' | 'truncated' | 'corrupt'

/** `deflateFrom`: bytes of JSON from which on it is deflated; undefined never. */
export async function sealSession(record: SessionRecord, deflateFrom: number | undefined): Promise<Buffer> {
  const raw = Buffer.from(record.json)
  const packed = deflateFrom !== undefined && raw.length >= deflateFrom ? await deflate(raw) : undefined
  const isDeflated = packed !== undefined && packed.length < raw.length * worthwhile
  const payload = isDeflated ? packed : raw
  const user = record.user === undefined ? undefined : Buffer.from(record.user)
  const userLength = user?.length ?? 0
  const bytes = Buffer.allocUnsafe(headerBytes + userLength + payload.length)
  bytes.writeUInt16BE(magic, 0)
  bytes[2] = version
  bytes[3] = isDeflated ? deflated : 0
  bytes.writeDoubleBE(record.createdAt, 4)
  bytes.writeUInt32BE(raw.length, 12)
  bytes.writeUInt32BE(userLength + payload.length, 16)
  bytes.write(record.revision.padEnd(revisionBytes).slice(0, revisionBytes), revisionAt.start, 'latin1')
  bytes.writeUInt16BE(user === undefined ? nobody : userLength, 32)
  user?.copy(bytes, headerBytes)
  payload.copy(bytes, headerBytes + userLength)
  return bytes
}

export function openSession(bytes: Buffer): SessionRecord | UnreadableSession {
  if (bytes.length < 3 || bytes.readUInt16BE(0) !== magic) return 'foreign'
  if (bytes[2] !== version) return 'unknown-version'
  if (bytes.length < headerBytes) return 'truncated'
  const flags = bytes[3] ?? 0
  if ((flags & ~deflated) !== 0) return 'unknown-version'
  if (bytes.readUInt32BE(16) !== bytes.length - headerBytes) return 'truncated'
  const user = userOf(bytes)
  const createdAt = bytes.readDoubleBE(4)
  const rawBytes = bytes.readUInt32BE(12)
  if (!Number.isFinite(createdAt) || user === 'corrupt' || rawBytes > largestInflated) return 'corrupt'
  const payload = bytes.subarray(headerBytes + user.length)
  const raw = (flags & deflated) === 0 ? payload : inflate(payload, rawBytes)
  if (raw === undefined) return 'corrupt'
  if (raw.length !== rawBytes) return 'truncated'
  const revision = bytes.toString('latin1', revisionAt.start, revisionAt.end + 1)
  return { json: raw.toString('utf8'), user: user.text, createdAt, revision }
}

/** Whose session it was, of the first `headLength` bytes of one. Undefined also for what is no session of ours. */
export function userOfHead(head: Buffer): string | undefined {
  if (head.length < headerBytes || head.readUInt16BE(0) !== magic || head[2] !== version) return undefined
  const user = userOf(head)
  return user === 'corrupt' ? undefined : user.text
}

function userOf(bytes: Buffer): { readonly text: string | undefined; readonly length: number } | 'corrupt' {
  const length = bytes.readUInt16BE(32)
  if (length === nobody) return { text: undefined, length: 0 }
  if (length === 0 || headerBytes + length > bytes.length) return 'corrupt'
  return { text: bytes.toString('utf8', headerBytes, headerBytes + length), length }
}

/** Bounded by what the writer declared, so that forged bytes cannot unfold without end. */
function inflate(payload: Buffer, rawBytes: number): Buffer | undefined {
  try {
    return inflateRawSync(payload, { maxOutputLength: Math.max(1, rawBytes) })
  } catch {
    return undefined
  }
}
