import { Redis } from 'ioredis'

export interface Memory {
  readonly used: number
  readonly limit: number
}

const every = 500

/** Watches the memory of a Redis server from outside. A server that does not answer has no memory to show. */
export class RedisProbe {
  readonly #redis: Redis
  readonly #timer: NodeJS.Timeout
  memory: Memory | undefined

  constructor(url: string) {
    this.#redis = new Redis(url, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: every - 100,
      connectTimeout: every,
      retryStrategy: () => every,
    })
    this.#redis.on('error', () => {})
    this.#timer = setInterval(() => void this.#look(), every)
  }

  async #look(): Promise<void> {
    const info = await this.#redis.info('memory').catch(() => '')
    const used = /^used_memory:(\d+)/m.exec(info)?.[1]
    const limit = /^maxmemory:(\d+)/m.exec(info)?.[1]
    this.memory = used && limit ? { used: Number(used), limit: Number(limit) } : undefined
  }

  async flush(): Promise<void> {
    await this.#redis.flushall()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#redis.disconnect()
  }
}
