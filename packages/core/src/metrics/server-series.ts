import type { Finding } from '../findings/finding.ts'
import type { NodeHealth } from '../health.ts'
import type { Vitals } from '../pressure/vitals.ts'
import type { ServerTotals } from '../statistics.ts'
import type { Labels, Sheet } from './sheet.ts'

/** Numbers older than that are of a server that may be gone: no number is better than an old one. */
const longestSilence = 60_000
// Redis has 16 databases by default.
const mostDatabases = 16

/** A Redis node as its own INFO tells it. */
export function addServer(sheet: Sheet, labels: Labels, health: NodeHealth, now: number): void {
  const { vitals, line, fill, forecast } = health
  const told = now - vitals.at <= longestSilence
  sheet.add('plimsoll_server_up', labels, told ? 1 : 0)
  if (!told) return
  addIdentity(sheet, labels, vitals)
  addMemory(sheet, labels, vitals)
  addClientsAndKeys(sheet, labels, vitals)
  sheet.add('plimsoll_server_memory_fill_ratio', labels, fill)
  if (line !== undefined) {
    sheet.add('plimsoll_server_memory_limit_bytes', { ...labels, source: line.source }, line.bytes)
  }
  sheet.add('plimsoll_server_memory_exhaustion_eta_seconds', labels, forecast.secondsToFull)
  sheet.add('plimsoll_server_memory_eviction_eta_seconds', labels, forecast.secondsToEviction)
}

function addIdentity(sheet: Sheet, labels: Labels, vitals: Vitals): void {
  const { engine, provider, deployment, uptimeSeconds } = vitals
  const info = { engine, version: plainVersion(vitals.version), mode: deployment ?? 'unknown', provider }
  sheet.add('plimsoll_server_info', { ...labels, ...info }, 1)
  if (vitals.memory.policy !== undefined) {
    const policy = plainPolicy(vitals.memory.policy)
    sheet.add('plimsoll_server_maxmemory_policy_info', { ...labels, policy }, 1)
  }
  if (vitals.origin === 'info') sheet.add('plimsoll_server_loading', labels, vitals.loading ? 1 : 0)
  sheet.add('plimsoll_server_uptime_seconds', labels, uptimeSeconds)
}

function addMemory(sheet: Sheet, labels: Labels, { memory, totals }: Vitals): void {
  sheet.add('plimsoll_server_memory_used_bytes', labels, memory.used)
  sheet.add('plimsoll_server_memory_rss_bytes', labels, memory.rss)
  sheet.add('plimsoll_server_memory_peak_bytes', labels, memory.peak)
  sheet.add('plimsoll_server_memory_max_bytes', labels, memory.max)
  sheet.add('plimsoll_server_memory_not_counted_for_evict_bytes', labels, memory.notCountedForEvict)
  sheet.add('plimsoll_server_memory_clients_bytes', labels, memory.clientsNormal)
  sheet.add('plimsoll_server_memory_overhead_bytes', labels, memory.overhead)
  sheet.add('plimsoll_server_fragmentation_ratio', labels, memory.fragmentationRatio)
  sheet.add('plimsoll_server_fragmentation_bytes', labels, memory.fragmentationBytes)
  sheet.add('plimsoll_server_allocator_fragmentation_ratio', labels, memory.allocatorFragmentationRatio)
  sheet.add(
    'plimsoll_server_eviction_exceeded_current_seconds',
    labels,
    seconds(totals.evictionExceededNowMilliseconds),
  )
}

function addClientsAndKeys(sheet: Sheet, labels: Labels, { clients, keyspace }: Vitals): void {
  sheet.add('plimsoll_server_clients', labels, clients.connected)
  sheet.add('plimsoll_server_clients_max', labels, clients.max)
  sheet.add('plimsoll_server_clients_blocked', labels, clients.blocked)
  for (const { database, keys, expiring, averageTtlMilliseconds } of keyspace?.slice(0, mostDatabases) ?? []) {
    const ofDatabase = { ...labels, db: String(database) }
    sheet.add('plimsoll_server_keys', ofDatabase, keys)
    sheet.add('plimsoll_server_keys_expiring', ofDatabase, expiring)
    sheet.add('plimsoll_server_ttl_average_seconds', ofDatabase, seconds(averageTtlMilliseconds))
  }
}

export function addServerTotals(sheet: Sheet, labels: Labels, totals: ServerTotals): void {
  sheet.add('plimsoll_server_evicted_keys_total', labels, totals.evictedKeys)
  sheet.add('plimsoll_server_expired_keys_total', labels, totals.expiredKeys)
  sheet.add('plimsoll_server_oom_errors_total', labels, totals.oomErrors)
  sheet.add('plimsoll_server_rejected_connections_total', labels, totals.rejectedConnections)
  sheet.add('plimsoll_server_evicted_clients_total', labels, totals.evictedClients)
  sheet.add('plimsoll_server_keyspace_hits_total', labels, totals.keyspaceHits)
  sheet.add('plimsoll_server_keyspace_misses_total', labels, totals.keyspaceMisses)
  const exceeded = seconds(totals.evictionExceededMilliseconds)
  sheet.add('plimsoll_server_eviction_exceeded_seconds_total', labels, exceeded)
}

export function addRestarts(sheet: Sheet, labels: Labels, restarts: Readonly<Record<'kept' | 'lost', number>>): void {
  sheet.add('plimsoll_server_restarts_total', { ...labels, data_lost: 'false' }, restarts.kept)
  sheet.add('plimsoll_server_restarts_total', { ...labels, data_lost: 'true' }, restarts.lost)
}

export function addFindings(sheet: Sheet, cache: string, findings: readonly Finding[]): void {
  // The same finding at two nodes of one Redis is one.
  const seen = new Set<string>()
  for (const { id, severity, target } of findings) {
    const labels = { cache, target, finding: id, severity }
    const key = JSON.stringify(labels)
    if (!seen.has(key)) sheet.add('plimsoll_server_finding', labels, 1)
    seen.add(key)
  }
}

function seconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : milliseconds / 1_000
}

/** What a server says of itself is no label until it looks like one. */
function plainVersion(version: string | undefined): string {
  return /^\d{1,3}(\.\d{1,5}){0,2}(?![.\d:])/.exec(version ?? '')?.[0] ?? 'unknown'
}

function plainPolicy(policy: string): string {
  return /^(noeviction|(allkeys|volatile)-[a-z]{2,6})$/.test(policy) ? policy : 'other'
}
