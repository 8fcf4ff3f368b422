import { describe, expect, test } from 'vitest'
import type { LearnedLine } from '../pressure/memory-line.ts'
import type { Restart } from '../pressure/trend.ts'
import type { DatabaseVitals } from '../pressure/vitals.ts'
import { diagnose } from './diagnose.ts'
import type { NamespaceEvidence, SampleEvidence } from './evidence.ts'
import { type EvidenceChanges, exampleEvidence, healthyNamespace } from './example-evidence.ts'
import { type FindingId, findingIds, type Severity } from './finding.ts'

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

/** All laid over the healthy evidence. A near miss is the evidence at its threshold, or without what makes it harmful. */
interface Rows {
  readonly gives: readonly (readonly [severity: Severity, when: string, ...changes: EvidenceChanges[]])[]
  readonly nearMisses: readonly (readonly [when: string, ...changes: EvidenceChanges[]])[]
}

const memory = (changes: NonNullable<NonNullable<EvidenceChanges['vitals']>['memory']>): EvidenceChanges => ({
  vitals: { memory: changes },
})
const totals = (changes: NonNullable<NonNullable<EvidenceChanges['vitals']>['totals']>): EvidenceChanges => ({
  vitals: { totals: changes },
})
const keyspace = (
  ...databases: readonly (readonly [keys: number, expiring: number, ttl?: number])[]
): EvidenceChanges => ({
  vitals: {
    keyspace: databases.map(
      ([keys, expiring, averageTtlMilliseconds = 300_000], database): DatabaseVitals => ({
        database,
        keys,
        expiring,
        averageTtlMilliseconds,
      }),
    ),
  },
})
const namespace = (changes: Partial<NamespaceEvidence>): EvidenceChanges => ({
  client: { namespaces: [{ ...healthyNamespace, ...changes }] },
})
const prefixes = (
  ...all: readonly (readonly [prefix: string, keys: number, withoutTtl: number])[]
): EvidenceChanges => ({
  sample: {
    prefixes: all.map(([prefix, keys, withoutTtl]): SampleEvidence['prefixes'][number] => ({
      ...{ prefix, keys, withoutTtl, bytes: keys * 100, averageTtlMilliseconds: undefined },
    })),
  },
})
const deaths = (count: number, cause: Restart['cause'], dataLost = true): EvidenceChanges => ({
  restarts: Array.from({ length: count }, (_, at): Restart => ({ at, cause, dataLost, used: 56 * MiB, rss: 61 * MiB })),
})
const learned = (count: number, confidence: LearnedLine['confidence']): EvidenceChanges => ({
  learned: { bytes: 61 * MiB, deaths: count, confidence },
})
const noContainer: EvidenceChanges = { declaredLimit: undefined, pod: undefined }
const singleLook: EvidenceChanges = { trend: undefined, client: undefined }
const unlimited: EvidenceChanges = { ...memory({ max: 0 }), line: undefined, fill: undefined, canEvict: false }
const session: EvidenceChanges = { purpose: 'session' }
const queue: EvidenceChanges = { purpose: 'queue' }
const full = (fill: number): EvidenceChanges => ({ fill, canEvict: false })

const table: Record<FindingId, Rows> = {
  'no-memory-limit': {
    gives: [
      ['warning', 'at a single look nothing else is known', unlimited, noContainer, singleLook],
      ['warning', 'a failover lost nothing', unlimited, noContainer, deaths(1, 'failover', false)],
      ['critical', 'a restart lost the data', unlimited, noContainer, deaths(1, 'restart')],
      ['critical', 'a container limit is declared', unlimited, noContainer, { declaredLimit: 64 * MiB }],
      ['critical', 'its pod has a limit', unlimited, noContainer, { pod: { memoryLimit: 64 * MiB } }],
      ['critical', 'its pod was OOMKilled', unlimited, noContainer, { pod: { lastState: { reason: 'OOMKilled' } } }],
      ['critical', 'its pod ended with 137', unlimited, noContainer, { pod: { lastState: { exitCode: 137 } } }],
    ],
    nearMisses: [
      ['there is a limit', memory({ max: 1 })],
      ['nobody knows', memory({ max: undefined })],
    ],
  },
  'policy-noeviction-on-cache': {
    gives: [
      ['warning', 'on a cache', memory({ policy: 'noeviction' }), { fill: 0.8 }],
      ['critical', 'on a cache that fills', memory({ policy: 'noeviction' }), { fill: 0.81 }],
    ],
    nearMisses: [
      ['sessions may want it', memory({ policy: 'noeviction' }), session, { fill: 0.99 }],
      ['queues want it', memory({ policy: 'noeviction' }), queue],
      ['a cache that evicts', memory({ policy: 'allkeys-lrm' })],
    ],
  },
  'policy-volatile-no-ttl': {
    gives: [
      ['warning', 'no key has a TTL', memory({ policy: 'volatile-lru' }), keyspace([1_000, 0]), { fill: 0.8 }],
      ['critical', 'and it fills', memory({ policy: 'volatile-lru' }), keyspace([1_000, 0]), { fill: 0.81 }],
      ['warning', 'hardly a key has one', memory({ policy: 'volatile-ttl' }), keyspace([1_000, 49]), { fill: 0.99 }],
      ['critical', 'sessions', memory({ policy: 'volatile-ttl' }), keyspace([1_000, 0]), session, { fill: 0.9 }],
    ],
    nearMisses: [
      ['one in twenty', memory({ policy: 'volatile-lru' }), keyspace([1_000, 50])],
      ['nothing is stored', memory({ policy: 'volatile-lru' }), keyspace()],
      ['allkeys', keyspace([1_000, 0])],
    ],
  },
  'policy-eviction-on-sessions': {
    gives: [
      ['warning', 'allkeys', session],
      ['critical', 'it fills', session, { fill: 0.81 }],
      ['critical', 'it evicts', session, { trend: { evictedKeys: 1 } }],
    ],
    nearMisses: [
      ['the shortest lives go first', session, memory({ policy: 'volatile-ttl' })],
      ['nothing goes', session, memory({ policy: 'noeviction' })],
      ['without a limit nothing is evicted', session, unlimited],
      ['a cache'],
    ],
  },
  'policy-eviction-on-queue': {
    gives: [
      ['warning', 'allkeys', queue],
      ['warning', 'volatile', queue, memory({ policy: 'volatile-lru' }), { fill: 0.8 }],
      ['critical', 'it fills', queue, { fill: 0.81 }],
      ['critical', 'it evicts', queue, { trend: { evictedKeys: 1 } }],
    ],
    nearMisses: [
      ['a queue as it should be', queue, memory({ policy: 'noeviction' })],
      ['without a limit nothing is evicted', queue, unlimited],
      ['a cache'],
    ],
  },
  'memory-high': {
    gives: [
      ['warning', 'fill', full(0.81)],
      ['critical', 'fill', full(0.91)],
      ['warning', 'soon full', full(0.6), { forecast: { secondsToFull: 3_599 } }],
      ['critical', 'very soon full', full(0.6), { forecast: { secondsToFull: 599 } }],
      ['warning', 'not quite so soon', full(0.6), { forecast: { secondsToFull: 600 } }],
      ['critical', 'the worse counts', full(0.95), { forecast: { secondsToFull: 3_599 } }],
      ['critical', 'the worse counts, other way round', full(0.85), { forecast: { secondsToFull: 10 } }],
      [
        'warning',
        'evicting does not help at a line that kills',
        { fill: 0.81, line: { kills: true, source: 'declared' } },
      ],
    ],
    nearMisses: [
      ['fill', full(0.8)],
      ['full in an hour', full(0.6), { forecast: { secondsToFull: 3_600 } }],
      ['a plateau that can evict', { fill: 0.999 }],
      ['never full', full(0.6), { forecast: { secondsToFull: Number.POSITIVE_INFINITY } }],
    ],
  },
  'oom-rejecting-writes': {
    gives: [
      ['critical', 'this process is refused', { client: { refusal: 'oom', refusedWrites: 3 } }],
      ['critical', 'anybody is refused', { trend: { oomErrors: 1 } }],
      ['critical', 'two looks over maxmemory', full(1), { trend: { evictionExceededLooks: 2 } }],
      ['critical', 'over maxmemory and nothing to evict', full(1), totals({ evictionExceededNowMilliseconds: 1 })],
      ['warning', 'it was, and can be again', singleLook, full(0.5), { vitals: { errors: { OOM: 5 } } }],
      ['warning', 'the log says so', singleLook, full(0.5), { log: { oomRefusals: 1 } }],
      ['info', 'it was, and can evict now', singleLook, { vitals: { errors: { OOM: 5 } } }],
    ],
    nearMisses: [
      ['one look over maxmemory', { trend: { evictionExceededLooks: 1 } }],
      ['many looks over maxmemory while keys are evicted', { trend: { evictionExceededLooks: 9 } }],
      ['an eviction under way', totals({ evictionExceededNowMilliseconds: 9 })],
      ['long before the window', { vitals: { errors: { OOM: 5 } } }],
      ['refused for another reason', { client: { refusal: 'misconf', refusedWrites: 3 } }],
    ],
  },
  'oom-refill-loop': {
    gives: [
      ['critical', 'refused and loading', { client: { refusal: 'oom', loadsPerSecond: 16.1 } }],
      ['critical', 'others are refused', { trend: { oomErrors: 2 }, client: { loadsPerSecond: 17 } }],
    ],
    nearMisses: [
      ['twice the usual', { client: { refusal: 'oom', loadsPerSecond: 16 } }],
      ['nobody is refused', { client: { loadsPerSecond: 17 } }],
      ['the usual is unknown', { client: { refusal: 'oom', loadsPerSecond: 17, usualLoadsPerSecond: undefined } }],
    ],
  },
  'container-oom-kill-suspected': {
    gives: [
      ['warning', 'one death', deaths(1, 'oom-kill')],
      ['warning', 'two deaths', deaths(2, 'oom-kill')],
      ['critical', 'three deaths', deaths(3, 'oom-kill')],
      ['warning', 'the pod says so', { pod: { restarts: 2, lastState: { reason: 'OOMKilled' } } }],
      ['warning', 'exit code 137', { pod: { restarts: 2, lastState: { reason: 'Error', exitCode: 137 } } }],
      ['critical', 'the pod says so often', { pod: { restarts: 3, lastState: { reason: 'OOMKilled' } } }],
    ],
    nearMisses: [
      ['a rollout', deaths(3, 'restart')],
      ['a failover', deaths(1, 'failover')],
      ['a clean end', { pod: { restarts: 5, lastState: { reason: 'Completed', exitCode: 0 } } }],
      ['SIGTERM', { pod: { restarts: 5, lastState: { reason: 'Error', exitCode: 143 } } }],
    ],
  },
  'container-limit-too-close': {
    gives: [
      ['warning', 'maxmemory', memory({ max: 218 * MiB })],
      ['critical', 'maxmemory', memory({ max: 244 * MiB })],
      ['warning', 'not quite critical', memory({ max: 243 * MiB })],
      ['warning', 'resident', memory({ rss: 218 * MiB })],
      ['critical', 'resident', memory({ rss: 244 * MiB })],
      ['warning', 'the limit of the pod', memory({ max: 218 * MiB }), { declaredLimit: undefined }],
      [
        'warning',
        '56 MiB of 64 MiB',
        unlimited,
        memory({ used: 58_720_256, rss: undefined }),
        { declaredLimit: 64 * MiB },
      ],
      ['warning', 'of the machine', memory({ max: 14.5 * GiB }), noContainer],
    ],
    nearMisses: [
      ['maxmemory', memory({ max: 217 * MiB })],
      ['resident', memory({ rss: 217 * MiB })],
      ['of the machine', memory({ max: 14 * GiB }), noContainer],
      ['no limit is known', memory({ rss: 244 * MiB, totalSystem: undefined }), noContainer],
    ],
  },
  'learned-memory-line': {
    gives: [
      ['info', 'not sure yet', noContainer, learned(2, 'low')],
      ['warning', 'sure enough', noContainer, learned(3, 'medium')],
      ['info', 'as declared', { declaredLimit: 64 * MiB }, learned(3, 'high')],
      ['warning', 'other than declared', { declaredLimit: 128 * MiB }, learned(2, 'low')],
    ],
    nearMisses: [['nothing was learned', noContainer]],
  },
  'mass-eviction': {
    gives: [
      ['warning', 'share', { trend: { evictedShare: 0.051, evictedKeys: 500 } }],
      ['critical', 'share', { trend: { evictedShare: 0.201, evictedKeys: 3_600 } }],
      ['warning', 'not quite critical', { trend: { evictedShare: 0.2, evictedKeys: 3_500 } }],
    ],
    nearMisses: [['share', { trend: { evictedShare: 0.05, evictedKeys: 100_000 } }]],
  },
  'eviction-rate-high': {
    gives: [['warning', 'rate', { trend: { evictedPerSecond: 10.1, seconds: 300 } }]],
    nearMisses: [
      ['rate', { trend: { evictedPerSecond: 10 } }],
      ['not for long yet', { trend: { evictedPerSecond: 100, seconds: 299 } }],
    ],
  },
  'eviction-pressure-time': {
    gives: [['warning', 'share', { trend: { evictionExceededShare: 0.051 } }]],
    nearMisses: [
      ['share', { trend: { evictionExceededShare: 0.05 } }],
      ['nothing to evict', { trend: { evictionExceededShare: 1 }, canEvict: false }],
    ],
  },
  'keys-without-ttl': {
    gives: [
      ['warning', 'sessions', session, keyspace([1_000, 949])],
      ['warning', 'a cache that cannot evict', memory({ policy: 'noeviction' }), keyspace([1_000, 949])],
      ['info', 'a cache that evicts', keyspace([1_000, 0])],
      ['warning', 'by the sample', session, { vitals: { keyspace: undefined }, sample: { withoutTtl: 51 } }],
    ],
    nearMisses: [
      ['share', session, keyspace([1_000, 950])],
      ['few keys', session, keyspace([99, 0])],
      ['a queue', queue, keyspace([1_000, 0])],
    ],
  },
  'ttl-too-long': {
    gives: [
      ['warning', 'than configured', keyspace([1_000, 1_000, 900_001])],
      [
        'warning',
        'by the sample',
        { vitals: { keyspace: undefined }, sample: { ttlMilliseconds: { median: 900_001 } } },
      ],
      ['info', 'for anything', singleLook, keyspace([1_000, 1_000, 30.1 * 86_400_000])],
    ],
    nearMisses: [
      ['than configured', keyspace([1_000, 1_000, 900_000])],
      ['nothing is configured', singleLook, keyspace([1_000, 1_000, 30 * 86_400_000])],
      ['weighed by keys', keyspace([1_000, 1_000, 300_000], [10, 10, 9_000_000])],
    ],
  },
  'early-expiration': {
    gives: [
      ['critical', 'sessions evicted', session, { client: { earlyExpirations: { eviction: 1 } } }],
      ['critical', 'sessions lost', session, { client: { earlyExpirations: { restart: 1 } } }],
      ['warning', 'sessions deleted', session, { client: { earlyExpirations: { flush: 1 } } }],
      ['warning', 'gone', { client: { earlyExpirations: { eviction: 2, unknown: 1 } } }],
      ['info', 'a cache that evicts', { client: { earlyExpirations: { eviction: 1 } } }],
    ],
    nearMisses: [['none', session]],
  },
  'big-values': {
    gives: [
      ['warning', 'of this process', namespace({ largestValue: 100_001 })],
      ['warning', 'in the sample', { sample: { largest: [{ key: '#c0ffee', type: 'hash', bytes: 100_001 }] } }],
    ],
    nearMisses: [
      ['of this process', namespace({ largestValue: 100_000 })],
      ['in the sample', { sample: { largest: [{ key: '#c0ffee', type: 'hash', bytes: 100_000 }] } }],
      ['unknown', namespace({ largestValue: undefined }), { sample: undefined }],
    ],
  },
  'hot-key': {
    gives: [['warning', 'share', namespace({ hottestShare: 0.101, lookupsPerSecond: 1_000 })]],
    nearMisses: [
      ['share', namespace({ hottestShare: 0.1, lookupsPerSecond: 10_000 })],
      ['little traffic', namespace({ hottestShare: 0.5, lookupsPerSecond: 200 })],
    ],
  },
  'fragmentation-high': {
    gives: [
      ['warning', 'ratio', memory({ fragmentationRatio: 1.51, fragmentationBytes: 51 * MiB })],
      [
        'warning',
        'of the allocator',
        memory({ allocatorFragmentationRatio: 1.51, allocatorFragmentationBytes: 51 * MiB }),
      ],
    ],
    nearMisses: [
      ['ratio', memory({ fragmentationRatio: 1.5, fragmentationBytes: 51 * MiB })],
      ['bytes', memory({ fragmentationRatio: 9, fragmentationBytes: 10 * MiB })],
      [
        'the program itself',
        memory({ used: 16 * MiB, fragmentationRatio: 1.7, fragmentationBytes: 12 * MiB, rssOverheadBytes: 8 * MiB }),
      ],
      ['nearly empty', memory({ used: 5 * MiB, fragmentationRatio: 9, fragmentationBytes: 40 * MiB })],
      [
        'after a peak',
        memory({ used: 50 * MiB, peak: 110 * MiB, fragmentationRatio: 2.2, fragmentationBytes: 62 * MiB }),
      ],
    ],
  },
  swapping: {
    gives: [
      ['warning', 'ratio', memory({ used: 101 * MiB, fragmentationRatio: 0.99 })],
      ['critical', 'ratio', memory({ used: 101 * MiB, fragmentationRatio: 0.89 })],
      ['warning', 'not quite critical', memory({ used: 101 * MiB, fragmentationRatio: 0.9 })],
    ],
    nearMisses: [
      ['ratio', memory({ used: 101 * MiB, fragmentationRatio: 1 })],
      ['small', memory({ used: 100 * MiB, fragmentationRatio: 0.5 })],
    ],
  },
  'mixed-workloads': {
    gives: [
      ['warning', 'databases', keyspace([1_000, 1_000], [1, 1])],
      ['warning', 'some with a TTL, some without', keyspace([1_000, 500])],
      ['warning', 'prefixes', prefixes(['sess:*', 900, 0], ['job:*', 100, 100])],
    ],
    nearMisses: [
      ['an empty database', keyspace([1_000, 1_000], [0, 0])],
      ['nearly all with a TTL', keyspace([1_000, 951])],
      ['nearly none', keyspace([1_000, 49])],
      ['a handful of others', prefixes(['sess:*', 900, 0], ['job:*', 99, 99])],
    ],
  },
  'connections-high': {
    gives: [
      ['warning', 'clients', { vitals: { clients: { connected: 8_001 } } }],
      [
        'warning',
        'cluster and replicas count',
        { vitals: { clients: { connected: 7_990, clusterConnections: 10 }, replication: { connectedReplicas: 1 } } },
      ],
    ],
    nearMisses: [
      ['clients', { vitals: { clients: { connected: 8_000 } } }],
      ['unknown maximum', { vitals: { clients: { connected: 9_000, max: undefined } } }],
    ],
  },
  'connections-rejected': {
    gives: [
      ['critical', 'now', { trend: { rejectedConnections: 1 } }],
      ['warning', 'at some time', singleLook, totals({ rejectedConnections: 1 })],
    ],
    nearMisses: [['long before the window', totals({ rejectedConnections: 100 })]],
  },
  'connection-budget': {
    gives: [
      ['warning', 'a rollout', { budget: { pods: 100, connectionsPerPod: 50, needed: 10_010 } }],
      ['warning', 'maxclients of the server', { budget: { needed: 8_001, max: undefined } }],
    ],
    nearMisses: [['a rollout', { budget: { needed: 8_000 } }]],
  },
  'connection-churn': {
    gives: [['warning', 'rate', { trend: { connectionsReceivedPerSecond: 41, seconds: 60 } }]],
    nearMisses: [
      ['rate', { trend: { connectionsReceivedPerSecond: 40 } }],
      ['not for long yet', { trend: { connectionsReceivedPerSecond: 400, seconds: 59 } }],
    ],
  },
  'hit-rate-low': {
    gives: [
      ['warning', 'of a namespace', namespace({ hitRatio: 0.89, lookupsPerSecond: 1.1 })],
      ['warning', 'of the server', { client: undefined, trend: { keyspaceHits: 890, keyspaceMisses: 110 } }],
    ],
    nearMisses: [
      ['of a namespace', namespace({ hitRatio: 0.9 })],
      ['one miss in an idle cache', namespace({ hitRatio: 0, lookupsPerSecond: 1 })],
      ['of the server', { client: undefined, trend: { keyspaceHits: 900, keyspaceMisses: 100 } }],
      ['an idle server', { client: undefined, trend: { keyspaceHits: 0, keyspaceMisses: 600 } }],
      ['clients know better', { trend: { keyspaceHits: 0, keyspaceMisses: 100_000 } }],
      ['a queue', queue, { client: undefined, trend: { keyspaceHits: 0, keyspaceMisses: 100_000 } }],
    ],
  },
  stampede: {
    gives: [['warning', 'loads', { client: { loadsPerSecond: 41 } }]],
    nearMisses: [
      ['loads', { client: { loadsPerSecond: 40 } }],
      ['few', { client: { loadsPerSecond: 10, usualLoadsPerSecond: 0.1 } }],
      ['refused fills have their own finding', { client: { loadsPerSecond: 41, refusal: 'oom' } }],
    ],
  },
  'no-negative-ttl': {
    gives: [['info', 'never', namespace({ negativeTtlMilliseconds: 0 })]],
    nearMisses: [['short', namespace({ negativeTtlMilliseconds: 1 })]],
  },
  'local-cache-unbounded': {
    gives: [['warning', 'no bound', { client: { localBounded: false } }]],
    nearMisses: [['a bound', { client: { localBounded: true } }]],
  },
  'app-memory-tight': {
    gives: [
      ['warning', 'share', { client: { process: { rss: 385 * MiB } } }],
      ['critical', 'share', { client: { process: { rss: 461 * MiB } } }],
      ['warning', 'not quite critical', { client: { process: { rss: 460 * MiB } } }],
    ],
    nearMisses: [
      ['share', { client: { process: { rss: 384 * MiB } } }],
      ['no limit is known', { client: { process: { rss: 8 * GiB, limit: undefined } } }],
    ],
  },
  'persistence-blocking-writes': {
    gives: [
      ['critical', 'this process is refused', { client: { refusal: 'misconf' } }],
      ['critical', 'anybody is refused', { trend: { misconfErrors: 1 } }],
      [
        'critical',
        'at a single look',
        singleLook,
        { vitals: { errors: { MISCONF: 1 }, persistence: { lastSaveFailed: true } } },
      ],
      [
        'critical',
        'with nobody writing between two looks',
        { vitals: { errors: { MISCONF: 1 }, persistence: { lastSaveFailed: true } }, settings: { save: '3600 1' } },
      ],
      ['warning', 'the log says so', singleLook, { log: { misconf: 1 } }],
      ['warning', 'it may', { vitals: { persistence: { lastSaveFailed: true } }, settings: { save: '3600 1' } }],
      ['warning', 'the AOF', { vitals: { persistence: { lastAppendFailed: true } } }],
    ],
    nearMisses: [
      ['save "" blocks nothing', { vitals: { persistence: { lastSaveFailed: true } } }],
      ['over long ago', singleLook, { vitals: { errors: { MISCONF: 1 } } }],
    ],
  },
  loading: {
    gives: [['warning', 'now', { vitals: { loading: true } }]],
    nearMisses: [['done', { vitals: { loading: false, uptimeSeconds: 1 } }]],
  },
  'ephemeral-session-store': {
    gives: [
      ['info', 'sessions', session],
      ['warning', 'sessions were lost', session, deaths(1, 'restart')],
      ['warning', 'jobs', queue],
    ],
    nearMisses: [
      ['a cache', {}],
      ['AOF', session, { settings: { appendOnly: true } }],
      ['snapshots', session, { settings: { save: '3600 1' } }],
      ['a replica', session, { vitals: { replication: { connectedReplicas: 1 } } }],
      ['nobody knows', session, { settings: undefined }],
    ],
  },
  'expired-stale': {
    gives: [['warning', 'percent', totals({ expiredStalePercent: 25.1, expiredTimeCapReached: 1 })]],
    nearMisses: [
      ['percent', totals({ expiredStalePercent: 25, expiredTimeCapReached: 1 })],
      ['Redis keeps up', totals({ expiredStalePercent: 30, expiredTimeCapReached: 0 })],
    ],
  },
  'client-buffers': {
    gives: [
      ['warning', 'share', memory({ clientsNormal: 20.1 * MiB })],
      ['critical', 'share', memory({ clientsNormal: 51 * MiB })],
      ['warning', 'not quite critical', memory({ clientsNormal: 50 * MiB })],
      ['warning', 'each, without a maxmemory', unlimited, memory({ clientsNormal: 40 * 201 * KiB })],
    ],
    nearMisses: [
      ['share', memory({ clientsNormal: 20 * MiB })],
      ['each', unlimited, memory({ clientsNormal: 40 * 200 * KiB })],
    ],
  },
  'clients-evicted': {
    gives: [
      ['warning', 'now', { trend: { evictedClients: 1 } }],
      ['info', 'at some time', singleLook, totals({ evictedClients: 1 })],
    ],
    nearMisses: [['long before the window', totals({ evictedClients: 1 })]],
  },
  'output-buffer-disconnects': {
    gives: [
      ['warning', 'now', { trend: { outputBufferDisconnections: 1 } }],
      ['info', 'at some time', singleLook, totals({ outputBufferDisconnections: 1 })],
    ],
    nearMisses: [['long before the window', totals({ outputBufferDisconnections: 1 })]],
  },
  'replica-buffers': {
    gives: [
      [
        'warning',
        'bytes',
        memory({ clientsReplicas: 10 * MiB + 1 }),
        { vitals: { replication: { connectedReplicas: 1 } } },
      ],
    ],
    nearMisses: [
      ['bytes', memory({ clientsReplicas: 10 * MiB }), { vitals: { replication: { connectedReplicas: 1 } } }],
      ['no replica', memory({ clientsReplicas: 11 * MiB })],
    ],
  },
  'replication-broken': {
    gives: [['warning', 'link', { vitals: { role: 'replica', replication: { primaryLinkUp: false } } }]],
    nearMisses: [
      ['link', { vitals: { role: 'replica', replication: { primaryLinkUp: true } } }],
      ['a primary has none', { vitals: { replication: { primaryLinkUp: false } } }],
    ],
  },
  'readonly-endpoint': {
    gives: [
      ['warning', 'a replica', { vitals: { role: 'replica' } }],
      [
        'critical',
        'a replica that refused writes',
        singleLook,
        { vitals: { role: 'replica', errors: { READONLY: 1 } } },
      ],
      ['critical', 'this process is refused', { client: { refusal: 'readonly' } }],
    ],
    nearMisses: [['was a replica once', singleLook, { vitals: { errors: { READONLY: 1 } } }]],
  },
  'busy-script': {
    gives: [['critical', 'now', { client: { busy: true } }]],
    nearMisses: [['over', { client: { busy: false } }]],
  },
  'fork-cost': {
    gives: [['warning', 'time', totals({ latestForkMicroseconds: 500_001 })]],
    nearMisses: [['time', totals({ latestForkMicroseconds: 500_000 })]],
  },
  'copy-on-write': {
    gives: [
      [
        'warning',
        'of the container',
        memory({ rss: 131 * MiB }),
        { vitals: { persistence: { lastCopyOnWrite: 100 * MiB } } },
      ],
      [
        'critical',
        'of the container',
        memory({ rss: 157 * MiB }),
        { vitals: { persistence: { currentCopyOnWritePeak: 100 * MiB } } },
      ],
      [
        'warning',
        'of the machine',
        noContainer,
        memory({ rss: 10 * GiB }),
        { vitals: { persistence: { lastCopyOnWrite: 5 * GiB } } },
      ],
    ],
    nearMisses: [
      ['of the container', memory({ rss: 130 * MiB }), { vitals: { persistence: { lastCopyOnWrite: 100 * MiB } } }],
      ['no fork', memory({ rss: 250 * MiB })],
    ],
  },
  'lazyfree-backlog': {
    gives: [['warning', 'objects', memory({ lazyfreePendingObjects: 100_001 })]],
    nearMisses: [['objects', memory({ lazyfreePendingObjects: 100_000 })]],
  },
  'overhead-dominant': {
    gives: [['info', 'share', memory({ used: 120 * MiB, overhead: 61 * MiB })]],
    nearMisses: [
      ['share', memory({ used: 120 * MiB, overhead: 60 * MiB })],
      ['small', memory({ used: 100 * MiB, overhead: 90 * MiB })],
    ],
  },
  'many-scripts': {
    gives: [['warning', 'count', memory({ cachedScripts: 1_001 })]],
    nearMisses: [['count', memory({ cachedScripts: 1_000 })]],
  },
  'event-loop-slow': {
    gives: [['warning', 'time', totals({ eventLoopMicroseconds: 10_001 })]],
    nearMisses: [['time', totals({ eventLoopMicroseconds: 10_000 })]],
  },
  'tracking-table': {
    gives: [
      ['warning', 'as configured', totals({ trackedKeys: 91 }), { settings: { trackingTableMaxKeys: 100 } }],
      ['warning', 'by default', totals({ trackedKeys: 900_001 }), { settings: undefined }],
    ],
    nearMisses: [
      ['as configured', totals({ trackedKeys: 90 }), { settings: { trackingTableMaxKeys: 100 } }],
      ['no bound', totals({ trackedKeys: 2_000_000 }), { settings: { trackingTableMaxKeys: 0 } }],
    ],
  },
  'command-dominant': {
    gives: [
      ['info', 'one command', { commands: [load('sort', 601_000), load('get', 399_000)] }],
      ['info', 'a family', { commands: [load('eval', 301_000), load('evalsha', 301_000), load('get', 398_000)] }],
      [
        'info',
        'sub-commands',
        { commands: [load('client|list', 301_000), load('client|info', 301_000), load('get', 398_000)] },
      ],
    ],
    nearMisses: [
      ['share', { commands: [load('sort', 600_000), load('get', 400_000)] }],
      ['an idle Redis', { commands: [load('info', 99_999)] }],
    ],
  },
  'namespace-over-budget': {
    gives: [['warning', 'bytes', namespace({ bytes: 100 * MiB + 1 })]],
    nearMisses: [
      ['bytes', namespace({ bytes: 100 * MiB })],
      ['no budget', namespace({ bytes: GiB, budget: undefined })],
    ],
  },
  'info-denied': {
    gives: [
      ['info', 'memory statistics are left', { vitals: { origin: 'memory-stats' } }],
      ['warning', 'nothing is left', { vitals: { origin: 'none' } }],
    ],
    nearMisses: [['allowed', { vitals: { origin: 'info' } }]],
  },
  'config-denied': {
    gives: [['info', 'denied', { settings: { denied: true } }]],
    nearMisses: [['not asked', { settings: undefined }]],
  },
  'telemetry-implausible': {
    gives: [['info', 'a field', { vitals: { implausible: ['used_memory_dataset'] } }]],
    nearMisses: [['none', { vitals: { implausible: [] } }]],
  },
  'engine-unsupported': {
    gives: [
      ['warning', 'Redis 6.0', { vitals: { version: '6.0.16' } }],
      ['warning', 'Redis 3', { vitals: { version: '3.2.0' } }],
    ],
    nearMisses: [
      ['Redis 6.2', { vitals: { version: '6.2.0' } }],
      ['Redis 10', { vitals: { version: '10.0.0' } }],
      ['Valkey', { vitals: { engine: 'valkey', version: '6.0.0' } }],
      ['a fork of its own', { vitals: { version: 'nightly' } }],
    ],
  },
  'health-stale': {
    gives: [['warning', 'time', { client: { secondsSinceLook: 61 } }]],
    nearMisses: [
      ['time', { client: { secondsSinceLook: 60 } }],
      ['not begun', { client: { secondsSinceLook: undefined } }],
    ],
  },
}

function load(command: string, microseconds: number) {
  return { command, calls: 1_000, microseconds }
}

describe('a finding', () => {
  test.each(findingIds)('%s has rows both ways', (id) => {
    expect(table[id].gives).not.toHaveLength(0)
    expect(table[id].nearMisses).not.toHaveLength(0)
  })

  const given = findingIds.flatMap((id) =>
    table[id].gives.map(([severity, when, ...changes]) => ({ id, severity, when, changes })),
  )
  test.each(given)('$id is $severity: $when', ({ id, severity, changes }) => {
    const findings = diagnose(exampleEvidence(...changes))
    const finding = findings.filter((one) => one.id === id)
    expect(finding.map((one) => one.severity)).toEqual([severity])
    expect(finding[0]?.target).toBe('main')
    for (const { title, evidence, why, remedy } of findings) {
      expect(title).not.toMatch(/\n|^$/)
      expect(evidence.length).toBeGreaterThan(0)
      for (const text of [title, ...evidence, why, remedy.say, ...remedy.redisCli, remedy.helm ?? 'none']) {
        expect(text).toMatch(/\S/)
        expect(text).not.toMatch(/undefined|NaN|Infinity|\[object|unknown(?! reason)/)
      }
    }
  })

  const missed = findingIds.flatMap((id) => table[id].nearMisses.map(([when, ...changes]) => ({ id, when, changes })))
  test.each(missed)('$id is not: $when', ({ id, changes }) => {
    expect(diagnose(exampleEvidence(...changes)).map((finding) => finding.id)).not.toContain(id)
  })
})
