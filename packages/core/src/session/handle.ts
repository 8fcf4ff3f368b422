import { createHash } from 'node:crypto'
import { InvalidArgumentError } from '../errors.ts'

const longestId = 256
export const longestUser = 256
const handleBytes = 18

// UTF-8 turns a lone surrogate into U+FFFD: ids that differ only there would be one.
const loneSurrogate = /\p{Surrogate}/u

/** What may be a session id. A cookie can be forged, so this is asked before anything else is. */
export function isSessionId(id: unknown): id is string {
  return typeof id === 'string' && id.length > 0 && id.length <= longestId && !loneSurrogate.test(id)
}

/** @throws InvalidArgumentError for anything but well-formed text of 1 to 256 characters. */
export function assertSessionId(id: unknown): asserts id is string {
  if (!isSessionId(id)) throw new InvalidArgumentError('id', `expected a string of 1 to ${longestId} characters`)
}

/** What a session is called wherever its id must not stand: 18 bytes of SHA-256, so that whoever reads it cannot log in. */
export function handleOf(id: string): string {
  return createHash('sha256').update(id).digest().subarray(0, handleBytes).toString('base64url')
}

const handlePattern = /^[A-Za-z0-9_-]{1,64}$/

/** @throws InvalidArgumentError for what `handleOf` cannot have answered. */
export function assertHandle(handle: unknown): asserts handle is string {
  if (typeof handle !== 'string' || !handlePattern.test(handle)) {
    throw new InvalidArgumentError('handle', 'expected what handleOf or ofUser answered')
  }
}

/**
 * PostgreSQL has no text with a NUL: each statement with one would fail, and count as a failure of the database.
 *
 * @throws InvalidArgumentError for anything but well-formed text of 1 to 256 characters without "\0".
 */
export function assertUser(user: unknown): asserts user is string {
  const isText = typeof user === 'string' && !loneSurrogate.test(user) && !user.includes('\0')
  if (!isText || user.length === 0 || user.length > longestUser) {
    throw new InvalidArgumentError('user', `expected a string of 1 to ${longestUser} characters without "\\0"`)
  }
}
