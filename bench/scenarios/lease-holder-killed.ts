import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../../test/support/until.ts'
import { open } from '../candidates.ts'
import { format } from '../format.ts'
import { plimsoll } from '../peers/index.ts'
import type { Scenario } from '../scenario.ts'

const key = 'held'

export const leaseHolderKilled: Scenario = {
  name: 'lease-holder-killed',
  about:
    'Two processes; the one that loads a cold key, and so holds its lease, is ended by SIGKILL in the middle of the load while the other waits for the value.',
  async run(stage) {
    const rows = []
    const requirements = []
    // The peers have no lease across processes: each of theirs loads for itself.
    for (const peer of stage.peers.filter((candidate) => candidate === plimsoll)) {
      const delays: number[] = []
      const loads: number[] = []
      const runs = stage.quick ? 2 : 5
      for (let run = 1; run <= runs; run++) {
        stage.progress(`run ${run} of ${runs}`)
        const redis = await stage.startRedis()
        const settings = { redisUrl: redis.url, ttlMs: 600_000, local: true }
        const [holder, other] = await Promise.all([
          open(stage, peer, { loadMs: 0 }, settings),
          open(stage, peer, { loadMs: 20, keepTimes: true }, settings),
        ])
        // Connections are up; the other has not loaded, so it has no load time to go by and waits as long as it ever does.
        await holder.worker.call('get', 'another key')
        await other.worker.call('get', 'another key')
        await holder.worker.call('resetSource')
        await other.worker.call('resetSource')
        await holder.worker.call('changeSource', { loadMs: 60_000 })
        const lost = holder.worker.call('get', key).catch(() => undefined)
        await until(async () => (await holder.worker.call('source')).active === 1, 'the holder loads')
        const awaited = other.worker.call('get', key)
        // It is waiting for the holder's value by now.
        await pause(200)
        const killed = performance.timeOrigin + performance.now()
        await holder.worker.kill()
        await lost
        await awaited
        const { times } = await other.worker.call('source')
        loads.push(times.length)
        delays.push((times[0]?.[0] ?? Number.POSITIVE_INFINITY) - killed)
        await other.worker.kill()
        await redis.stop()
      }
      const longest = Math.max(...delays)
      rows.push({
        candidate: peer.name,
        values: { runs, shortest: Math.min(...delays), longest, loads: Math.max(...loads) },
      })
      requirements.push({
        text: `another process loads within 3 s of the kill: ${format.number(longest / 1000)} s`,
        met: longest <= 3000 && loads.every((count) => count === 1),
      })
    }
    return {
      columns: [
        { key: 'runs', title: 'runs', format: 'count' },
        { key: 'shortest', title: 'kill to load, shortest', format: 'milliseconds' },
        { key: 'longest', title: 'kill to load, longest', format: 'milliseconds' },
        { key: 'loads', title: "the other's loads, most", format: 'count' },
      ],
      rows,
      requirements,
    }
  },
}
