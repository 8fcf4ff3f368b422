import { AggregatorRegistry, Counter, register as defaultRegistry, Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { HistogramCounter } from '../histogram.ts'
import { createRefreshCounts } from '../read/ahead-counts.ts'
import { createCounters } from '../read/counters.ts'
import { createSessionCounters } from '../session/statistics.ts'
import { Tallies } from '../write-behind/tallies.ts'
import { collectMetrics, type MeasuredCache, metricCatalogue } from './index.ts'
import {
  measuredCache,
  namespaceStatistics,
  nodeHealth,
  noTotals,
  targetHealth,
  targetStatistics,
} from './measured-cache.fixture.ts'

const fresh = () => new Registry()

/** The lines of one metric, without HELP and TYPE. */
async function linesOf(register: Registry, name: string): Promise<string[]> {
  const lines = (await register.metrics()).split('\n')
  return lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
}

describe('a cache at rest', () => {
  test('exposes every counter at zero for all the values of its labels', async () => {
    const register = fresh()
    collectMetrics(measuredCache(), { register })
    const zeros = (name: string) => linesOf(register, name).then((lines) => lines.filter((line) => line.endsWith(' 0')))
    expect(await zeros('plimsoll_requests_total')).toHaveLength(7 + 2 + 1)
    expect(await zeros('plimsoll_loads_total')).toHaveLength(4)
    expect(await zeros('plimsoll_writes_skipped_total')).toHaveLength(7)
    expect(await zeros('plimsoll_redis_errors_total')).toHaveLength(14)
    expect(await zeros('plimsoll_circuit_transitions_total')).toHaveLength(6)
    expect(await zeros('plimsoll_degraded_seconds_total')).toHaveLength(4)
    expect(await zeros('plimsoll_server_restarts_total')).toHaveLength(2)
    expect(await zeros('plimsoll_health_polls_total')).toHaveLength(3)
    expect(await zeros('plimsoll_early_expirations_total')).toHaveLength(4)
    expect(await zeros('plimsoll_local_invalidations_total')).toHaveLength(3)
    expect(await zeros('plimsoll_metrics_failures_total')).toHaveLength(1)
  })

  test('exposes nothing of a server that was never looked at', async () => {
    const register = fresh()
    collectMetrics(measuredCache(), { register })
    const text = await register.metrics()
    const server = text.split('\n').filter((line) => /^plimsoll_server_/.test(line))
    expect(server.filter((line) => !line.startsWith('plimsoll_server_restarts_total'))).toEqual([])
    expect(await linesOf(register, 'plimsoll_health_last_success_timestamp_seconds')).toEqual([])
    expect(await linesOf(register, 'plimsoll_namespace_budget_bytes')).toEqual([])
  })

  test('without a Redis exposes nothing of one', async () => {
    const register = fresh()
    const spaces = { product: namespaceStatistics({ target: undefined, earlyExpirations: undefined }) }
    const cache = measuredCache({ namespaces: spaces, health: { targets: {} } })
    collectMetrics({ ...cache, statistics: () => ({ namespaces: spaces, targets: {} }) }, { register })
    const text = await register.metrics()
    expect(text).toContain('plimsoll_requests_total{')
    expect(text).not.toMatch(/^plimsoll_\w+\{.*target=/m)
    expect(await linesOf(register, 'plimsoll_namespace_redis_bytes')).toEqual([])
  })

  test('every sample has the labels of the catalogue, with values that it lists', async () => {
    const register = fresh()
    collectMetrics(measuredSessions(true, busyCache()), { register })
    const exposed = await register.getMetricsAsJSON()
    expect(exposed.map(({ name }) => name).sort()).toEqual(metricCatalogue.map(({ name }) => name).sort())
    for (const { name, values } of exposed) {
      const definition = metricCatalogue.find((one) => one.name === name)
      expect(values.length, `${name} has samples`).toBeGreaterThan(0)
      for (const { labels } of values) {
        const names = Object.keys(labels).filter((label) => label !== 'le')
        expect(names.sort(), name).toEqual([...(definition?.labels ?? [])].sort())
        for (const [label, allowed] of Object.entries(definition?.values ?? {}))
          expect(allowed).toContain(labels[label])
      }
    }
  })
})

const sessionCounters = {
  ...createSessionCounters(),
  found: 7,
  unreachable: 5,
  shadowed: 2,
  refused: 3,
  touchesSpared: 9,
}

/** Sessions expose what a cache does, and more. */
function measuredSessions(trusted: boolean, cache = measuredCache()): MeasuredCache {
  return {
    ...cache,
    health: () => ({
      ...cache.health(),
      sessions: { trusted, reason: undefined, pendingDestroys: 4, shadow: undefined },
    }),
    statistics: () => ({
      ...cache.statistics(),
      sessions: { ...sessionCounters, losses: 1, destroysReplayed: 0, destroysDropped: 6 },
    }),
  }
}

/** One that has something to say in every metric. */
function busyCache(name = 'shop') {
  const seconds = new HistogramCounter([0.01, 0.1])
  seconds.observe(0.01, 3)
  seconds.observe(0.05)
  seconds.observe(7)
  const counters = { ...createCounters(), redisHits: 9, negativeHits: 2, loadErrors: 6, loadTimeouts: 2, loadsShed: 1 }
  const at = Date.now()
  const vitals = nodeHealth(at).vitals
  const tallies = new Tallies()
  tallies.takenOver = 3
  tallies.lagSeconds.observe(0.3)
  const behind = {
    ...{ waiting: 12, waitingShare: 0.1, oldestMilliseconds: 2_500 },
    ...{ parked: 5, parkedShare: 0.2, flushing: true, failure: undefined },
  }
  const budget = { bytes: 10, fleetBytes: 7 }
  return measuredCache({
    name,
    namespaces: {
      product: namespaceStatistics({
        ...{ counters, getSeconds: seconds.snapshot(), behind: tallies.snapshot() },
        refreshing: { ...createRefreshCounts(), leads: true, latest: { doneAt: 1_500, interval: 60_000 } },
      }),
    },
    health: {
      namespaces: {
        product: {
          ...{ ...counters, redisBytes: 5, redisShare: 1, budget, behind },
          inProgress: { reads: 6, writes: 7, updates: 8 },
          source: { running: 1, waiting: 9, concurrency: 1 },
        },
      },
      targets: {
        main: targetHealth({
          mode: 'read-only',
          breakers: { read: 'closed', write: 'open' },
          ...{ pendingInvalidations: 10_000, disbelievedNamespaces: 1 },
          nodes: {
            '1': nodeHealth(at, {
              forecast: { secondsToFull: 90, secondsToEviction: Number.POSITIVE_INFINITY, bytesPerSecond: 1 },
              vitals: {
                ...vitals,
                memory: {
                  ...vitals.memory,
                  ...{ peak: 1, notCountedForEvict: 1, clientsNormal: 1, overhead: 1 },
                  ...{ fragmentationRatio: 1.1, fragmentationBytes: 1, allocatorFragmentationRatio: 1 },
                },
                clients: { connected: 3, max: 100, blocked: 0, tracking: 0, clusterConnections: 0 },
                totals: { ...vitals.totals, evictionExceededNowMilliseconds: 1_500 },
              },
            }),
          },
        }),
      },
      findings: [
        {
          id: 'memory-high',
          severity: 'warning',
          target: 'main',
          title: '',
          evidence: [],
          why: '',
          remedy: { say: '', redisCli: [] },
        },
      ],
    },
    target: targetStatistics({
      commands: { read: 4, write: 5 },
      errors: { oom: 3 },
      breakerTransitions: [{ breaker: 'write', to: 'open', count: 2 }],
      nodes: {
        '1': {
          ...{ evictedKeys: 1, expiredKeys: 2, oomErrors: 3, rejectedConnections: 4, evictedClients: 5 },
          ...{ keyspaceHits: 6, keyspaceMisses: 7, evictionExceededMilliseconds: 2_500 },
        },
      },
      restarts: { kept: 1, lost: 2 },
      secondsInMode: { normal: 50, 'read-only': 12.5 },
    }),
  })
}

describe('what happened', () => {
  test('counters that are part of one another are told apart', async () => {
    const register = fresh()
    collectMetrics(busyCache(), { register })
    const text = await register.metrics()
    for (const line of [
      'plimsoll_requests_total{cache="shop",namespace="product",op="get",result="hit"} 7',
      'plimsoll_requests_total{cache="shop",namespace="product",op="get",result="negative"} 2',
      'plimsoll_loads_total{cache="shop",namespace="product",outcome="error"} 3',
      'plimsoll_loads_total{cache="shop",namespace="product",outcome="timeout"} 2',
      'plimsoll_redis_errors_total{cache="shop",target="main",class="oom"} 3',
      'plimsoll_circuit_state{cache="shop",target="main",path="write",state="open"} 1',
      'plimsoll_circuit_state{cache="shop",target="main",path="write",state="closed"} 0',
      'plimsoll_circuit_transitions_total{cache="shop",target="main",path="write",to="open"} 2',
      'plimsoll_mode{cache="shop",target="main"} 3',
      'plimsoll_mode_state{cache="shop",target="main",mode="read-only"} 1',
      'plimsoll_degraded_seconds_total{cache="shop",target="main",mode="read-only"} 12.5',
      'plimsoll_server_restarts_total{cache="shop",target="main",data_lost="true"} 2',
      'plimsoll_server_memory_fill_ratio{cache="shop",target="main",node="1"} 0.8',
      'plimsoll_server_memory_limit_bytes{cache="shop",target="main",node="1",source="maxmemory"} 100',
      'plimsoll_server_memory_exhaustion_eta_seconds{cache="shop",target="main",node="1"} 90',
      'plimsoll_server_memory_eviction_eta_seconds{cache="shop",target="main",node="1"} +Inf',
      'plimsoll_server_eviction_exceeded_current_seconds{cache="shop",target="main",node="1"} 1.5',
      'plimsoll_server_eviction_exceeded_seconds_total{cache="shop",target="main",node="1"} 2.5',
      'plimsoll_server_ttl_average_seconds{cache="shop",target="main",node="1",db="0"} 1.5',
      'plimsoll_write_behind_operations_total{cache="shop",namespace="product",outcome="taken_over"} 3',
      'plimsoll_in_progress{cache="shop",namespace="product",op="get"} 6',
      'plimsoll_in_progress{cache="shop",namespace="product",op="set"} 7',
      'plimsoll_in_progress{cache="shop",namespace="product",op="update"} 8',
      'plimsoll_namespace_queue_length{cache="shop",namespace="product"} 9',
      'plimsoll_pending_invalidations{cache="shop",target="main"} 10000',
      'plimsoll_disbelieved_namespaces{cache="shop",target="main"} 1',
      'plimsoll_refresh_done_timestamp_seconds{cache="shop",namespace="product"} 1.5',
      'plimsoll_refresh_interval_seconds{cache="shop",namespace="product"} 60',
      'plimsoll_write_behind_waiting{cache="shop",namespace="product"} 12',
      'plimsoll_write_behind_oldest_seconds{cache="shop",namespace="product"} 2.5',
      'plimsoll_server_finding{cache="shop",target="main",finding="memory-high",severity="warning"} 1',
    ]) {
      expect(text.split('\n')).toContain(line)
    }
    expect(text).not.toContain('mode="normal"} 50')
  })

  test('histograms are cumulative', async () => {
    const register = fresh()
    collectMetrics(busyCache(), { register })
    const labels = 'cache="shop",namespace="product",op="get"'
    const name = 'plimsoll_request_duration_seconds'
    expect((await register.metrics()).split('\n').filter((line) => line.startsWith(`${name}_`))).toEqual([
      `${name}_bucket{${labels},le="0.01"} 3`,
      `${name}_bucket{${labels},le="0.1"} 4`,
      `${name}_bucket{${labels},le="+Inf"} 5`,
      `${name}_sum{${labels}} 7.08`,
      `${name}_count{${labels}} 5`,
    ])
  })

  test('an outage: Redis is not available, and its old numbers are gone', async () => {
    const register = fresh()
    const down = targetHealth({
      mode: 'local-only',
      status: 'unavailable',
      breakers: { read: 'open', write: 'open' },
      nodes: { '1': nodeHealth(Date.now() - 61_000) },
    })
    collectMetrics(
      measuredCache({ health: { targets: { main: down } }, target: targetStatistics({ nodes: { '1': noTotals } }) }),
      {
        register,
      },
    )
    expect(await linesOf(register, 'plimsoll_target_available')).toEqual([
      'plimsoll_target_available{cache="shop",target="main"} 0',
    ])
    const server = (await register.metrics()).split('\n').filter((line) => /^plimsoll_server_/.test(line))
    expect(server.filter((line) => !line.startsWith('plimsoll_server_restarts_total'))).toEqual([
      'plimsoll_server_up{cache="shop",target="main",node="1"} 0',
    ])
  })

  test('strings of the server are no labels until they look harmless', async () => {
    const register = fresh()
    const node = nodeHealth(Date.now())
    const vitals = {
      ...node.vitals,
      version: '10.0.0.7:6379',
      memory: { ...node.vitals.memory, policy: 'user=secret' },
    }
    const targets = { main: targetHealth({ nodes: { '1': { ...node, vitals } } }) }
    collectMetrics(measuredCache({ health: { targets } }), { register })
    const text = await register.metrics()
    expect(text).toContain('version="unknown"')
    expect(text).toContain('policy="other"')
  })
})

describe('several caches', () => {
  test('share the metrics of one registry, and leave it one by one', async () => {
    const register = fresh()
    const leaveFirst = collectMetrics(measuredCache({ name: 'shop' }), { register })
    const leaveSecond = collectMetrics(measuredCache({ name: 'users' }), { register })
    expect(await linesOf(register, 'plimsoll_mode')).toEqual([
      'plimsoll_mode{cache="shop",target="main"} 0',
      'plimsoll_mode{cache="users",target="main"} 0',
    ])
    leaveFirst()
    expect(await linesOf(register, 'plimsoll_mode')).toEqual(['plimsoll_mode{cache="users",target="main"} 0'])
    leaveFirst()
    leaveSecond()
    expect(register.getMetricsAsArray()).toEqual([])
    collectMetrics(measuredCache({ name: 'shop' }), { register })
    expect(await linesOf(register, 'plimsoll_mode')).toHaveLength(1)
  })

  test('need names of their own', () => {
    const register = fresh()
    const cache = measuredCache()
    collectMetrics(cache, { register })
    collectMetrics(cache, { register })
    expect(() => collectMetrics(measuredCache(), { register })).toThrow('a name that no other cache')
  })

  test('do not mind what another of them does wrong', async () => {
    const register = fresh()
    const broken = measuredCache({ name: 'broken' })
    collectMetrics(
      {
        ...broken,
        health: () => {
          throw new Error('broken')
        },
      },
      { register },
    )
    collectMetrics(measuredCache(), { register })
    const failures = () => linesOf(register, 'plimsoll_metrics_failures_total')
    expect(await failures()).toContain('plimsoll_metrics_failures_total{cache="broken"} 1')
    expect(await failures()).toContain('plimsoll_metrics_failures_total{cache="broken"} 2')
    expect(await linesOf(register, 'plimsoll_mode')).toEqual(['plimsoll_mode{cache="shop",target="main"} 0'])
  })

  test('are looked at once a scrape, however many metrics there are', async () => {
    const register = fresh()
    let looks = 0
    const cache = measuredCache()
    const health = () => {
      looks += 1
      return cache.health()
    }
    collectMetrics({ ...cache, health }, { register })
    await register.metrics()
    expect(looks).toBe(1)
    await register.getMetricsAsJSON()
    expect(looks).toBe(2)
  })
})

test('namespaces beyond the fiftieth are one', async () => {
  const register = fresh()
  const counters = { ...createCounters(), localHits: 2 }
  const names = Array.from({ length: 60 }, (_, index) => `space-${index}`)
  const namespaces = Object.fromEntries(names.map((name) => [name, namespaceStatistics({ counters })]))
  collectMetrics(measuredCache({ namespaces }), { register })
  const hits = (await linesOf(register, 'plimsoll_requests_total')).filter((line) => line.includes('hit_local'))
  expect(hits).toHaveLength(51)
  expect(hits.at(49)).toContain('namespace="space-49"')
  expect(hits.at(50)).toBe('plimsoll_requests_total{cache="shop",namespace="other",op="get",result="hit_local"} 20')
})

describe('the registry', () => {
  test('is the default one of prom-client where none is given', async () => {
    const leave = collectMetrics(measuredCache())
    expect(await linesOf(defaultRegistry, 'plimsoll_mode')).toHaveLength(1)
    leave()
    expect(defaultRegistry.getMetricsAsArray()).toEqual([])
  })

  test('keeps what it has under one of the names', () => {
    const register = fresh()
    new Counter({ name: 'plimsoll_loads_total', help: 'somebody else', registers: [register] })
    expect(() => collectMetrics(measuredCache(), { register })).toThrow('plimsoll_loads_total')
    expect(register.getMetricsAsArray()).toHaveLength(1)
    collectMetrics(measuredCache(), { register, prefix: 'cache_' })
    expect(register.getSingleMetric('cache_loads_total')).toBeDefined()
  })

  test.each([{ prefix: 'a-b_' }, { prefix: '' }, { serverMetrics: 'sometimes' as 'off' }])('options: %j', (options) => {
    expect(() => collectMetrics(measuredCache(), { register: fresh(), ...options })).toThrow('expected')
  })

  test('without server metrics, tells of no server', async () => {
    const register = fresh()
    collectMetrics(busyCache(), { register, serverMetrics: 'off' })
    const text = await register.metrics()
    expect(text).not.toMatch(/^plimsoll_server_\w+\{/m)
    expect(text).toMatch(/^plimsoll_mode\{/m)
  })

  test('in OpenMetrics format too, again and again', async () => {
    const register = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
    register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
    const leave = collectMetrics(busyCache(), { register })
    for (let scrape = 0; scrape < 2; scrape++) {
      const text = await register.metrics()
      expect(text).toContain('# TYPE plimsoll_loads counter\n')
      expect(text).toContain('\nplimsoll_loads_total{cache="shop",namespace="product",outcome="ok"} 0\n')
      expect(text).toContain('\nplimsoll_request_duration_seconds_bucket{')
      expect(text).not.toContain('_total_total')
      expect(text.endsWith('# EOF\n')).toBe(true)
    }
    leave()
    expect(register.getMetricsAsArray()).toEqual([])
  })

  test('of several workers become one', async () => {
    const workers = [fresh(), fresh()]
    for (const register of workers) collectMetrics(busyCache(), { register })
    // As they come from another process.
    const told = JSON.parse(JSON.stringify(await Promise.all(workers.map((register) => register.getMetricsAsJSON()))))
    const text = await AggregatorRegistry.aggregate(told).metrics()
    for (const line of [
      'plimsoll_requests_total{cache="shop",namespace="product",op="get",result="hit"} 14',
      'plimsoll_request_duration_seconds_count{cache="shop",namespace="product",op="get"} 10',
      'plimsoll_server_memory_used_bytes{cache="shop",target="main",node="1"} 80',
      'plimsoll_server_evicted_keys_total{cache="shop",target="main",node="1"} 1',
      'plimsoll_server_memory_eviction_eta_seconds{cache="shop",target="main",node="1"} +Inf',
      'plimsoll_mode_state{cache="shop",target="main",mode="normal"} 0',
    ]) {
      expect(text.split('\n')).toContain(line)
    }
  })

  test('forgets nothing when others reset theirs', async () => {
    const register = fresh()
    collectMetrics(busyCache(), { register })
    const before = await linesOf(register, 'plimsoll_loads_total')
    register.resetMetrics()
    expect(await linesOf(register, 'plimsoll_loads_total')).toEqual(before)
  })
})

describe('sessions', () => {
  test('tell what came of loads, saves and touches, beside what a cache tells', async () => {
    const register = fresh()
    collectMetrics(measuredSessions(true), { register })
    const text = await register.metrics()
    for (const line of [
      'plimsoll_session_trusted{cache="shop"} 1',
      'plimsoll_session_loads_total{cache="shop",result="found"} 7',
      'plimsoll_session_loads_total{cache="shop",result="unreachable"} 3',
      'plimsoll_session_loads_total{cache="shop",result="shadow"} 2',
      'plimsoll_session_saves_total{cache="shop",result="refused"} 3',
      'plimsoll_session_saves_total{cache="shop",result="created"} 0',
      'plimsoll_session_touches_total{cache="shop",result="spared"} 9',
      'plimsoll_session_pending_destroys{cache="shop"} 4',
      'plimsoll_session_destroys_dropped_total{cache="shop"} 6',
      'plimsoll_session_losses_total{cache="shop"} 1',
    ]) {
      expect(text.split('\n')).toContain(line)
    }
    expect(text).toContain('plimsoll_requests_total{')
  })

  test('that are not trusted tell so, and a cache tells nothing of sessions', async () => {
    const register = fresh()
    collectMetrics(measuredSessions(false), { register })
    expect(await linesOf(register, 'plimsoll_session_trusted')).toEqual(['plimsoll_session_trusted{cache="shop"} 0'])
    const other = fresh()
    collectMetrics(measuredCache(), { register: other })
    expect(await other.metrics()).not.toMatch(/^plimsoll_session_\w+\{/m)
  })
})
