import { SourceOverloadedError } from '../errors.ts'

interface Waiting {
  start(): void
}

/** Lets a bounded number of loads run at once and a bounded number wait, first come first served. */
export class Bulkhead {
  readonly concurrency: number
  readonly queue: number
  #running = 0
  readonly #waiting = new Set<Waiting>()
  readonly #what: string | undefined

  /** `what` is let through, for who is turned away to read; loads by default. */
  constructor(concurrency: number, queue: number, what?: string) {
    this.#what = what
    this.concurrency = concurrency
    this.queue = queue
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Resolves with the function that gives the place back.
   *
   * @throws SourceOverloadedError where the queue is full too, or the reason of the signal where it aborts the waiting
   */
  enter(attempt: { readonly signal: AbortSignal }): Promise<() => void> {
    if (this.#running < this.concurrency) {
      this.#running += 1
      return Promise.resolve(this.#leaveOnce())
    }
    if (this.#waiting.size >= this.queue) {
      return Promise.reject(new SourceOverloadedError(this.concurrency, this.queue, this.#what))
    }
    // Not before it must wait: where it does not, nobody needs a signal.
    const { signal } = attempt
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        start: () => {
          signal.removeEventListener('abort', giveUp)
          this.#running += 1
          resolve(this.#leaveOnce())
        },
      }
      const giveUp = () => {
        this.#waiting.delete(waiting)
        reject(signal.reason)
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.add(waiting)
    })
  }

  #leaveOnce(): () => void {
    let left = false
    return () => {
      if (left) return
      left = true
      this.#running -= 1
      const [next] = this.#waiting
      if (next === undefined) return
      this.#waiting.delete(next)
      next.start()
    }
  }
}
