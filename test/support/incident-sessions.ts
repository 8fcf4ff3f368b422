import type { Redis } from 'ioredis'
import { content } from './incident-load.ts'

const together = 100

/** Stores sessions of 4 KB that last a day, as a service did before the test began, until Redis counts so many bytes as used. */
export async function storeSessions(client: Redis, untilUsed: number): Promise<void> {
  for (let made = 0; (await usedMemory(client)) < untilUsed; made += together) {
    const pipeline = client.pipeline()
    for (let number = made; number < made + together; number++) {
      pipeline.set(`session:before-${number}`, content(), 'EX', 86_400)
    }
    const results = (await pipeline.exec()) ?? []
    for (const [error] of results) if (error) throw error
  }
}

export async function usedMemory(client: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1])
}
