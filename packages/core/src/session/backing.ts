/** A session as a backing database keeps it. */
export interface BackedSession {
  /** The session's data, as JSON text. */
  readonly json: string
  readonly user: string | undefined
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** When it ends unless touched, in milliseconds since the epoch. */
  readonly expiresAt: number
  /** Another one after each save. */
  readonly revision: string
}

/**
 * A database as the truth of sessions, with Redis as its cache. `handle` is the hash of a session id, at most 64
 * characters; whoever can read the database cannot log in with it. Each method rejects where the database cannot be
 * asked, and each is called behind a bulkhead.
 *
 * @see postgresBacking for PostgreSQL
 */
export interface SessionBacking {
  /** Undefined where there is none, or where it has ended. */
  load(handle: string): Promise<BackedSession | undefined>
  /**
   * Without `expected` a new session; with it the one that has this revision, and no other. False where it was not so
   * and nothing was stored: a session that was deleted must not come back.
   */
  save(handle: string, session: BackedSession, expected: string | undefined): Promise<boolean>
  /**
   * Resolves also where there is none, and should then answer false: a request that gives the session a new id learns so
   * that it has been ended. For some minutes from then on `save` must answer false for this handle, so that a request
   * under way, which has the session still in hand, does not bring it back.
   */
  delete(handle: string): Promise<boolean | undefined> | Promise<void>
  /** Moves the end of a session's life without writing its data; false where it is gone. Without it `save` does that. */
  touch?(handle: string, expiresAt: number): Promise<boolean>
  /** The living sessions of a user, oldest first. Needed for limits, listings and logging out everywhere. */
  ofUser?(user: string): Promise<readonly { readonly handle: string; readonly createdAt: number }[]>
  /** Deletes all sessions of a user but one, in one statement, and answers their handles. */
  deleteUser?(user: string, except: string | undefined): Promise<readonly string[]>
  /** Living sessions. Without it `length` is not to be had. */
  count?(): Promise<number>
  /** Deletes what has ended, in batches; answers how many. Called now and then by one process at a time, if at all. */
  deleteExpired?(): Promise<number>
  /** Pages of living sessions by handle, for `all()` and `clear()`. */
  page?(after: string | undefined, size: number): Promise<readonly (BackedSession & { readonly handle: string })[]>
}
