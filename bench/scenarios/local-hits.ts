import { fill, interleave, medianRatio, open } from '../candidates.ts'
import { format } from '../format.ts'
import { median } from '../load/statistics.ts'
import { bareLru, plimsoll, raw } from '../peers/index.ts'
import type { Scenario } from '../scenario.ts'

const keys = { prefix: 'hit', count: 1000 }

export const localHits: Scenario = {
  name: 'local-hits',
  about:
    'Awaited gets of 1,000 warm keys from memory, one after the other. A library without two tiers is given its memory tier alone; raw ioredis has none and asks Redis.',
  async run(stage) {
    const redis = await stage.startRedis()
    const measured = [bareLru, ...stage.peers]
    const candidates = []
    for (const peer of measured) {
      stage.progress(`warms ${peer.name}`)
      const memoryOnly = peer.tiers === 'one' && peer !== raw
      const candidate = await open(
        stage,
        peer,
        { loadMs: 0 },
        {
          ...(memoryOnly ? {} : { redisUrl: redis.url }),
          ttlMs: 600_000,
          local: true,
        },
      )
      await fill(candidate, keys)
      // Rounds before the first that counts: the optimizing compiler has seen the loop.
      await candidate.worker.call('tightLoop', { durationMs: 200, keys })
      candidates.push(candidate)
    }
    stage.progress('measures in turns')
    const figures = await interleave(candidates, stage.quick ? 9 : 15, async ({ worker }) => {
      const { perSecond } = await worker.call('tightLoop', { durationMs: 100, keys })
      return perSecond
    })

    const rows = measured.map((peer) => ({
      candidate: peer.name,
      values: {
        perSecond: median(figures.get(peer) ?? []),
        shareOfBare: medianRatio(figures, peer, bareLru),
        ...(figures.has(plimsoll) ? { plimsollTo: medianRatio(figures, plimsoll, peer) } : {}),
      },
    }))
    const layered = measured.find(({ name }) => name === 'layered-loader')
    const requirements = []
    if (figures.has(plimsoll)) {
      const share = medianRatio(figures, plimsoll, bareLru)
      requirements.push({ text: `at least 0.5 × the bare lru-cache: ${format.ratio(share)}`, met: share >= 0.5 })
      if (layered) {
        const ratio = medianRatio(figures, plimsoll, layered)
        requirements.push({ text: `at least 1.2 × layered-loader: ${format.ratio(ratio)}`, met: ratio >= 1.2 })
      }
    }
    return {
      columns: [
        { key: 'perSecond', title: 'hits/s', format: 'rate' },
        { key: 'shareOfBare', title: 'share of bare', format: 'ratio' },
        { key: 'plimsollTo', title: 'plimsoll is × this', format: 'ratio' },
      ],
      rows,
      requirements,
      summary: [{ label: 'awaited local hits/s', cell: ({ perSecond }) => format.rate(perSecond) }],
    }
  },
}
