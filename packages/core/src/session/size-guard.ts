import { InvalidArgumentError, SessionTooLargeError } from '../errors.ts'
import type { Logger } from '../options/logger.ts'
import type { SessionData } from './record.ts'

/** Turns data into JSON, and keeps it from growing without anybody noticing: it is read and sent with every request. */
export class SizeGuard {
  readonly #warnBytes: number
  readonly #maxBytes: number
  readonly #logger: Logger
  #warned = false

  constructor(warnBytes: number, maxBytes: number, logger: Logger) {
    this.#warnBytes = warnBytes
    this.#maxBytes = maxBytes
    this.#logger = logger
  }

  /** @throws InvalidArgumentError for what JSON cannot express; SessionTooLargeError */
  serialize(data: SessionData): string {
    const json = toJson(data)
    const bytes = Buffer.byteLength(json)
    if (bytes > this.#maxBytes) throw new SessionTooLargeError(bytes, this.#maxBytes)
    if (bytes > this.#warnBytes && !this.#warned) {
      this.#warned = true
      this.#logger.warn({ bytes, warnBytes: this.#warnBytes }, 'a session is large')
    }
    return json
  }
}

function toJson(data: unknown): string {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new InvalidArgumentError('data', 'expected a plain object')
  }
  let json: string | undefined
  try {
    json = JSON.stringify(data)
  } catch {
    // A cycle, or a bigint.
  }
  if (json?.startsWith('{') !== true) throw new InvalidArgumentError('data', 'expected an object that JSON can express')
  return json
}
