import type { StoredSession } from '@plimsoll/core/session'

/** Where a session object comes from, which decides how it may be stored. */
export interface SessionOrigin {
  readonly id: string
  /** What the core answered when it was loaded or last saved; undefined: it is new and was never stored. */
  readonly stored: StoredSession | undefined
}

const origins = new WeakMap<object, SessionOrigin>()

/** Undefined for an object that no store of this package has made. */
export function originOf(session: object): SessionOrigin | undefined {
  return origins.get(session)
}

export function setOrigin(session: object, id: string, stored: StoredSession | undefined): void {
  origins.set(session, { id, stored })
}
