import type { Clock } from '../clock.ts'
import { ReplayQueue } from '../coherence/replay-queue.ts'

/** A session that was to be destroyed, or all sessions of a user, and nobody has acknowledged it. */
export type PendingDestroy =
  | {
      readonly kind: 'session'
      readonly handle: string
      readonly id: string | undefined
      readonly user: string | undefined
    }
  | {
      readonly kind: 'user'
      readonly user: string
      readonly except: string | undefined
      /** Sessions from after this moment are a login that came later, and stay. */
      readonly before: number
    }
  /** What connect-redis left of a session that is ours now: as soon as ours is ended it would be taken for one. */
  | { readonly kind: 'takenOver'; readonly id: string }

const batch = 32

/**
 * Logouts that were not acknowledged. Until each is, this process answers that there is no such session. Beyond the
 * bound the oldest are dropped and counted: their sessions end with their time.
 */
export class PendingDestroys {
  readonly #queue: ReplayQueue<PendingDestroy>
  dropped = 0

  constructor(clock: Clock, destroy: (pending: PendingDestroy) => Promise<void>) {
    this.#queue = new ReplayQueue(clock, destroy, batch)
  }

  get size(): number {
    return this.#queue.size
  }

  get replayed(): number {
    return this.#queue.replayed
  }

  addSession({ handle, id, user }: Omit<Extract<PendingDestroy, { kind: 'session' }>, 'kind'>): void {
    this.#add(`s${handle}`, { kind: 'session', handle, id, user })
  }

  addUser(user: string, except: string | undefined, before: number): void {
    this.#add(`u${user}`, { kind: 'user', user, except, before })
  }

  addTakenOver(id: string): void {
    this.#add(`t${id}`, { kind: 'takenOver', id })
  }

  /** It is wanted after all, or was destroyed by another call. */
  forgetSession(handle: string): void {
    this.#queue.delete(`s${handle}`)
  }

  hasSession(handle: string): boolean {
    return this.#queue.size > 0 && this.#queue.has(`s${handle}`)
  }

  /** Whether this session of the user is one of those that were to be destroyed. */
  endsSession(handle: string, user: string | undefined, createdAt: number): boolean {
    if (this.#queue.size === 0 || user === undefined) return false
    const pending = this.#queue.get(`u${user}`)
    return pending?.kind === 'user' && createdAt <= pending.before && handle !== pending.except
  }

  /** Redis came back: now rather than at the next attempt. */
  replayNow(): void {
    this.#queue.replayNow()
  }

  /** What is not acknowledged before this process ends is not known to anybody else. */
  lastAttempt(): Promise<void> {
    return this.#queue.lastAttempt()
  }

  close(): void {
    this.#queue.close()
  }

  #add(id: string, pending: PendingDestroy): void {
    // To the end: it is the newest now.
    this.#queue.delete(id)
    if (this.#queue.isFull) {
      this.#queue.dropOldest()
      this.dropped += 1
    }
    this.#queue.set(id, pending)
  }
}
