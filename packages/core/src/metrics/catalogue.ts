import type { BreakerState } from '../breaker/breaker.ts'
import { findingIds, severities } from '../findings/finding.ts'
import type { CacheHealth } from '../health.ts'
import { modes } from '../pressure/mode.ts'
import type { SkipReason } from '../read/counters.ts'
import type { TroubleClass } from '../redis/trouble.ts'

/** One metric as it is exposed. Labels with `values` take no others, and are all exposed from the start where it is a counter. */
export interface MetricDefinition {
  /** With the default prefix. */
  readonly name: `plimsoll_${string}`
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  readonly values?: Readonly<Record<string, readonly string[]>>
  /** How the workers of a Node cluster become one (`AggregatorRegistry` of prom-client). */
  readonly aggregator: 'sum' | 'max' | 'min' | 'first'
}

/** The keys of a record that must name every member of a union: forgetting one does not compile. */
const membersOf = <T extends string>(all: Record<T, true>): readonly T[] => Object.keys(all) as T[]

export const results = ['hit_local', 'hit', 'stale', 'negative', 'miss', 'error', 'bypass'] as const
export const writeResults = ['ok', 'error'] as const
export const loadOutcomes = ['ok', 'error', 'timeout', 'shed'] as const
export const breakers = ['read', 'write'] as const
export const breakerStates = membersOf<BreakerState>({ closed: true, 'half-open': true, open: true })
export const connectionStates = membersOf<CacheHealth['redis']['status']>({
  off: true,
  connecting: true,
  ready: true,
  unavailable: true,
})
export const skipReasons = membersOf<SkipReason>({
  degraded: true,
  oversize: true,
  unserializable: true,
  oom: true,
  admission: true,
  contended: true,
  unreachable: true,
})
export const troubleClasses = membersOf<TroubleClass>({
  oom: true,
  misconf: true,
  readonly: true,
  noreplicas: true,
  loading: true,
  busy: true,
  masterdown: true,
  clusterdown: true,
  auth: true,
  noperm: true,
  maxclients: true,
  timeout: true,
  connection: true,
  reply: true,
})
export const earlyEnds = ['eviction', 'restart', 'flush', 'unknown'] as const
export const sessionLoads = ['found', 'absent', 'unreachable', 'shadow', 'loss'] as const
export const sessionSaves = ['created', 'replaced', 'unchanged', 'gone', 'refused', 'too_large', 'too_many'] as const
export const invalidationCauses = ['written-elsewhere', 'doubt', 'touched-in-redis'] as const
export const behindQueues = ['waiting', 'parked'] as const
export const behindOutcomes = ['appended', 'direct', 'refused', 'saved', 'taken_over', 'parked'] as const
export const lookOutcomes = ['ok', 'denied', 'failed'] as const
export const lineSources = ['maxmemory', 'declared', 'learned'] as const

type Name = MetricDefinition['name']
type Extra = Pick<MetricDefinition, 'values'> & { readonly aggregator?: MetricDefinition['aggregator'] }

const counter = <N extends Name>(name: N, help: string, labels: readonly string[], extra: Extra = {}) =>
  ({ name, help, type: 'counter', labels, aggregator: 'sum', ...extra }) as const
const histogram = <N extends Name>(name: N, help: string, labels: readonly string[]) =>
  ({ name, help, type: 'histogram', labels, aggregator: 'sum' }) as const
const gauge = <N extends Name>(name: N, help: string, labels: readonly string[], extra: Extra = {}) =>
  ({ name, help, type: 'gauge', labels, aggregator: 'max', ...extra }) as const

const namespace = ['cache', 'namespace'] as const
const target = ['cache', 'target'] as const
const node = ['cache', 'target', 'node'] as const
/** Over JSON between processes +Inf becomes null, which a minimum would take for zero. */
const first = { aggregator: 'first' } as const
const sum = { aggregator: 'sum' } as const

const ofNamespaces = [
  counter(
    'plimsoll_requests_total',
    'Calls by what came of them; a get that joined one under way is in plimsoll_loads_coalesced_total instead',
    [...namespace, 'op', 'result'],
    { values: { op: ['get', 'set', 'del'], result: [...results, 'ok'] } },
  ),
  histogram('plimsoll_request_duration_seconds', 'How long gets took that the local tier did not answer', [
    ...namespace,
    'op',
  ]),
  counter('plimsoll_loads_total', 'Loads from the source by their outcome', [...namespace, 'outcome'], {
    values: { outcome: loadOutcomes },
  }),
  histogram('plimsoll_load_duration_seconds', 'How long loads from the source took', namespace),
  counter('plimsoll_loads_coalesced_total', 'Gets that joined one under way in this process', namespace),
  counter('plimsoll_copy_hits_total', 'Reads that a copy of a hot key answered', namespace),
  counter('plimsoll_copy_fills_total', 'Copies of hot keys that this process made', namespace),
  counter('plimsoll_early_refreshes_total', 'Refreshes of values that were still fresh', namespace),
  counter('plimsoll_writes_skipped_total', 'Loaded values that were not stored in Redis', [...namespace, 'reason'], {
    values: { reason: skipReasons },
  }),
  histogram('plimsoll_payload_bytes', 'Sizes of the entries stored in Redis', namespace),
  gauge(
    'plimsoll_in_progress',
    'Keys being read, writes and updates that have begun and not ended',
    [...namespace, 'op'],
    {
      values: { op: ['get', 'set', 'update'] },
      ...sum,
    },
  ),
  gauge('plimsoll_namespace_queue_length', "Loads that wait for a place at the namespace's own source", namespace, sum),
  counter('plimsoll_queue_rejected_total', 'Loads turned away because the queue to the source was full', namespace),
  gauge('plimsoll_local_entries', 'Entries in the local tier', namespace, sum),
  gauge('plimsoll_local_bytes', 'Estimated bytes of the local tier', namespace, sum),
  counter('plimsoll_local_evictions_total', 'Entries that gave way because the local tier was full', namespace),
  counter(
    'plimsoll_local_invalidations_total',
    'Local entries that were not believed any more',
    [...namespace, 'cause'],
    {
      values: { cause: invalidationCauses },
    },
  ),
  counter(
    'plimsoll_early_expirations_total',
    'Keys that this process wrote and that were gone from Redis before their time',
    [...namespace, 'cause'],
    { values: { cause: earlyEnds } },
  ),
  gauge('plimsoll_namespace_redis_bytes', 'Estimated bytes in Redis that this process wrote', namespace, sum),
  gauge('plimsoll_namespace_budget_bytes', 'The most that a namespace may hold in Redis', namespace),
  gauge('plimsoll_namespace_fleet_bytes', 'What all processes together hold of the budget', namespace),
  counter(
    'plimsoll_write_behind_operations_total',
    'Operations written behind, by what became of them',
    [...namespace, 'outcome'],
    { values: { outcome: behindOutcomes } },
  ),
  counter('plimsoll_write_behind_batches_total', 'Calls of saveMany for what waited', [...namespace, 'outcome'], {
    values: { outcome: writeResults },
  }),
  gauge('plimsoll_write_behind_waiting', 'Operations that wait to be saved, of all processes', namespace),
  gauge('plimsoll_write_behind_oldest_seconds', 'For how long the oldest of them has waited', namespace),
  gauge('plimsoll_write_behind_parked', 'Operations that could not be saved and are put aside', namespace),
  gauge('plimsoll_write_behind_flushing', '1 where this process is one that saves what waits', namespace),
  gauge('plimsoll_write_behind_fill_ratio', 'How full the fullest stream is, up to its bound', [...namespace, 'of'], {
    values: { of: behindQueues },
  }),
  histogram(
    'plimsoll_write_behind_lag_seconds',
    'From the write of the oldest operation of a batch until it was saved',
    namespace,
  ),
] as const

/** What namespaces do beside single gets and sets. */
const ofWork = [
  counter(
    'plimsoll_ahead_keys_total',
    'Keys that warm and refreshEvery have seen to before anybody asked',
    [...namespace, 'by', 'outcome'],
    { values: { by: ['warm', 'refresh'], outcome: ['found', 'stored', 'unstored', 'failed'] } },
  ),
  counter('plimsoll_refresh_rounds_total', 'Rounds of refreshEvery in this process', [...namespace, 'outcome'], {
    values: { outcome: ['done', 'ended_early'] },
  }),
  gauge(
    'plimsoll_refresh_done_timestamp_seconds',
    'When a round of refreshEvery last came to all keys in this process, or it was asked to refresh',
    namespace,
  ),
  gauge('plimsoll_refresh_interval_seconds', 'The interval of refreshEvery', namespace),
  gauge('plimsoll_refresh_leading', '1 where this process is the one that refreshes', namespace, sum),
  counter('plimsoll_updates_total', 'Calls of update by how they ended', [...namespace, 'outcome'], {
    values: { outcome: ['done', 'conflict', 'timeout', 'lease_unavailable', 'error'] },
  }),
  counter('plimsoll_drops_total', 'Calls that dropped all values of a tag, or all values', [...namespace, 'of'], {
    values: { of: ['tag', 'all'] },
  }),
] as const

const ofTargets = [
  counter('plimsoll_redis_commands_total', 'Commands sent to Redis', [...target, 'kind'], {
    values: { kind: breakers },
  }),
  counter('plimsoll_redis_errors_total', 'Commands that failed, by kind of trouble', [...target, 'class'], {
    values: { class: troubleClasses },
  }),
  gauge('plimsoll_circuit_state', '1 for the state that a breaker is in', [...target, 'path', 'state'], {
    values: { path: breakers, state: breakerStates },
  }),
  counter('plimsoll_circuit_transitions_total', 'Changes of state of a breaker', [...target, 'path', 'to'], {
    values: { path: breakers, to: breakerStates },
  }),
  gauge('plimsoll_mode', '0 normal, 1 conserving, 2 shedding, 3 read-only, 4 local-only', target),
  gauge('plimsoll_mode_state', '1 for the mode in force', [...target, 'mode'], { values: { mode: modes } }),
  counter('plimsoll_degraded_seconds_total', 'Time in modes other than normal', [...target, 'mode'], {
    values: { mode: modes.filter((mode) => mode !== 'normal') },
  }),
  gauge('plimsoll_target_available', '1 where Redis is connected and can be read', target, { aggregator: 'min' }),
  gauge('plimsoll_connection_state', '1 for the state of the connection', [...target, 'state'], {
    values: { state: connectionStates },
  }),
  counter('plimsoll_reconnects_total', 'Connections that came back after they had been lost', target),
  counter('plimsoll_tracking_notifications_total', 'Values that Redis told of as written, evicted or expired', target),
  gauge('plimsoll_pending_invalidations', 'Writes that Redis has not heard of yet, 10,000 at most', target, sum),
  gauge(
    'plimsoll_disbelieved_namespaces',
    'Namespaces with more of them than that, for which Redis is not read',
    target,
  ),
  gauge('plimsoll_inflight_commands', 'Commands that Redis has not answered yet', target, sum),
  counter('plimsoll_health_polls_total', 'Looks at the health of Redis by their outcome', [...target, 'outcome'], {
    values: { outcome: lookOutcomes },
  }),
  histogram('plimsoll_health_poll_duration_seconds', 'How long a look at the health of Redis took', target),
  gauge('plimsoll_health_last_success_timestamp_seconds', 'When Redis was last looked at', target),
] as const

const ofCaches = [
  gauge('plimsoll_queue_length', "Loads that wait for a place at the cache's source", ['cache'], sum),
  counter('plimsoll_metrics_failures_total', 'Scrapes for which a cache could not tell its state', ['cache']),
] as const

const ofSessions = [
  gauge('plimsoll_session_trusted', '0 while sessions cannot be told from none, or not be kept', ['cache'], {
    aggregator: 'min',
  }),
  counter('plimsoll_session_loads_total', 'Sessions that were asked for, by what came of it', ['cache', 'result'], {
    values: { result: sessionLoads },
  }),
  counter('plimsoll_session_saves_total', 'Sessions that were to be saved, by what came of it', ['cache', 'result'], {
    values: { result: sessionSaves },
  }),
  counter('plimsoll_session_conflicts_total', 'Saves that met the save of another request', ['cache', 'outcome'], {
    values: { outcome: ['merged', 'overwritten'] },
  }),
  counter('plimsoll_session_touches_total', 'Times that the end of a session was to be moved', ['cache', 'result'], {
    values: { result: ['sent', 'spared', 'missed'] },
  }),
  counter('plimsoll_session_ended_total', 'Sessions that were ended before their time', ['cache', 'cause'], {
    values: { cause: ['destroyed', 'pushed_out'] },
  }),
  counter('plimsoll_session_losses_total', 'Times that Redis was found to have lost sessions', ['cache'], {
    aggregator: 'max',
  }),
  counter('plimsoll_session_destroys_dropped_total', 'Logouts that were given up because too many waited', ['cache']),
  gauge('plimsoll_session_pending_destroys', 'Logouts that nobody has acknowledged yet', ['cache'], sum),
] as const

const ofProcess = [
  gauge('plimsoll_process_memory_rss_bytes', 'Resident memory of this process', []),
  gauge('plimsoll_process_memory_limit_bytes', "The container's memory limit, else the memory of the machine", []),
  gauge('plimsoll_process_memory_ratio', 'Resident memory over the limit', []),
] as const

const ofServers = [
  gauge('plimsoll_server_info', 'What the server is', [...node, 'engine', 'version', 'mode', 'provider']),
  gauge('plimsoll_server_maxmemory_policy_info', 'The eviction policy', [...node, 'policy']),
  gauge('plimsoll_server_up', '1 where the server has answered a look in the last minute', node),
  gauge('plimsoll_server_loading', '1 while the server reads its data from disk', node),
  gauge('plimsoll_server_uptime_seconds', 'Time since the start of the server', node),
  counter('plimsoll_server_restarts_total', 'Restarts and failovers that were seen', [...target, 'data_lost'], {
    values: { data_lost: ['true', 'false'] },
    aggregator: 'max',
  }),
  gauge('plimsoll_server_memory_used_bytes', 'Memory as Redis counts it', node),
  gauge('plimsoll_server_memory_rss_bytes', 'Resident memory as the system counts it', node),
  gauge('plimsoll_server_memory_peak_bytes', 'The most memory used since the start', node),
  gauge('plimsoll_server_memory_max_bytes', 'maxmemory; 0 is no limit', node),
  gauge('plimsoll_server_memory_not_counted_for_evict_bytes', 'Memory that maxmemory does not count', node),
  gauge('plimsoll_server_memory_clients_bytes', 'Memory of the buffers of clients', node),
  gauge('plimsoll_server_memory_overhead_bytes', 'Memory that holds no data', node),
  gauge('plimsoll_server_memory_fill_ratio', 'How full Redis is, up to the limit in force', node),
  gauge('plimsoll_server_memory_limit_bytes', 'The limit in force', [...node, 'source'], {
    values: { source: lineSources },
  }),
  gauge(
    'plimsoll_server_memory_exhaustion_eta_seconds',
    'Time until memory meets the limit; +Inf: not in sight',
    node,
    first,
  ),
  gauge('plimsoll_server_memory_eviction_eta_seconds', 'Time until keys are evicted; +Inf: not in sight', node, first),
  gauge('plimsoll_server_fragmentation_ratio', 'Resident memory over used memory', node),
  gauge('plimsoll_server_fragmentation_bytes', 'Resident memory beyond used memory', node),
  gauge('plimsoll_server_allocator_fragmentation_ratio', "Fragmentation inside the allocator's pages", node),
  counter('plimsoll_server_evicted_keys_total', 'Keys evicted since this process first looked', node, {
    aggregator: 'max',
  }),
  counter('plimsoll_server_expired_keys_total', 'Keys expired since this process first looked', node, {
    aggregator: 'max',
  }),
  counter('plimsoll_server_oom_errors_total', 'Commands refused because Redis was full', node, { aggregator: 'max' }),
  counter('plimsoll_server_rejected_connections_total', 'Connections refused for maxclients', node, {
    aggregator: 'max',
  }),
  counter('plimsoll_server_evicted_clients_total', 'Clients dropped for maxmemory-clients', node, {
    aggregator: 'max',
  }),
  counter('plimsoll_server_keyspace_hits_total', 'Lookups of all clients that found a key', node, {
    aggregator: 'max',
  }),
  counter('plimsoll_server_keyspace_misses_total', 'Lookups of all clients that found none', node, {
    aggregator: 'max',
  }),
  gauge('plimsoll_server_eviction_exceeded_current_seconds', 'How long memory has been over maxmemory, now', node),
  counter('plimsoll_server_eviction_exceeded_seconds_total', 'Time for which memory was over maxmemory', node, {
    aggregator: 'max',
  }),
  gauge('plimsoll_server_clients', 'Connected clients', node),
  gauge('plimsoll_server_clients_max', 'maxclients', node),
  gauge('plimsoll_server_clients_blocked', 'Clients that wait in a blocking command', node),
  gauge('plimsoll_server_keys', 'Keys of a database', [...node, 'db']),
  gauge('plimsoll_server_keys_expiring', 'Keys of a database that expire', [...node, 'db']),
  gauge('plimsoll_server_ttl_average_seconds', 'Average time to live of the keys that expire', [...node, 'db']),
  gauge('plimsoll_server_finding', '1 for what is wrong with Redis', [...target, 'finding', 'severity'], {
    values: { finding: findingIds, severity: severities },
  }),
] as const

const catalogue = [...ofProcess, ...ofCaches, ...ofSessions, ...ofNamespaces, ...ofWork, ...ofTargets, ...ofServers]
export type MetricName = (typeof catalogue)[number]['name']

/** Every metric that `collectMetrics` exposes, under the default prefix. */
export const metricCatalogue: readonly (MetricDefinition & { readonly name: MetricName })[] = catalogue
