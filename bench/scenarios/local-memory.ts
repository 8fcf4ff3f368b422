import { open } from '../candidates.ts'
import { format } from '../format.ts'
import { noCache, type Peer, plimsoll } from '../peers/index.ts'
import type { Row, Scenario, Stage } from '../scenario.ts'

const mebi = 1024 * 1024
const bound = 32 * mebi
/** The least that is allowed, a few dozen entries: the same process without a local tier worth the name. */
const smallest = mebi / 16

export const localMemory: Scenario = {
  name: 'local-memory',
  about:
    'Ten million distinct keys (half a million with --quick) through a memory tier of 32 MiB without Redis, and through one of 64 KiB, which is as good as none. Compared: the greatest resident memory. Beside it a process that loads without any cache.',
  async run(stage) {
    if (!stage.peers.includes(plimsoll)) return { columns: [], rows: [], requirements: [] }
    const count = stage.quick ? 500_000 : 10_000_000
    const [withIt, without, bare] = await Promise.all([
      greatestMemory(stage, plimsoll, bound, count),
      greatestMemory(stage, plimsoll, smallest, count),
      greatestMemory(stage, noCache, bound, count),
    ])
    const above = withIt - without
    const row = (candidate: string, peak: number): Row => ({
      candidate,
      values: { keys: count, peak: peak / mebi, above: (peak - without) / mebi },
    })
    return {
      columns: [
        { key: 'keys', title: 'keys', format: 'count' },
        { key: 'peak', title: 'greatest RSS, MiB', format: 'number' },
        { key: 'above', title: 'above 64 KiB', format: 'number' },
      ],
      rows: [row('plimsoll, 32 MiB', withIt), row('plimsoll, 64 KiB', without), row('no cache', bare)],
      requirements: [
        {
          text: `at most 2 × 32 MiB above the process without it: ${format.number(above / mebi)} MiB`,
          met: above <= 2 * bound,
        },
      ],
    }
  },
}

async function greatestMemory(stage: Stage, peer: Peer, localBytes: number, count: number): Promise<number> {
  const { worker } = await open(stage, peer, { loadMs: 0 }, { ttlMs: 600_000, local: true, localBytes })
  const steps = 10
  let greatest = 0
  for (let step = 0; step < steps; step++) {
    const { peakBytes } = await worker.call('newKeysLoop', { from: (count / steps) * step, count: count / steps })
    greatest = Math.max(greatest, peakBytes)
    stage.progress(`${peer.name}, ${localBytes / mebi} MiB: ${format.count((count / steps) * (step + 1))} keys`)
  }
  await worker.kill()
  return greatest
}
