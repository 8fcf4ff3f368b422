import type { Clock } from '../clock.ts'

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

const most = 10_000
const firstPause = 250
const longestPause = 5_000
const batch = 32

/**
 * Logouts that were not acknowledged. Until each is, this process answers that there is no such session. Beyond the
 * bound the oldest are dropped and counted: their sessions end with their time.
 */
export class PendingDestroys {
  readonly #clock: Clock
  readonly #destroy: (pending: PendingDestroy) => Promise<void>
  readonly #pending = new Map<string, PendingDestroy>()
  #users = 0
  #timer: unknown
  #pause = firstPause
  #running = false
  #closed = false
  dropped = 0
  replayed = 0

  constructor(clock: Clock, destroy: (pending: PendingDestroy) => Promise<void>) {
    this.#clock = clock
    this.#destroy = destroy
  }

  get size(): number {
    return this.#pending.size
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
    this.#pending.delete(`s${handle}`)
  }

  hasSession(handle: string): boolean {
    return this.#pending.size > 0 && this.#pending.has(`s${handle}`)
  }

  /** Whether this session of the user is one of those that were to be destroyed. */
  endsSession(handle: string, user: string | undefined, createdAt: number): boolean {
    if (this.#users === 0 || user === undefined) return false
    const pending = this.#pending.get(`u${user}`)
    return pending?.kind === 'user' && createdAt <= pending.before && handle !== pending.except
  }

  /** Redis came back: now rather than at the next attempt. */
  replayNow(): void {
    this.#pause = firstPause
    void this.#run()
  }

  /** What is not acknowledged before this process ends is not known to anybody else. */
  async lastAttempt(): Promise<void> {
    await Promise.allSettled([...this.#pending.values()].slice(0, 1_000).map((pending) => this.#destroy(pending)))
  }

  close(): void {
    this.#closed = true
    this.#clock.clearTimeout(this.#timer)
  }

  #add(id: string, pending: PendingDestroy): void {
    // To the end: it is the newest now.
    this.#remove(id)
    if (this.#pending.size >= most) {
      const [oldest] = this.#pending.keys()
      if (oldest !== undefined) this.#remove(oldest)
      this.dropped += 1
    }
    this.#pending.set(id, pending)
    if (pending.kind === 'user') this.#users += 1
    this.#schedule()
  }

  #remove(id: string): void {
    if (this.#pending.get(id)?.kind === 'user') this.#users -= 1
    this.#pending.delete(id)
  }

  async #run(): Promise<void> {
    if (this.#running || this.#closed || this.#pending.size === 0) return
    this.#running = true
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    let progress = true
    while (progress && this.#pending.size > 0 && !this.#closed) {
      const some = [...this.#pending].slice(0, batch)
      const outcomes = await Promise.allSettled(some.map(([, pending]) => this.#destroy(pending)))
      progress = outcomes.some(({ status }) => status === 'fulfilled')
      for (const [index, [id, pending]] of some.entries()) {
        if (this.#pending.get(id) !== pending) continue
        this.#remove(id)
        if (outcomes[index]?.status === 'fulfilled') this.replayed += 1
        // To the end: one that cannot be destroyed, on a dead shard for one, must not keep the others waiting.
        else this.#pending.set(id, pending)
        if (outcomes[index]?.status === 'rejected' && pending.kind === 'user') this.#users += 1
      }
    }
    this.#pause = progress ? firstPause : Math.min(longestPause, this.#pause * 2)
    this.#running = false
    this.#schedule()
  }

  #schedule(): void {
    if (this.#closed || this.#running || this.#timer !== undefined || this.#pending.size === 0) return
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined
      void this.#run()
    }, this.#pause)
  }
}
