import { InvalidArgumentError } from '../errors.ts'
import type { Version } from '../options/namespace-options.ts'

export const mostVersionBytes = 64

const numberKind = 2
const stringKind = 4
const bigintKinds = { negative: 1, positive: 3 }

/**
 * The version as bytes that compare as the versions do, so that a script can tell the newer one. Numbers, dates and
 * bigints up to 2^53 share one order, larger bigints stand above or below them; strings compare by their UTF-8 bytes.
 *
 * @throws InvalidArgumentError for anything else
 */
export function encodeVersion(version: unknown): Buffer {
  if (version instanceof Date) return encodeNumber(version.getTime())
  if (typeof version === 'number') return encodeNumber(version)
  if (typeof version === 'bigint') return encodeBigint(version)
  if (typeof version === 'string' && version.length > 0 && version.length < mostVersionBytes) {
    const text = Buffer.from(version)
    if (text.length < mostVersionBytes) return Buffer.concat([Buffer.of(stringKind), text])
  }
  throw wrongVersion()
}

/** @throws InvalidArgumentError where the version of a value is none */
export function versionOf<V>(version: ((value: V) => Version) | undefined, value: V): Buffer | undefined {
  return version === undefined ? undefined : encodeVersion(version(value))
}

function encodeNumber(version: number): Buffer {
  if (!(Math.abs(version) <= Number.MAX_SAFE_INTEGER)) throw wrongVersion()
  const bytes = Buffer.alloc(9)
  bytes[0] = numberKind
  // + 0: there is a zero below zero.
  bytes.writeDoubleBE(version + 0, 1)
  // IEEE 754 compares as bytes once the sign is turned round, and all of a negative number.
  const isNegative = ((bytes[1] ?? 0) & 0x80) !== 0
  for (let at = 1; at < bytes.length; at++) bytes[at] = (bytes[at] ?? 0) ^ (isNegative ? 0xff : at === 1 ? 0x80 : 0)
  return bytes
}

function encodeBigint(version: bigint): Buffer {
  const isNegative = version < 0n
  const size = isNegative ? -version : version
  if (size <= BigInt(Number.MAX_SAFE_INTEGER)) return encodeNumber(Number(version))
  const digits = size.toString(16)
  const magnitude = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex')
  if (magnitude.length > mostVersionBytes - 2) throw wrongVersion()
  // The longer the larger, so the length stands first.
  const bytes = Buffer.concat([Buffer.of(0, magnitude.length), magnitude])
  if (isNegative) for (let at = 1; at < bytes.length; at++) bytes[at] = (bytes[at] ?? 0) ^ 0xff
  bytes[0] = isNegative ? bigintKinds.negative : bigintKinds.positive
  return bytes
}

function wrongVersion(): InvalidArgumentError {
  return new InvalidArgumentError(
    'version',
    `expected it to return a finite number up to 2^53, a bigint, a valid Date, or a sortable string of 1 to ${mostVersionBytes - 1} bytes`,
  )
}
