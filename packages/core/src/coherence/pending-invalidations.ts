import type { Clock } from '../clock.ts'
import { ReplayQueue } from './replay-queue.ts'

export interface PendingKey {
  readonly namespace: string
  readonly key: string
}

/** Stands for all entries of a namespace, or of its tags: no entry has an empty key. */
export const wholeNamespace = ''

const batch = 64

/**
 * Writes that Redis did not take. Until each is replayed as an invalidation, this process does not believe Redis for
 * that key. Beyond the bound a whole namespace is disbelieved until every entry written before is past its end.
 */
export class PendingInvalidations {
  readonly #clock: Clock
  readonly #queue: ReplayQueue<PendingKey>
  readonly #distrustedUntil = new Map<string, number>()

  constructor(clock: Clock, replay: (pending: PendingKey) => Promise<void>) {
    this.#clock = clock
    this.#queue = new ReplayQueue(clock, replay, batch)
  }

  get size(): number {
    return this.#queue.size
  }

  /** Namespaces that are disbelieved as a whole. */
  get disbelieved(): number {
    let count = 0
    for (const until of this.#distrustedUntil.values()) if (this.#clock.now() < until) count += 1
    return count
  }

  /** `longestLife` bounds, in milliseconds, how long an older entry can still be in Redis. */
  add(namespace: string, key: string, longestLife: number): void {
    const id = idOf(namespace, key)
    const isBeyond = this.#queue.isFull && !this.#queue.has(id) && key !== wholeNamespace
    if (isBeyond) this.#distrustedUntil.set(namespace, this.#clock.now() + longestLife)
    else this.#queue.set(id, { namespace, key })
  }

  /** Whether Redis may be believed for this key. */
  trusts(namespace: string, key: string): boolean {
    if (this.#distrustedUntil.size > 0) {
      const until = this.#distrustedUntil.get(namespace)
      if (until !== undefined && this.#clock.now() < until) return false
      if (until !== undefined) this.#distrustedUntil.delete(namespace)
    }
    return this.#queue.size === 0 || !this.#queue.has(idOf(namespace, key))
  }

  /** Redis came back: now rather than at the next attempt. */
  replayNow(): void {
    this.#queue.replayNow()
  }

  /** What the others do not hear of before this process ends, they learn when the ttl is over. */
  lastAttempt(): Promise<void> {
    return this.#queue.lastAttempt()
  }

  close(): void {
    this.#queue.close()
  }
}

function idOf(namespace: string, key: string): string {
  return `${namespace}:${key}`
}
