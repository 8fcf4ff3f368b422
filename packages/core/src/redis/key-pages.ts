import type { Redis } from 'ioredis'
import type { Client } from './topology.ts'

/** Keys that one SCAN looks at: about 100 µs of Redis's time. */
const step = 250

/**
 * The keys that match, in small steps, over every primary. A key that is there from the first step to the last comes at
 * least once; while Redis grows its table, or slots move, it may come again.
 */
export async function* keyPages(
  ask: <T>(command: (client: Client) => Promise<T>) => Promise<T>,
  pattern: string,
): AsyncGenerator<readonly string[]> {
  const nodes = await ask(async (client) => primariesOf(client).map(addressOf))
  for (const address of nodes) {
    let cursor = '0'
    do {
      const [next, keys] = await ask((client) => {
        const node = primariesOf(client).find((one) => addressOf(one) === address)
        if (node === undefined) throw new Error('the primary is one no more')
        return node.scan(cursor, 'MATCH', pattern, 'COUNT', step)
      })
      cursor = next
      if (keys.length > 0) yield keys
    } while (cursor !== '0')
  }
}

function primariesOf(client: Client): Redis[] {
  return 'nodes' in client ? client.nodes('master') : [client]
}

function addressOf({ options }: Redis): string {
  return `${options.host}:${options.port}`
}
