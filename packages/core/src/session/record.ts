/** What a service keeps in a session: plain JSON. */
export type SessionData = Record<string, unknown>

/** A session as its home keeps it. */
export interface SessionRecord {
  /** The data as JSON: whether a save changes anything is told by comparing text. */
  readonly json: string
  /** Whose session it is, once somebody has logged in. */
  readonly user: string | undefined
  /** Milliseconds since the epoch. The absolute cap counts from here; a new id after login starts anew. */
  readonly createdAt: number
  /** Another one after each replacement, so that two writers notice each other. Made by whoever writes. */
  readonly revision: string
}

/** A record with what is left of its life, in milliseconds: clocks of two machines are never compared. */
export interface LivingRecord extends SessionRecord {
  readonly ttl: number
}
