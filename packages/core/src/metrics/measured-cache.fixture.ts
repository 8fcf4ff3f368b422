import type { CacheHealth, NodeHealth, TargetHealth } from '../health.ts'
import { HistogramCounter } from '../histogram.ts'
import { vitalsWith } from '../pressure/vitals.fixture.ts'
import { createAheadCounts, createRefreshCounts } from '../read/ahead-counts.ts'
import { createCounters, createObservations } from '../read/counters.ts'
import type { CacheStatistics, NamespaceStatistics, ServerTotals, TargetStatistics } from '../statistics.ts'
import { createUpdateCounts } from '../write/change-counts.ts'
import type { MeasuredCache } from './cache-series.ts'

export function namespaceStatistics(told: Partial<NamespaceStatistics> = {}): NamespaceStatistics {
  const { getSeconds, loadSeconds, payloadBytes } = createObservations()
  return {
    target: 'main',
    counters: createCounters(),
    getSeconds: getSeconds.snapshot(),
    loadSeconds: loadSeconds.snapshot(),
    payloadBytes: payloadBytes.snapshot(),
    local: {
      entries: 0,
      bytes: 0,
      evictions: 0,
      invalidations: { 'written-elsewhere': 0, doubt: 0, 'touched-in-redis': 0 },
    },
    earlyExpirations: { eviction: 0, restart: 0, flush: 0, unknown: 0 },
    warming: createAheadCounts(),
    refreshing: { ...createRefreshCounts(), leads: false, latest: undefined },
    updates: createUpdateCounts(),
    drops: { tags: 0, clears: 0 },
    ...told,
  }
}

export function targetHealth(told: Partial<TargetHealth> = {}): TargetHealth {
  return {
    mode: 'normal',
    reasons: [],
    since: 0,
    breakers: { read: 'closed', write: 'closed' },
    status: 'ready',
    writes: { admitted: 1, refusal: undefined, refused: 0, withheld: 0 },
    pendingInvalidations: 0,
    disbelievedNamespaces: 0,
    nodes: {},
    learned: undefined,
    ...told,
  }
}

export function targetStatistics(told: Partial<TargetStatistics> = {}): TargetStatistics {
  return {
    commands: { read: 0, write: 0 },
    errors: {},
    breakerTransitions: [],
    reconnects: 0,
    inFlight: 0,
    refusedWrites: 0,
    withheldWrites: 0,
    notifications: 0,
    looks: { ok: 0, denied: 0, failed: 0 },
    lookSeconds: new HistogramCounter([0.01, 0.1]).snapshot(),
    restarts: { kept: 0, lost: 0 },
    secondsInMode: {},
    nodes: {},
    ...told,
  }
}

/** A node that was looked at just now, unless told otherwise. */
export function nodeHealth(at: number, told: Partial<NodeHealth> = {}): NodeHealth {
  return {
    vitals: vitalsWith({
      at,
      version: '7.0.15',
      memory: { used: 80, rss: 90, max: 100, policy: 'allkeys-lru' },
      keyspace: [{ database: 0, keys: 10, expiring: 4, averageTtlMilliseconds: 1_500 }],
    }),
    trend: undefined,
    forecast: { secondsToFull: undefined, secondsToEviction: Number.POSITIVE_INFINITY, bytesPerSecond: undefined },
    line: { bytes: 100, source: 'maxmemory', confidence: 'high', kills: false },
    fill: 0.8,
    canEvict: true,
    restarts: [],
    ...told,
  }
}

export const noTotals: ServerTotals = {
  evictedKeys: undefined,
  expiredKeys: undefined,
  oomErrors: undefined,
  rejectedConnections: undefined,
  evictedClients: undefined,
  keyspaceHits: undefined,
  keyspaceMisses: undefined,
  evictionExceededMilliseconds: undefined,
}

export const nothing = { reads: 0, writes: 0, updates: 0 }

interface Told {
  readonly name?: string
  readonly namespaces?: CacheStatistics['namespaces']
  readonly health?: Partial<CacheHealth>
  readonly target?: TargetStatistics
}

/** A cache that tells what it is told to: by default one namespace on one Redis, at rest. */
export function measuredCache({ name = 'shop', namespaces, health, target }: Told = {}): MeasuredCache {
  const spaces = namespaces ?? { product: namespaceStatistics() }
  return {
    name,
    health: () => ({
      mode: 'normal',
      reasons: [],
      redis: {
        ...{ status: 'ready', connections: 1, maxConnections: 5, pendingInvalidations: 0 },
        ...{ channel: 'connected', tracking: 'off' },
      },
      local: undefined,
      breakers: { read: 'closed', write: 'closed', source: 'closed' },
      source: { running: 0, waiting: 0, concurrency: 64 },
      namespaces: Object.fromEntries(
        Object.entries(spaces).map(([space, { counters }]) => [
          space,
          { ...counters, redisBytes: 1_000, redisShare: 1, budget: undefined, inProgress: nothing },
        ]),
      ),
      targets: { main: targetHealth() },
      findings: [],
      ...health,
    }),
    statistics: () => ({ namespaces: spaces, targets: { main: target ?? targetStatistics() } }),
  }
}
