import { createHash } from 'node:crypto'
import type { Serializer } from '../options/policy.ts'
import { areSendable, readHeaders } from './header-fields.ts'
import { type ReplyParts, type Stored, StoredReply, Unshared, VariantRegister, Variants } from './stored.ts'

/*
 *  0  1  version 1
 *  1  1  kind
 *  2 16  the first bytes of the SHA-256 of all that follows
 * 18  4  bytes of the head
 * 22     head, JSON
 *        body
 */
const version = 1
const kinds = { reply: 1, variants: 2, unshared: 3, register: 4 } as const
const sumAt = 2
const headLengthAt = 18
const headAt = 22
const nothing = Buffer.alloc(0)

/** Replies as bytes. What has changed by a single bit is no reply, for nobody would see it on a page. */
export const storedCodec: Serializer = { name: 'http', serialize, deserialize }

function serialize(value: unknown): Buffer {
  if (value instanceof StoredReply) {
    const { body, ...head } = value
    return frame(kinds.reply, head, body)
  }
  if (value instanceof Variants) return frame(kinds.variants, value)
  if (value instanceof VariantRegister) return frame(kinds.register, value)
  return frame(kinds.unshared, {})
}

function frame(kind: number, head: object, body: Buffer = nothing): Buffer {
  const json = Buffer.from(JSON.stringify(head))
  const bytes = Buffer.allocUnsafe(headAt + json.length + body.length)
  bytes[0] = version
  bytes[1] = kind
  bytes.writeUInt32BE(json.length, headLengthAt)
  json.copy(bytes, headAt)
  body.copy(bytes, headAt + json.length)
  checksum(bytes).copy(bytes, sumAt)
  return bytes
}

function checksum(bytes: Buffer): Buffer {
  const kind = bytes.subarray(0, sumAt)
  return createHash('sha256')
    .update(kind)
    .update(bytes.subarray(headLengthAt))
    .digest()
    .subarray(0, headLengthAt - sumAt)
}

/** @throws TypeError for whatever is not ours: the cache takes that as a miss. */
function deserialize(bytes: Buffer): Stored {
  if (bytes.length < headAt || bytes[0] !== version) throw new TypeError('unknown version')
  if (!checksum(bytes).equals(bytes.subarray(sumAt, headLengthAt))) throw new TypeError('checksum')
  const bodyAt = headAt + bytes.readUInt32BE(headLengthAt)
  if (bodyAt > bytes.length) throw new TypeError('truncated')
  const head: unknown = JSON.parse(bytes.toString('utf8', headAt, bodyAt))
  const stored = toStored(bytes[1], head as Record<string, unknown>, bytes.subarray(bodyAt))
  if (stored === undefined) throw new TypeError('unknown shape')
  return stored
}

function toStored(kind: number | undefined, head: Record<string, unknown>, body: Buffer): Stored | undefined {
  if (typeof head !== 'object' || head === null) return undefined
  if (kind === kinds.unshared) return new Unshared()
  if (kind === kinds.register) return areTexts(head['hashes']) ? new VariantRegister(head['hashes']) : undefined
  if (kind === kinds.variants) {
    const { generation, names } = head
    return typeof generation === 'string' && areTexts(names) ? new Variants(generation, names) : undefined
  }
  return kind === kinds.reply && isReplyHead(head) ? new StoredReply({ ...head, body }) : undefined
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function isReplyHead(head: Record<string, unknown>): head is Record<string, unknown> & Omit<ReplyParts, 'body'> {
  const { key, status, headers, bornAt, freshFor, staleWhileRevalidate, staleIfError, revalidatableFor } = head
  return (
    typeof key === 'string' &&
    Number.isInteger(status) &&
    [bornAt, freshFor, staleWhileRevalidate, staleIfError, revalidatableFor].every(Number.isFinite) &&
    typeof headers === 'object' &&
    headers !== null &&
    Object.values(headers).every((value) => typeof value === 'string' || areTexts(value)) &&
    areSendable(readHeaders(headers as Record<string, string>))
  )
}
