import type { Evidence, NamespaceEvidence } from './evidence.ts'

/** Evidence for tests. Everything was looked at, and nothing is wrong with it. */

const KiB = 1024
const MiB = 1024 * KiB

type Changes<Whole> = Whole extends readonly unknown[]
  ? Whole
  : Whole extends object
    ? { readonly [Field in keyof Whole]?: Changes<Whole[Field]> | undefined }
    : Whole

export type EvidenceChanges = Changes<Evidence>

export const healthyNamespace: NamespaceEvidence = {
  namespace: 'products',
  hitRatio: 0.98,
  lookupsPerSecond: 400,
  largestValue: 20 * KiB,
  hottestShare: 0.02,
  ttlMilliseconds: 600_000,
  negativeTtlMilliseconds: 10_000,
  bytes: 40 * MiB,
  budget: 100 * MiB,
}

export const healthyEvidence: Evidence = {
  target: 'main',
  purpose: 'cache',
  vitals: {
    at: 1_700_000_000_000,
    origin: 'info',
    engine: 'redis',
    version: '7.2.4',
    runId: 'a'.repeat(40),
    role: 'primary',
    deployment: 'standalone',
    provider: 'unknown',
    uptimeSeconds: 86_400,
    loading: false,
    memory: {
      used: 100 * MiB,
      rss: 112 * MiB,
      peak: 110 * MiB,
      startup: MiB,
      overhead: 20 * MiB,
      dataset: 80 * MiB,
      max: 200 * MiB,
      policy: 'allkeys-lru',
      totalSystem: 16 * 1024 * MiB,
      notCountedForEvict: 0,
      clientsNormal: MiB,
      clientsReplicas: 0,
      replicationBacklog: 0,
      fragmentationRatio: 1.12,
      fragmentationBytes: 12 * MiB,
      allocatorFragmentationRatio: 1.05,
      allocatorFragmentationBytes: 5 * MiB,
      allocatorRssRatio: 1.05,
      allocatorRssBytes: 5 * MiB,
      rssOverheadRatio: 1.02,
      rssOverheadBytes: 2 * MiB,
      lazyfreePendingObjects: 0,
      cachedScripts: 8,
      allocator: 'jemalloc-5.3.0',
    },
    clients: { connected: 40, max: 10_000, blocked: 0, tracking: 0, clusterConnections: 0 },
    totals: {
      connectionsReceived: 400,
      commands: 5_000_000,
      rejectedConnections: 0,
      evictedKeys: 0,
      evictedClients: 0,
      expiredKeys: 20_000,
      keyspaceHits: 4_000_000,
      keyspaceMisses: 100_000,
      evictionExceededMilliseconds: 0,
      evictionExceededNowMilliseconds: 0,
      outputBufferDisconnections: 0,
      trackedKeys: 0,
      expiredStalePercent: 2,
      expiredTimeCapReached: 0,
      latestForkMicroseconds: 0,
      eventLoopMicroseconds: 150,
    },
    persistence: {
      appendOnly: false,
      changesSinceSave: 0,
      lastSaveFailed: false,
      lastAppendFailed: false,
      currentCopyOnWritePeak: 0,
      lastCopyOnWrite: 0,
      secondsSinceSave: 86_400,
    },
    replication: { connectedReplicas: 0, primaryLinkUp: undefined, replicationId: 'b'.repeat(40) },
    errors: {},
    keyspace: [{ database: 0, keys: 10_000, expiring: 10_000, averageTtlMilliseconds: 300_000 }],
    implausible: [],
  },
  trend: {
    seconds: 600,
    looks: 60,
    evictedKeys: 0,
    evictedShare: 0,
    evictedPerSecond: 0,
    evictedPerSecondPeak: 0,
    evictionAgeSeconds: undefined,
    expiredKeys: 1_000,
    oomErrors: 0,
    misconfErrors: 0,
    rejectedConnections: 0,
    evictedClients: 0,
    outputBufferDisconnections: 0,
    connectionsReceivedPerSecond: 0.1,
    keyspaceHits: 98_000,
    keyspaceMisses: 2_000,
    evictionExceededShare: 0,
    evictionExceededLooks: 0,
    usedPerSecond: 0,
  },
  forecast: { secondsToFull: undefined, secondsToEviction: Number.POSITIVE_INFINITY, bytesPerSecond: 0 },
  line: { bytes: 200 * MiB, source: 'maxmemory', confidence: 'high', kills: false },
  fill: 0.5,
  canEvict: true,
  declaredLimit: 256 * MiB,
  learned: undefined,
  restarts: [],
  client: {
    mode: 'normal',
    refusedWrites: 0,
    refusal: undefined,
    busy: false,
    secondsSinceLook: 5,
    earlyExpirations: { eviction: 0, restart: 0, flush: 0, unknown: 0 },
    loadsPerSecond: 8,
    usualLoadsPerSecond: 8,
    namespaces: [healthyNamespace],
    process: { rss: 150 * MiB, limit: 512 * MiB },
    localBounded: true,
  },
  sample: {
    keys: 1_000,
    withoutTtl: 0,
    bytes: 10 * MiB,
    prefixes: [{ prefix: 'products:*', keys: 1_000, bytes: 10 * MiB, withoutTtl: 0, averageTtlMilliseconds: 300_000 }],
    largest: [{ key: '#1f00ba42', type: 'string', bytes: 20 * KiB }],
    ttlMilliseconds: { median: 300_000, most: 600_000 },
  },
  settings: {
    save: '',
    appendOnly: false,
    maxmemoryClients: '0',
    activeDefrag: false,
    trackingTableMaxKeys: 1_000_000,
    denied: false,
  },
  commands: [
    { command: 'get', calls: 400_000, microseconds: 400_000 },
    { command: 'set', calls: 200_000, microseconds: 300_000 },
    { command: 'evalsha', calls: 100_000, microseconds: 300_000 },
  ],
  budget: { pods: 20, connectionsPerPod: 4, surge: 2, others: 10, needed: 170, max: 10_000 },
  pod: { memoryLimit: 256 * MiB, cpuLimit: undefined, restarts: 0, lastState: undefined },
  log: { lines: 1_000, forkFailures: 0, oomRefusals: 0, misconf: 0 },
}

/** A Redis that nobody gave a limit, in a container of 64 MiB, shortly before the kernel kills it again. */
export const crashingStore: EvidenceChanges = {
  vitals: {
    version: '7.0.15',
    uptimeSeconds: 900,
    memory: { used: 58_720_256, rss: 61 * MiB, peak: 58_720_256, overhead: 9 * MiB, max: 0, policy: 'noeviction' },
    clients: { connected: 312 },
    persistence: { changesSinceSave: 1_315_581, lastSaveFailed: true },
    keyspace: [{ database: 0, keys: 48_000, expiring: 48_000, averageTtlMilliseconds: 500_000 }],
  },
  trend: undefined,
  forecast: { secondsToFull: 900, secondsToEviction: undefined, bytesPerSecond: 9_000 },
  line: { bytes: 64 * MiB, source: 'declared', kills: true },
  fill: 0.875,
  canEvict: false,
  declaredLimit: 64 * MiB,
  client: undefined,
  pod: {
    memoryLimit: 64 * MiB,
    cpuLimit: '250m',
    restarts: 7,
    lastState: { reason: 'OOMKilled', exitCode: 137 },
  },
  log: { forkFailures: 3 },
}

/** The same after its mending: `maxmemory 200mb`, `allkeys-lru`, a container of 256 MiB. */
export const mendedStore: EvidenceChanges = {
  vitals: {
    version: '7.0.15',
    uptimeSeconds: 900,
    memory: { used: 58_720_256, rss: 61 * MiB, peak: 58_720_256, overhead: 9 * MiB },
    clients: { connected: 312 },
  },
  trend: undefined,
  forecast: undefined,
  fill: 0.28,
  client: undefined,
}

/** The healthy evidence with changes laid over it: objects are merged, all else is replaced, undefined too. */
export function exampleEvidence(...changes: readonly EvidenceChanges[]): Evidence {
  return changes.reduce<unknown>(layered, healthyEvidence) as Evidence
}

function layered(under: unknown, over: unknown): unknown {
  if (!isRecord(under) || !isRecord(over)) return over
  const merged: Record<string, unknown> = { ...under }
  for (const [field, value] of Object.entries(over)) merged[field] = layered(under[field], value)
  return merged
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
