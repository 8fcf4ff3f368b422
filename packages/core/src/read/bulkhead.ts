import { SourceOverloadedError } from '../errors.ts'
import type { Attempt } from './attempt.ts'

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
   * @throws SourceOverloadedError where the queue is full too, or the reason why the attempt was given up while it waited
   */
  enter(attempt: Attempt): Promise<() => void> {
    if (this.#running < this.concurrency) {
      this.#running += 1
      return Promise.resolve(this.#leaveOnce())
    }
    if (this.#waiting.size >= this.queue) {
      return Promise.reject(new SourceOverloadedError(this.concurrency, this.queue, this.#what))
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        start: () => {
          attempt.onGivenUp(undefined)
          this.#running += 1
          resolve(this.#leaveOnce())
        },
      }
      this.#waiting.add(waiting)
      attempt.onGivenUp((reason) => {
        this.#waiting.delete(waiting)
        reject(reason)
      })
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
