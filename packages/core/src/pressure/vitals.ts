/**
 * What one look at one Redis node told. Undefined is what this version, these rights or this provider do not tell, or
 * told implausibly; nothing is ever filled in. Units are in the names, else bytes and counts.
 */
export interface Vitals {
  /** When it was looked at, in milliseconds of the clock. */
  readonly at: number
  /** Without the right to INFO only MEMORY STATS and DBSIZE are left, without those nothing but that it answers. */
  readonly origin: 'info' | 'memory-stats' | 'none'
  readonly engine: 'redis' | 'valkey'
  readonly version: string | undefined
  /** Changes with every start of the server. */
  readonly runId: string | undefined
  readonly role: 'primary' | 'replica' | undefined
  readonly deployment: 'standalone' | 'sentinel' | 'cluster' | undefined
  /** Known by what the server says of itself; `unknown` where nothing gives it away. */
  readonly provider: 'elasticache' | 'memorystore' | 'azure' | 'unknown'
  readonly uptimeSeconds: number | undefined
  readonly loading: boolean
  readonly memory: MemoryVitals
  readonly clients: ClientVitals
  readonly totals: Totals
  readonly persistence: PersistenceVitals
  readonly replication: ReplicationVitals
  /** Error replies since the start by their first word (Redis 6.2 and newer). */
  readonly errors: Readonly<Record<string, number>> | undefined
  readonly keyspace: readonly DatabaseVitals[] | undefined
  /** How many keys there are in all, where the keyspace is not told. */
  readonly keys?: number
  /** Fields whose numbers cannot be true. They were left out; nothing may be decided on them. */
  readonly implausible: readonly string[]
}

export interface MemoryVitals {
  readonly used: number | undefined
  readonly rss: number | undefined
  readonly peak: number | undefined
  readonly startup: number | undefined
  readonly overhead: number | undefined
  readonly dataset: number | undefined
  /** 0 where there is no limit, which is the default on 64 bits. */
  readonly max: number | undefined
  readonly policy: string | undefined
  /** Of the machine, never of the container. */
  readonly totalSystem: number | undefined
  readonly notCountedForEvict: number | undefined
  readonly clientsNormal: number | undefined
  readonly clientsReplicas: number | undefined
  readonly replicationBacklog: number | undefined
  readonly fragmentationRatio: number | undefined
  readonly fragmentationBytes: number | undefined
  readonly allocatorFragmentationRatio: number | undefined
  readonly allocatorFragmentationBytes: number | undefined
  readonly allocatorRssRatio: number | undefined
  readonly allocatorRssBytes: number | undefined
  readonly rssOverheadRatio: number | undefined
  readonly rssOverheadBytes: number | undefined
  readonly lazyfreePendingObjects: number | undefined
  readonly cachedScripts: number | undefined
  readonly allocator: string | undefined
}

export interface ClientVitals {
  readonly connected: number | undefined
  /** Redis 6.2 and newer. */
  readonly max: number | undefined
  readonly blocked: number | undefined
  readonly tracking: number | undefined
  readonly clusterConnections: number | undefined
}

/** Counters since the start of the server. */
export interface Totals {
  readonly connectionsReceived: number | undefined
  readonly commands: number | undefined
  readonly rejectedConnections: number | undefined
  readonly evictedKeys: number | undefined
  readonly evictedClients: number | undefined
  readonly expiredKeys: number | undefined
  readonly keyspaceHits: number | undefined
  readonly keyspaceMisses: number | undefined
  readonly evictionExceededMilliseconds: number | undefined
  /** How long memory has been over maxmemory without an end, now; 0 while it is not (Redis 7.0 and newer). */
  readonly evictionExceededNowMilliseconds: number | undefined
  readonly outputBufferDisconnections: number | undefined
  readonly trackedKeys: number | undefined
  readonly expiredStalePercent: number | undefined
  readonly expiredTimeCapReached: number | undefined
  readonly latestForkMicroseconds: number | undefined
  readonly eventLoopMicroseconds: number | undefined
}

export interface PersistenceVitals {
  readonly appendOnly: boolean | undefined
  readonly changesSinceSave: number | undefined
  readonly lastSaveFailed: boolean | undefined
  readonly lastAppendFailed: boolean | undefined
  readonly currentCopyOnWritePeak: number | undefined
  readonly lastCopyOnWrite: number | undefined
  readonly secondsSinceSave: number | undefined
}

export interface ReplicationVitals {
  readonly connectedReplicas: number | undefined
  readonly primaryLinkUp: boolean | undefined
  readonly replicationId: string | undefined
}

export interface DatabaseVitals {
  readonly database: number
  readonly keys: number
  readonly expiring: number
  /** Undefined where nothing expires: Redis 7.0 keeps an old number there. */
  readonly averageTtlMilliseconds: number | undefined
}
