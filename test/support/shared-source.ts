import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'

export function sourceValue(key: string): string {
  return `value of ${key}`
}

/** A source of this process alone, which has every key. */
export class OwnSource {
  /** What reading takes, in milliseconds; may be changed at any time. */
  delay: number
  reads = 0
  /** The most reads that ever ran at once. */
  peak = 0
  #running = 0
  readonly #written = new Map<string, string>()

  constructor(delay: number) {
    this.delay = delay
  }

  async read(key: string): Promise<string> {
    this.reads += 1
    this.#running += 1
    this.peak = Math.max(this.peak, this.#running)
    const value = this.#written.get(key) ?? sourceValue(key)
    await pause(this.delay)
    this.#running -= 1
    return value
  }

  async write(key: string, value: string): Promise<void> {
    this.#written.set(key, value)
  }

  close(): void {}
}

const begin = `
local running = redis.call('INCR', KEYS[1] .. ':running')
if running > tonumber(redis.call('GET', KEYS[1] .. ':peak') or 0) then redis.call('SET', KEYS[1] .. ':peak', running) end
redis.call('INCR', KEYS[1] .. ':reads')
return redis.call('GET', KEYS[1] .. ':value')
`

/** A source that several processes share: a Redis of its own, which nobody troubles. Counts per key, over all of them. */
export class SharedSource {
  delay: number
  readonly #client: Redis

  constructor(url: string, delay = 0) {
    this.delay = delay
    this.#client = new Redis(url)
  }

  /** Reads first and takes its time afterwards: what it answers may be out of date by then. */
  async read(key: string): Promise<string | undefined> {
    const value = (await this.#client.eval(begin, 1, key)) as string | null
    await pause(this.delay)
    await this.#client.decr(`${key}:running`)
    return value ?? undefined
  }

  /** Takes its time too, at random before and after the value is there. */
  async write(key: string, value: string): Promise<void> {
    await pause(Math.random() * this.delay)
    await this.#client.set(`${key}:value`, value)
    await pause(Math.random() * this.delay)
  }

  async value(key: string): Promise<string | undefined> {
    return (await this.#client.get(`${key}:value`)) ?? undefined
  }

  async reads(key: string): Promise<number> {
    return Number(await this.#client.get(`${key}:reads`))
  }

  /** Reads of this key that run now; one whose process was killed counts for ever. */
  async running(key: string): Promise<number> {
    return Number(await this.#client.get(`${key}:running`))
  }

  async peak(key: string): Promise<number> {
    return Number(await this.#client.get(`${key}:peak`))
  }

  close(): void {
    this.#client.disconnect()
  }
}
