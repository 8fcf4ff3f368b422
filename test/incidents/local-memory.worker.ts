import { createCache } from '../../packages/core/src/index.ts'
import type { Size } from '../../packages/core/src/options/size.ts'
import { answerRequests } from '../support/fleet-worker.ts'

export interface MemoryOrder {
  readonly keys: number
  /** Bound of the local tier. */
  readonly maxBytes: Size
}

export interface MemoryReport {
  /** The most memory that was resident at any time, in bytes. */
  readonly resident: number
  readonly localBytes: number
  readonly entries: number
}

const inFlight = 64

/** Asks for so many distinct keys, as fast as they are answered. */
answerRequests(
  async ({ keys, maxBytes }: MemoryOrder): Promise<MemoryReport> => {
    const cache = createCache({ name: 'shop', local: { maxBytes } })
    const items = cache.namespace({
      name: 'item',
      ttl: '1h',
      load: async (key: string) => ({ id: key, name: `product ${key}`, price: key.length, tags: ['a', 'b'] }),
    })
    let resident = 0
    let next = 0
    const caller = async (): Promise<void> => {
      while (next < keys) {
        const number = next++
        const item = await items.get(`item-${number}`)
        if (item?.id !== `item-${number}`) throw new Error(`item-${number} was answered with ${item?.id}`)
        if (number % 10_000 === 0) resident = Math.max(resident, process.memoryUsage.rss())
        // As requests do: something else gets a turn in between.
        if (number % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await Promise.all(Array.from({ length: inFlight }, caller))
    const local = cache.health().local
    await cache.close()
    return { resident, localBytes: local?.bytes ?? 0, entries: local?.entries ?? 0 }
  },
  async () => {},
)
