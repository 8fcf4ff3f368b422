import type { Clock } from '../clock.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { LivingRecord, SessionData, SessionRecord } from './record.ts'
import { parseData } from './session-data.ts'

/** A session as it was loaded or saved. */
export interface StoredSession {
  /** A fresh copy: the caller's to change. */
  readonly data: SessionData
  readonly user: string | undefined
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** When it ends unless touched, in milliseconds since the epoch, by what Redis has left of it. */
  readonly expiresAt: number
  /** From a shadow: it can be shown, and not be saved. */
  readonly readOnly: boolean
}

/** Hands sessions out to callers, who may do with the data what they like, and knows what each was when it was read. */
export class Handouts {
  readonly #clock: Clock
  readonly #origins = new WeakMap<StoredSession, SessionRecord>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Undefined for what is no JSON object. */
  open(record: LivingRecord, readOnly = false): StoredSession | undefined {
    const data = parseData(record.json)
    return data && this.give(data, record, this.#clock.now() + record.ttl, readOnly)
  }

  give(data: SessionData, record: SessionRecord, expiresAt: number, readOnly = false): StoredSession {
    const { user, createdAt } = record
    const session = { data, user, createdAt, expiresAt, readOnly }
    this.#origins.set(session, record)
    return session
  }

  /** @throws InvalidArgumentError for what was not handed out here */
  originOf(from: StoredSession): SessionRecord {
    const origin = typeof from === 'object' && from !== null ? this.#origins.get(from) : undefined
    if (origin === undefined) throw new InvalidArgumentError('from', 'expected what load, save or touch answered')
    return origin
  }
}
