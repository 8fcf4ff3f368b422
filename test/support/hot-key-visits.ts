import type { Redis } from 'ioredis'
import type { Namespace } from '../../packages/core/src/index.ts'

/** Beside the one that half of all requests are for. */
export const otherKeys = Array.from({ length: 20_000 }, (_, index) => `key-${index}`)
const writeShare = 0.01

/**
 * One request after the other, as a visitor makes them: half of them for one key, a hundredth of them writes, of that
 * key as of all others. The same for one seed in each run.
 */
export async function visit(
  items: Pick<Namespace<string>, 'get' | 'set'>,
  requests: number,
  seed: number,
): Promise<void> {
  const random = randomOf(seed)
  for (let request = 0; request < requests; request++) {
    const key = random() < 0.5 ? 'hot' : (otherKeys[Math.floor(random() * otherKeys.length)] ?? 'hot')
    if (random() < writeShare) await items.set(key, `written at ${request}`)
    else await items.get(key)
  }
}

/** How often each node has run what clients send, since its start; GETs that scripts make are among them. */
export function commandsPerNode(nodes: readonly Redis[]): Promise<number[]> {
  const ours = /^cmdstat_(?:get|evalsha|unlink|publish):calls=(\d+)/gm
  return Promise.all(
    nodes.map(async (node) => {
      const stats = await node.info('commandstats')
      return [...stats.matchAll(ours)].reduce((sum, [, calls]) => sum + Number(calls), 0)
    }),
  )
}

/** What the busiest node has had to do, as a multiple of the average. */
export function busiestOf(perNode: readonly number[]): number {
  return (Math.max(...perNode) * perNode.length) / perNode.reduce((sum, count) => sum + count, 0)
}

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296
  }
}
