import { readLines, type Told } from './info-lines.ts'
import { Numbers } from './numbers.ts'
import type { ClientVitals, MemoryVitals, PersistenceVitals, Totals, Vitals } from './vitals.ts'

/** What a node tells where nothing could be asked of it. */
export function unknownVitals(at: number): Vitals {
  return vitalsOf({ at, origin: 'none', numbers: new Numbers(() => undefined), memory: undefined, told: nothing })
}

/** Reads the reply to INFO of Redis 4 and newer and of Valkey, whichever sections it holds. Never throws. */
export function parseInfo(text: string, at: number): Vitals {
  const told = readLines(text)
  const numbers = new Numbers((name) => told.fields.get(name))
  return vitalsOf({ at, origin: 'info', numbers, memory: undefined, told })
}

const memoryStatsNames: Readonly<Record<string, string>> = {
  used_memory: 'total.allocated',
  used_memory_peak: 'peak.allocated',
  used_memory_startup: 'startup.allocated',
  used_memory_overhead: 'overhead.total',
  used_memory_dataset: 'dataset.bytes',
  mem_clients_normal: 'clients.normal',
  mem_clients_slaves: 'clients.slaves',
  mem_replication_backlog: 'replication.backlog',
  mem_fragmentation_ratio: 'fragmentation',
  mem_fragmentation_bytes: 'fragmentation.bytes',
  allocator_frag_ratio: 'allocator-fragmentation.ratio',
  allocator_frag_bytes: 'allocator-fragmentation.bytes',
  allocator_rss_ratio: 'allocator-rss.ratio',
  allocator_rss_bytes: 'allocator-rss.bytes',
  rss_overhead_ratio: 'rss-overhead.ratio',
  rss_overhead_bytes: 'rss-overhead.bytes',
}

/**
 * What is left where INFO is forbidden, which is in `@dangerous` while MEMORY STATS is not. `reply` is the flat array
 * of RESP2, or the map or object that RESP3 clients make of it; `keys` is the answer of DBSIZE. Never throws.
 */
export function parseMemoryStats(reply: unknown, keys: number | undefined, at: number): Vitals {
  const fields = fieldsOf(reply)
  const numbers = new Numbers((name) => fields.get(memoryStatsNames[name] ?? ''))
  const used = numbers.count('used_memory')
  const fragmentation = numbers.signed('mem_fragmentation_bytes')
  // Redis makes fragmentation.bytes of rss minus total.allocated, so this gives back what it was made of.
  const rss = used === undefined || fragmentation === undefined ? undefined : used + fragmentation
  const vitals = vitalsOf({ at, origin: 'memory-stats', numbers, memory: { rss }, told: nothing })
  return keys === undefined || !Number.isSafeInteger(keys) || keys < 0 ? vitals : { ...vitals, keys }
}

const nothing: Told = { fields: new Map(), sections: new Set(), errors: [], databases: [], garbled: [] }

interface Source {
  readonly at: number
  readonly origin: Vitals['origin']
  readonly numbers: Numbers
  readonly memory: { readonly rss: number | undefined } | undefined
  readonly told: Told
}

function vitalsOf({ at, origin, numbers, memory, told }: Source): Vitals {
  const { fields, sections } = told
  const valkey = fields.get('server_name') === 'valkey' || fields.has('valkey_version')
  return {
    at,
    origin,
    engine: valkey ? 'valkey' : 'redis',
    // Valkey tells a constant redis_version for the sake of old clients.
    version: word(fields.get('valkey_version') ?? fields.get('redis_version')),
    runId: word(fields.get('run_id')),
    role: roles[fields.get('role') ?? ''],
    deployment: deployments[fields.get('redis_mode') ?? fields.get('server_mode') ?? ''],
    provider: providerOf(fields),
    uptimeSeconds: numbers.count('uptime_in_seconds'),
    loading: fields.get('loading') === '1',
    memory: memoryOf(numbers, fields, memory?.rss),
    clients: clientsOf(numbers),
    totals: totalsOf(numbers),
    persistence: persistenceOf(numbers, fields, at),
    replication: {
      connectedReplicas: numbers.count('connected_slaves'),
      primaryLinkUp: is(fields.get('master_link_status'), 'up'),
      replicationId: word(fields.get('master_replid')),
    },
    errors: sections.has('# Errorstats') || told.errors.length > 0 ? Object.fromEntries(told.errors) : undefined,
    keyspace: keyspaceOf(told, numbers),
    implausible: numbers.implausible,
  }
}

/** All databases or none: a sum over some of them would look as if the others had been flushed. */
function keyspaceOf({ sections, databases, garbled }: Told, numbers: Numbers): Vitals['keyspace'] {
  for (const name of garbled) numbers.reject(name)
  if (garbled.length > 0) return undefined
  return sections.has('# Keyspace') || databases.length > 0 ? databases : undefined
}

function memoryOf(numbers: Numbers, fields: ReadonlyMap<string, string>, knownRss: number | undefined): MemoryVitals {
  const totalSystem = numbers.count('total_system_memory')
  // Of the machine, with swap beside it: more than half as much again cannot be held.
  const most = totalSystem === undefined || totalSystem === 0 ? Number.MAX_SAFE_INTEGER : totalSystem * 1.5
  const within = (name: string, limit: number | undefined, value = numbers.count(name)) =>
    value !== undefined && limit !== undefined && value > limit ? numbers.reject(name) : value

  const used = within('used_memory', most)
  const rss = within('used_memory_rss', most, knownRss ?? numbers.count('used_memory_rss'))
  const usedOrMost = used ?? most
  const bothKnown = used !== undefined && rss !== undefined
  return {
    used,
    rss,
    peak: within('used_memory_peak', most),
    startup: within('used_memory_startup', most),
    overhead: within('used_memory_overhead', most),
    // Redis 8.0 subtracts more than there is while it is empty; so close to 2^64 or not, it is part of what is used.
    dataset: within('used_memory_dataset', usedOrMost),
    max: numbers.count('maxmemory'),
    policy: word(fields.get('maxmemory_policy')),
    totalSystem,
    notCountedForEvict: within('mem_not_counted_for_evict', usedOrMost),
    // Valkey 9 hands replies to clients without a copy, and counts here what used_memory has but once.
    clientsNormal: within('mem_clients_normal', usedOrMost),
    clientsReplicas: within('mem_clients_slaves', usedOrMost),
    replicationBacklog: within('mem_replication_backlog', most),
    // Made of used memory and resident size: no better than these.
    fragmentationRatio: bothKnown ? numbers.ratio('mem_fragmentation_ratio') : undefined,
    fragmentationBytes: bothKnown ? numbers.signed('mem_fragmentation_bytes') : undefined,
    allocatorFragmentationRatio: numbers.ratio('allocator_frag_ratio'),
    allocatorFragmentationBytes: numbers.signed('allocator_frag_bytes'),
    allocatorRssRatio: numbers.ratio('allocator_rss_ratio'),
    allocatorRssBytes: numbers.signed('allocator_rss_bytes'),
    rssOverheadRatio: numbers.ratio('rss_overhead_ratio'),
    rssOverheadBytes: numbers.signed('rss_overhead_bytes'),
    lazyfreePendingObjects: numbers.count('lazyfree_pending_objects'),
    cachedScripts: numbers.count('number_of_cached_scripts'),
    allocator: word(fields.get('mem_allocator')),
  }
}

function clientsOf(numbers: Numbers): ClientVitals {
  return {
    connected: numbers.count('connected_clients'),
    max: numbers.count('maxclients'),
    blocked: numbers.count('blocked_clients'),
    tracking: numbers.count('tracking_clients'),
    clusterConnections: numbers.count('cluster_connections'),
  }
}

function totalsOf(numbers: Numbers): Totals {
  return {
    connectionsReceived: numbers.count('total_connections_received'),
    commands: numbers.count('total_commands_processed'),
    rejectedConnections: numbers.count('rejected_connections'),
    evictedKeys: numbers.count('evicted_keys'),
    evictedClients: numbers.count('evicted_clients'),
    expiredKeys: numbers.count('expired_keys'),
    keyspaceHits: numbers.count('keyspace_hits'),
    keyspaceMisses: numbers.count('keyspace_misses'),
    evictionExceededMilliseconds: numbers.count('total_eviction_exceeded_time'),
    evictionExceededNowMilliseconds: numbers.count('current_eviction_exceeded_time'),
    outputBufferDisconnections: numbers.count('client_output_buffer_limit_disconnections'),
    trackedKeys: numbers.count('tracking_total_keys'),
    expiredStalePercent: numbers.ratio('expired_stale_perc'),
    expiredTimeCapReached: numbers.count('expired_time_cap_reached_count'),
    latestForkMicroseconds: numbers.count('latest_fork_usec'),
    eventLoopMicroseconds: numbers.count('instantaneous_eventloop_duration_usec'),
  }
}

function persistenceOf(numbers: Numbers, fields: ReadonlyMap<string, string>, at: number): PersistenceVitals {
  const savedAt = numbers.count('rdb_last_save_time')
  // By its own clock where it tells it (6.2 and newer), for ours may be another.
  const now = (numbers.count('server_time_usec') ?? at * 1_000) / 1_000_000
  return {
    appendOnly: is(fields.get('aof_enabled'), '1'),
    changesSinceSave: numbers.count('rdb_changes_since_last_save'),
    lastSaveFailed: is(fields.get('rdb_last_bgsave_status'), 'err'),
    lastAppendFailed: is(fields.get('aof_last_write_status'), 'err'),
    currentCopyOnWritePeak: numbers.count('current_cow_peak'),
    lastCopyOnWrite: numbers.count('rdb_last_cow_size'),
    secondsSinceSave: savedAt === undefined ? undefined : Math.max(0, Math.floor(now - savedAt)),
  }
}

const roles: Readonly<Record<string, Vitals['role']>> = Object.assign(Object.create(null), {
  master: 'primary',
  slave: 'replica',
})
const deployments: Readonly<Record<string, Vitals['deployment']>> = Object.assign(Object.create(null), {
  standalone: 'standalone',
  sentinel: 'sentinel',
  cluster: 'cluster',
})

/** Memorystore says nothing of itself in INFO but perhaps by `os`. */
function providerOf(fields: ReadonlyMap<string, string>): Vitals['provider'] {
  const os = fields.get('os') ?? ''
  if (os.startsWith('Amazon ElastiCache')) return 'elasticache'
  if (/memorystore|google/i.test(os)) return 'memorystore'
  if (fields.has('maxfragmentationmemory_reservation') || fields.has('maxmemory_reservation')) return 'azure'
  return 'unknown'
}

function is(value: string | undefined, expected: string): boolean | undefined {
  return value === undefined ? undefined : value === expected
}

/** Words are shown to people and become labels: what does not look like one is left out. */
function word(text: string | undefined): string | undefined {
  return text !== undefined && /^[\w.+:-]{1,64}$/.test(text) ? text : undefined
}

function fieldsOf(reply: unknown): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  const set = (name: unknown, value: unknown) => {
    const told = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string'
    if (typeof name === 'string' && told) fields.set(name, String(value))
  }
  if (Array.isArray(reply)) for (let i = 0; i + 1 < reply.length; i += 2) set(reply[i], reply[i + 1])
  else if (reply instanceof Map) for (const [name, value] of reply) set(name, value)
  else if (typeof reply === 'object' && reply !== null)
    for (const name of Object.keys(reply)) set(name, ownValue(reply, name))
  return fields
}

function ownValue(of: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(of, name)?.value
}
