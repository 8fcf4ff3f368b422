import { Redis } from 'ioredis'

const sizes = [65_536, 4_096, 256]
const pauseBetween = 20

/** Another tenant of the same Redis that writes and writes: it fills every byte up to the limit, and those that come free. */
export class RedisFiller {
  readonly #redis: Redis
  #keys = 0
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(url: string) {
    this.#redis = new Redis(url, { maxRetriesPerRequest: 0 })
    this.#redis.on('error', () => {})
  }

  /** Resolves when Redis is full, and keeps it full from then on. */
  async fill(): Promise<void> {
    for (const size of sizes) await this.#writeUntilRefused('x'.repeat(size))
    if (!this.#closed) this.#timer = setTimeout(() => void this.fill(), pauseBetween)
  }

  async #writeUntilRefused(junk: string): Promise<void> {
    try {
      while (!this.#closed) {
        // Counted before it is written: what is on its way when the filler is closed is removed too.
        this.#keys += 1
        await this.#redis.set(`junk:${this.#keys}`, junk)
      }
    } catch {
      // Full to within the size of this piece of junk.
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    try {
      while (this.#keys > 0) {
        const batch = Math.min(500, this.#keys)
        await this.#redis.unlink(Array.from({ length: batch }, (_, index) => `junk:${this.#keys - index}`))
        this.#keys -= batch
      }
    } finally {
      this.#redis.disconnect()
    }
  }
}
