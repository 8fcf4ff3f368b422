import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'

const count = `
local running = redis.call('INCR', 'running')
if running > tonumber(redis.call('GET', 'peak') or 0) then redis.call('SET', 'peak', running) end
for _, key in ipairs(ARGV) do redis.call('HINCRBY', 'reads', key, 1) end
redis.call('INCR', 'calls')
`

export interface SourceReads {
  /** Keys that were read at all. */
  readonly keys: number
  /** How many keys were read so often. */
  readonly byReads: Readonly<Record<number, number>>
  readonly calls: number
  /** The most calls that ever ran at once, of all processes. */
  readonly peak: number
}

/** A source that several processes share and that has every key: a Redis of its own, which counts the reads of each. */
export class WarmingSource {
  /** The most calls of this process that ever ran at once. */
  peak = 0
  #running = 0
  readonly #delay: number
  readonly #client: Redis

  constructor(url: string, delay = 0) {
    this.#delay = delay
    this.#client = new Redis(url)
  }

  readonly readMany = async (keys: readonly string[]): Promise<Map<string, string>> => {
    this.#running += 1
    this.peak = Math.max(this.peak, this.#running)
    try {
      await this.#client.eval(count, 0, ...keys)
      await pause(this.#delay)
      await this.#client.decr('running')
      return new Map(keys.map((key) => [key, `value of ${key}`]))
    } finally {
      this.#running -= 1
    }
  }

  async told(): Promise<SourceReads> {
    const [reads, calls, peak] = await Promise.all([
      this.#client.hvals('reads'),
      this.#client.get('calls'),
      this.#client.get('peak'),
    ])
    const byReads: Record<number, number> = {}
    for (const times of reads) byReads[Number(times)] = (byReads[Number(times)] ?? 0) + 1
    return { keys: reads.length, byReads, calls: Number(calls), peak: Number(peak) }
  }

  close(): void {
    this.#client.disconnect()
  }
}
