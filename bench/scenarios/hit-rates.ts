import { LRUCache } from 'lru-cache'
import { LocalTier, type LocalTimes } from '../../packages/core/src/local/local-tier.ts'
import { hitsOfOptimum } from '../load/optimum.ts'
import { readTraces } from '../load/traces.ts'
import type { Row, Scenario } from '../scenario.ts'

const sizes = [0.001, 0.01, 0.1]
const far = Number.MAX_SAFE_INTEGER
const times: LocalTimes = {
  storedAt: 0,
  loadTime: 1,
  quietUntil: far,
  localUntil: far,
  freshUntil: far,
  expiresAt: far,
}
const clock = { now: () => 0, setTimeout: () => {}, clearTimeout: () => {} }
// One length for all, so that a bound in bytes is a number of entries.
const keyOf = (key: number) => String(key).padStart(11, '0')

export const hitRates: Scenario = {
  name: 'hit-rates',
  about:
    'Hit rates of the local tier on recorded requests (PLIMSOLL_TRACES names their folder, else made ones), beside a plain LRU and the optimum that knows the future, with room for 0.1, 1 and 10 % of the keys.',
  async run(stage) {
    const rows: Row[] = []
    for (const { name, requests } of readTraces()) {
      const keys = new Set(requests).size
      for (const size of sizes) {
        const entries = Math.max(1, Math.round(keys * size))
        stage.progress(`${name}: ${entries} entries`)
        rows.push({
          candidate: `${name}, ${size * 100} % of ${keys} keys`,
          values: {
            lru: (100 * hitsOfLru(requests, entries)) / requests.length,
            local: (100 * hitsOfLocalTier(requests, entries)) / requests.length,
            optimum: (100 * hitsOfOptimum(requests, entries)) / requests.length,
          },
        })
      }
    }
    const below = rows.filter(({ values }) => Number(values['local']) < Number(values['lru']) - 0.005)
    const ahead = rows.filter(({ values }) => Number(values['local']) > Number(values['lru']) + 1)
    return {
      columns: [
        { key: 'lru', title: 'LRU, %', format: 'number' },
        { key: 'local', title: 'plimsoll, %', format: 'number' },
        { key: 'optimum', title: 'optimum, %', format: 'number' },
      ],
      rows,
      requirements: [
        {
          text: `nowhere below LRU: ${below.map(({ candidate }) => candidate).join(', ') || 'none'}`,
          met: below.length === 0,
        },
        {
          text: `more than a point ahead in half of them: ${ahead.length} of ${rows.length}`,
          met: ahead.length * 2 >= rows.length,
        },
      ],
    }
  },
}

function hitsOfLocalTier(requests: Int32Array, entries: number): number {
  const one = new LocalTier(1e9)
  one.namespace<number>(clock, false).set(keyOf(0), 1, times)
  const local = new LocalTier(one.bytes * entries).namespace<number>(clock, false)
  for (const request of requests) {
    const key = keyOf(request)
    if (local.hit(key) === undefined) local.set(key, 1, times)
  }
  return local.hits
}

function hitsOfLru(requests: Int32Array, entries: number): number {
  const lru = new LRUCache<number, true>({ max: entries })
  let hits = 0
  for (const key of requests) {
    if (lru.get(key)) hits += 1
    else lru.set(key, true)
  }
  return hits
}
