/** `critical`: it harms now, or will within the hour; `warning`: it will on a bad night; `info`: good to know. */
export const severities = ['info', 'warning', 'critical'] as const
export type Severity = (typeof severities)[number]

/** What is to be done, in the tools that people use. Commands and values never hold a key, an address or a password. */
export interface Remedy {
  readonly say: string
  readonly redisCli: readonly string[]
  /** A piece of a values.yaml (Bitnami's chart of Redis), ready to be merged. */
  readonly helm?: string
}

/** Something wrong, or likely to go wrong, with the numbers that show it. */
export interface Finding {
  readonly id: FindingId
  readonly severity: Severity
  /** The cache's Redis (`main`), or the namespace whose own Redis it is. */
  readonly target: string
  /** One line: what is the case. */
  readonly title: string
  readonly evidence: readonly string[]
  readonly why: string
  readonly remedy: Remedy
}

/** What looks like a cause and is none. */
export interface RedHerring {
  readonly id: RedHerringId
  readonly looksLike: string
  readonly whyNot: string
}

export const findingIds = [
  'no-memory-limit',
  'policy-noeviction-on-cache',
  'policy-volatile-no-ttl',
  'policy-eviction-on-sessions',
  'policy-eviction-on-queue',
  'memory-high',
  'oom-rejecting-writes',
  'oom-refill-loop',
  'container-oom-kill-suspected',
  'container-limit-too-close',
  'learned-memory-line',
  'mass-eviction',
  'eviction-rate-high',
  'eviction-pressure-time',
  'keys-without-ttl',
  'ttl-too-long',
  'early-expiration',
  'big-values',
  'hot-key',
  'fragmentation-high',
  'swapping',
  'mixed-workloads',
  'connections-high',
  'connections-rejected',
  'connection-budget',
  'connection-churn',
  'hit-rate-low',
  'stampede',
  'no-negative-ttl',
  'local-cache-unbounded',
  'app-memory-tight',
  'persistence-blocking-writes',
  'loading',
  'ephemeral-session-store',
  'expired-stale',
  'client-buffers',
  'clients-evicted',
  'output-buffer-disconnects',
  'replica-buffers',
  'replication-broken',
  'readonly-endpoint',
  'busy-script',
  'fork-cost',
  'copy-on-write',
  'lazyfree-backlog',
  'overhead-dominant',
  'many-scripts',
  'event-loop-slow',
  'tracking-table',
  'command-dominant',
  'namespace-over-budget',
  'info-denied',
  'config-denied',
  'telemetry-implausible',
  'engine-unsupported',
  'health-stale',
] as const
export type FindingId = (typeof findingIds)[number]

export const redHerringIds = [
  'rh-client-count',
  'rh-no-persistence',
  'rh-fork-log',
  'rh-missing-backup',
  'rh-cpu-limit',
  'rh-full-cache',
  'rh-frag-small',
  'rh-peak',
  'rh-errorstat-err',
  'rh-keyspace-hits',
] as const
export type RedHerringId = (typeof redHerringIds)[number]
