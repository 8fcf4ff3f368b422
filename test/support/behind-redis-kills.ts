import { setTimeout as pause } from 'node:timers/promises'
import { createCache, type Namespace, WriteBehindRefusedError } from '../../packages/core/src/index.ts'
import { BehindSource } from './behind-source.ts'
import { startRedisServer } from './redis-server.ts'
import { until } from './until.ts'

export interface RedisKills {
  /** Increments whose caller was answered. */
  readonly acknowledged: number
  /** Of them, those that the source does not have, after all that waits has been saved. */
  readonly lost: number
  /** Of the lost ones, those that were acknowledged before the last flush ahead of the kill. */
  readonly lostDespiteFlush: number
  /** What the source counts beyond its share of `acknowledged`: more than once, or never asked for. */
  readonly tooMany: number
  readonly flushes: number
}

interface Acknowledged {
  readonly id: string
  /** How often Redis had been killed when it was asked for. */
  readonly epoch: number
  /** How many flushes were through when it was answered. */
  readonly flushes: number
}

const writers = 30
const keys = 12

/**
 * Increments by three caches on one Redis, which is killed again and again while they write, and started with what its persistence has kept.
 *
 * A flush takes all that waits, and one comes after the other. So what was acknowledged when `n` flushes were through is in the source once
 * `n + 2` are: the next one may have been taken before.
 */
export async function killRedisUnderLoad(
  settings: Readonly<Record<string, string>>,
  kills: number,
): Promise<RedisKills> {
  const server = await startRedisServer(settings)
  const source = new BehindSource()
  let flushes = 0
  // Past Redis they come without a sequence.
  const saveMany: typeof source.saveMany = async (operations) => {
    await source.saveMany(operations)
    if (operations.some(({ sequence }) => sequence !== undefined)) flushes += 1
  }
  const caches = Array.from({ length: 3 }, () => createCache({ name: 'shop', redis: server.url }))
  try {
    const open = (cache: (typeof caches)[number]) =>
      cache.namespace<number>({
        ...{ name: 'views', write: 'behind', behind: { counters: true, delay: 100, batch: 10_000 } },
        load: (key) => source.sums.get(key),
        saveMany,
      })
    const counters = caches.map(open)
    const acknowledged: Acknowledged[] = []
    const flushesAtKill: number[] = []
    let over = false
    const write = async (writer: number) => {
      const views = counters[writer % counters.length] as Namespace<number>
      for (let count = 0; !over; count++) {
        const id = `${writer}-${count}`
        const epoch = flushesAtKill.length
        await increment(views, `page-${(writer + count) % keys}`, id)
        acknowledged.push({ id, epoch, flushes })
        // A service does other things too; and thirty of these at full speed would be all that this process does.
        await pause(3)
      }
    }
    const writing = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)))
    for (let kill = 0; kill < kills; kill++) {
      const before = flushes
      await until(() => flushes >= before + 4, 'it is flushed again and again')
      await server.kill()
      flushesAtKill.push(flushes)
      await server.start()
    }
    const before = flushes
    await until(() => flushes > before, 'it is flushed after the last kill too')
    over = true
    await writing
    await until(() => counters[0]?.drain(5_000) ?? false, 'all that waits is saved', 30_000)
    const lost = acknowledged.filter(({ id }) => !source.has(id))
    const sum = [...source.sums.values()].reduce((total, one) => total + one, 0)
    return {
      acknowledged: acknowledged.length,
      lost: lost.length,
      lostDespiteFlush: lost.filter((one) => (flushesAtKill[one.epoch] ?? flushes) >= one.flushes + 2).length,
      tooMany: sum - (acknowledged.length - lost.length),
      flushes,
    }
  } finally {
    await Promise.all(caches.map((cache) => cache.close()))
    await server.stop()
  }
}

/** A caller that comes back as the error says, with the id that it has. */
async function increment(views: Namespace<number>, key: string, id: string): Promise<void> {
  for (;;) {
    try {
      await views.increment(key, 1, { id })
      return
    } catch (error) {
      if (!(error instanceof WriteBehindRefusedError)) throw error
    }
  }
}
