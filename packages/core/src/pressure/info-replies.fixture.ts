/** As Redis 7.0.15 answers, but for the line ends. */
export const redis70 = `# Server
redis_version:7.0.15
redis_git_sha1:00000000
redis_git_dirty:0
redis_build_id:ae4d7c971a948f0
redis_mode:standalone
os:Linux 6.18.44-fc-v669 x86_64
arch_bits:64
monotonic_clock:POSIX clock_gettime
multiplexing_api:epoll
atomicvar_api:c11-builtin
gcc_version:12.2.0
process_id:20949
process_supervised:no
run_id:edb92bd2d84b14abfc9df1425eb20327e3e9b9c0
tcp_port:6379
server_time_usec:1795233458730485
uptime_in_seconds:0
uptime_in_days:0
hz:10
configured_hz:10
lru_clock:71346
executable:/usr/bin/redis-server
config_file:
io_threads_active:0

# Clients
connected_clients:1
cluster_connections:0
maxclients:10000
client_recent_max_input_buffer:0
client_recent_max_output_buffer:0
blocked_clients:0
tracking_clients:0
clients_in_timeout_table:0

# Memory
used_memory:991792
used_memory_human:968.55K
used_memory_rss:12181504
used_memory_rss_human:11.62M
used_memory_peak:991792
used_memory_peak_human:968.55K
used_memory_peak_perc:100.07%
used_memory_overhead:876312
used_memory_startup:876112
used_memory_dataset:115480
used_memory_dataset_perc:99.83%
allocator_allocated:1690848
allocator_active:1826816
allocator_resident:4497408
total_system_memory:25276502016
total_system_memory_human:23.54G
used_memory_lua:32768
used_memory_vm_eval:32768
used_memory_lua_human:32.00K
used_memory_scripts_eval:0
number_of_cached_scripts:0
number_of_functions:0
number_of_libraries:0
used_memory_vm_functions:33792
used_memory_vm_total:66560
used_memory_vm_total_human:65.00K
used_memory_functions:200
used_memory_scripts:200
used_memory_scripts_human:200B
maxmemory:67108864
maxmemory_human:64.00M
maxmemory_policy:noeviction
allocator_frag_ratio:1.08
allocator_frag_bytes:135968
allocator_rss_ratio:2.46
allocator_rss_bytes:2670592
rss_overhead_ratio:2.71
rss_overhead_bytes:7684096
mem_fragmentation_ratio:13.90
mem_fragmentation_bytes:11305248
mem_not_counted_for_evict:0
mem_replication_backlog:0
mem_total_replication_buffers:0
mem_clients_slaves:0
mem_clients_normal:0
mem_cluster_links:0
mem_aof_buffer:0
mem_allocator:jemalloc-5.3.0
active_defrag_running:0
lazyfree_pending_objects:0
lazyfreed_objects:0

# Persistence
loading:0
async_loading:0
current_cow_peak:0
current_cow_size:0
current_cow_size_age:0
current_fork_perc:0.00
current_save_keys_processed:0
current_save_keys_total:0
rdb_changes_since_last_save:0
rdb_bgsave_in_progress:0
rdb_last_save_time:1795233458
rdb_last_bgsave_status:ok
rdb_last_bgsave_time_sec:-1
rdb_current_bgsave_time_sec:-1
rdb_saves:0
rdb_last_cow_size:0
rdb_last_load_keys_expired:0
rdb_last_load_keys_loaded:0
aof_enabled:0
aof_rewrite_in_progress:0
aof_rewrite_scheduled:0
aof_last_rewrite_time_sec:-1
aof_current_rewrite_time_sec:-1
aof_last_bgrewrite_status:ok
aof_rewrites:0
aof_rewrites_consecutive_failures:0
aof_last_write_status:ok
aof_last_cow_size:0
module_fork_in_progress:0
module_fork_last_cow_size:0

# Stats
total_connections_received:1
total_commands_processed:4
instantaneous_ops_per_sec:0
total_net_input_bytes:319
total_net_output_bytes:10614
total_net_repl_input_bytes:0
total_net_repl_output_bytes:0
instantaneous_input_kbps:0.00
instantaneous_output_kbps:0.00
instantaneous_input_repl_kbps:0.00
instantaneous_output_repl_kbps:0.00
rejected_connections:0
sync_full:0
sync_partial_ok:0
sync_partial_err:0
expired_keys:0
expired_stale_perc:0.00
expired_time_cap_reached_count:0
expire_cycle_cpu_milliseconds:0
evicted_keys:0
evicted_clients:0
total_eviction_exceeded_time:0
current_eviction_exceeded_time:0
keyspace_hits:0
keyspace_misses:0
pubsub_channels:0
pubsub_patterns:0
pubsubshard_channels:0
latest_fork_usec:0
total_forks:0
migrate_cached_sockets:0
slave_expires_tracked_keys:0
active_defrag_hits:0
active_defrag_misses:0
active_defrag_key_hits:0
active_defrag_key_misses:0
total_active_defrag_time:0
current_active_defrag_time:0
tracking_total_keys:0
tracking_total_items:0
tracking_total_prefixes:0
unexpected_error_replies:0
total_error_replies:2
dump_payload_sanitizations:0
total_reads_processed:5
total_writes_processed:4
io_threaded_reads_processed:0
io_threaded_writes_processed:0
reply_buffer_shrinks:0
reply_buffer_expands:0

# Replication
role:master
connected_slaves:0
master_failover_state:no-failover
master_replid:f401fac15b0f40f4a937595a4843ee488302b4f8
master_replid2:0000000000000000000000000000000000000000
master_repl_offset:0
second_repl_offset:-1
repl_backlog_active:0
repl_backlog_size:1048576
repl_backlog_first_byte_offset:0
repl_backlog_histlen:0

# Errorstats
errorstat_ERR:count=2

# Keyspace
`

/** Redis 8.0.2 while it is empty: it subtracts more than there is. */
export const redis80Empty = redis70
  .replace('redis_version:7.0.15', 'redis_version:8.0.2')
  .replace('used_memory_dataset:115480', 'used_memory_dataset:18446744073709525232')
  .replace('used_memory_dataset_perc:99.83%', 'used_memory_dataset_perc:45687396783620096.00%')

/** Valkey 9.1 with a slow reader: the same reply is counted for the client, not for used memory. */
export const valkey91 = redis70
  .replace('redis_version:7.0.15', 'redis_version:7.2.4\nserver_name:valkey\nvalkey_version:9.1.2')
  .replace('redis_mode:standalone', 'server_mode:cluster')
  .replace('used_memory:991792', 'used_memory:12800000')
  .replace('mem_clients_normal:0', 'mem_clients_normal:31000000')
  .replace('# Keyspace', '# Keyspace\ndb0:keys=10,expires=4,avg_ttl=5000,keys_with_volatile_items=0')

/** Redis 6.2, when replies to INFO had no time of eviction yet. */
export const redis62 = redis70
  .replace('redis_version:7.0.15', 'redis_version:6.2.16')
  .replace(/^(total|current)_eviction_exceeded_time:.*\n/gm, '')

export const memoryStats70: readonly (string | number)[] = [
  'peak.allocated',
  991792,
  'total.allocated',
  989224,
  'startup.allocated',
  876112,
  'replication.backlog',
  0,
  'clients.slaves',
  0,
  'clients.normal',
  0,
  'cluster.links',
  0,
  'aof.buffer',
  0,
  'lua.caches',
  0,
  'functions.caches',
  200,
  'overhead.total',
  876312,
  'keys.count',
  0,
  'keys.bytes-per-key',
  0,
  'dataset.bytes',
  112912,
  'dataset.percentage',
  '99.82318115234375',
  'peak.percentage',
  '99.741073608398438',
  'allocator.allocated',
  1690848,
  'allocator.active',
  1826816,
  'allocator.resident',
  4497408,
  'allocator-fragmentation.ratio',
  '1.0804140567779541',
  'allocator-fragmentation.bytes',
  135968,
  'allocator-rss.ratio',
  '2.4618833065032959',
  'allocator-rss.bytes',
  2670592,
  'rss-overhead.ratio',
  '2.7085609436035156',
  'rss-overhead.bytes',
  7684096,
  'fragmentation',
  '13.901763916015625',
  'fragmentation.bytes',
  11305248,
]
