import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { UpdateConflictError } from '../../packages/core/src/index.ts'

const append = `
if ARGV[2] ~= '' and (redis.call('LINDEX', KEYS[1], -1) or '-') ~= ARGV[2] then return 0 end
return redis.call('RPUSH', KEYS[1], ARGV[1])
`

/** A source that remembers every value that a key has had, in order: a Redis of its own, which nobody troubles. */
export class HistorySource {
  readonly #client: Redis

  constructor(url: string) {
    this.#client = new Redis(url)
  }

  /** Reads first and takes its time afterwards: what it answers may be out of date by then. */
  async read(key: string): Promise<string | undefined> {
    const value = await this.#client.lindex(key, -1)
    await pause(Math.random() * 8)
    return value ?? undefined
  }

  /** Takes its time before and after the value is there. */
  async write(key: string, value: string): Promise<void> {
    await pause(Math.random() * 4)
    await this.#client.rpush(key, value)
    await pause(Math.random() * 4)
  }

  /** @throws UpdateConflictError where `replaces` is not the latest value any more. */
  async replace(key: string, value: string, replaces: unknown): Promise<void> {
    await pause(Math.random() * 4)
    const length = await this.#client.eval(append, 1, key, value, typeof replaces === 'string' ? replaces : '-')
    await pause(Math.random() * 4)
    if (length === 0) throw new UpdateConflictError()
  }

  async history(key: string): Promise<string[]> {
    return await this.#client.lrange(key, 0, -1)
  }

  close(): void {
    this.#client.disconnect()
  }
}
