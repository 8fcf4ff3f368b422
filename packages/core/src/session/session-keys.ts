import { handleOf } from './handle.ts'

/** The names of one service's sessions in Redis. Session and tombstone share a slot, the index of a user has its own. */
export interface SessionKeys {
  session(handle: string): string
  tombstone(handle: string): string
  index(user: string): string
  /** Of the keys of all sessions, and of all indexes, for SCAN. */
  readonly pattern: string
  readonly indexPattern: string
  /** Undefined for what is no session's key. */
  handleOfKey(key: string): string | undefined
}

export function createSessionKeys(name: string): SessionKeys {
  const head = `${name}:{`
  const tail = '}:s'
  return {
    session: (handle) => `${head}${handle}${tail}`,
    tombstone: (handle) => `${head}${handle}}:t`,
    // A user's name may be an address: like an id it is not for whoever can list keys.
    index: (user) => `${head}user:${handleOf(user)}}:u`,
    pattern: `${head}*${tail}`,
    indexPattern: `${head}user:*}:u`,
    handleOfKey: (key) =>
      key.startsWith(head) && key.endsWith(tail) ? key.slice(head.length, -tail.length) : undefined,
  }
}
