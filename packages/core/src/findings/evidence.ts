import type { MemoryView } from '../pressure/memory-evidence.ts'
import type { LearnedLine } from '../pressure/memory-line.ts'
import type { Mode } from '../pressure/mode.ts'
import type { Restart } from '../pressure/trend.ts'

/** What a Redis is for decides what is wrong with it. */
export type Purpose = 'cache' | 'session' | 'queue'

/** All that is known of one node when findings are looked for. Undefined is what was not looked at: it gives no finding. */
export interface Evidence extends MemoryView {
  readonly target: string
  readonly purpose: Purpose
  /** The container's limit in bytes, where somebody declared it. */
  readonly declaredLimit?: number | undefined
  readonly learned?: LearnedLine | undefined
  /** Of the last hour. */
  readonly restarts?: readonly Restart[] | undefined
  readonly client?: ClientEvidence | undefined
  readonly sample?: SampleEvidence | undefined
  readonly settings?: ServerSettings | undefined
  readonly commands?: readonly CommandLoad[] | undefined
  readonly budget?: ConnectionBudget | undefined
  readonly pod?: PodEvidence | undefined
  readonly log?: LogEvidence | undefined
}

/** What this process saw as a client, over the last ten minutes unless said otherwise. */
export interface ClientEvidence {
  readonly mode: Mode
  readonly refusedWrites: number
  /** The latest refusal, as `oom` or `misconf`, while writes are held back. */
  readonly refusal: string | undefined
  readonly busy: boolean
  readonly secondsSinceLook: number | undefined
  readonly earlyExpirations: Readonly<Record<'eviction' | 'restart' | 'flush' | 'unknown', number>>
  readonly loadsPerSecond: number
  /** Loads per second in the quiet before, for comparison. */
  readonly usualLoadsPerSecond: number | undefined
  readonly namespaces: readonly NamespaceEvidence[]
  /** Of this process: resident memory and its container's limit. */
  readonly process: { readonly rss: number; readonly limit: number | undefined } | undefined
  readonly localBounded: boolean
}

export interface NamespaceEvidence {
  readonly namespace: string
  readonly hitRatio: number | undefined
  readonly lookupsPerSecond: number
  readonly largestValue: number | undefined
  /** The share of its lookups that its hottest key takes: 0 to 1. */
  readonly hottestShare?: number | undefined
  /** How long its entries stay in Redis at most: `ttl` with the longer of the two stale reserves. */
  readonly ttlMilliseconds: number
  readonly negativeTtlMilliseconds: number
  /** Its estimated bytes in Redis, and its budget. */
  readonly bytes: number
  readonly budget: number | undefined
}

/** What a bounded SCAN found. Keys are named by their prefix; whole keys only where they were asked for. */
export interface SampleEvidence {
  readonly keys: number
  readonly withoutTtl: number
  readonly bytes: number
  readonly prefixes: readonly {
    readonly prefix: string
    readonly keys: number
    readonly bytes: number
    readonly withoutTtl: number
    readonly averageTtlMilliseconds: number | undefined
  }[]
  readonly largest: readonly { readonly key: string; readonly type: string; readonly bytes: number }[]
  readonly ttlMilliseconds: { readonly median: number | undefined; readonly most: number | undefined }
}

/** From CONFIG GET, where it is allowed. */
export interface ServerSettings {
  readonly save: string | undefined
  readonly appendOnly: boolean | undefined
  readonly maxmemoryClients: string | undefined
  readonly activeDefrag: boolean | undefined
  readonly trackingTableMaxKeys: number | undefined
  readonly denied: boolean
}

/** From INFO commandstats: which commands take the time. */
export interface CommandLoad {
  readonly command: string
  readonly calls: number
  readonly microseconds: number
}

export interface ConnectionBudget {
  readonly pods: number
  readonly connectionsPerPod: number
  /** How many times the pods there are during a rollout; 2 doubles them. */
  readonly surge: number
  /** Sidecars, exporters, people. */
  readonly others: number
  readonly needed: number
  readonly max: number | undefined
}

export interface PodEvidence {
  readonly memoryLimit: number | undefined
  readonly cpuLimit: string | undefined
  readonly restarts: number | undefined
  readonly lastState: { readonly reason: string | undefined; readonly exitCode: number | undefined } | undefined
}

export interface LogEvidence {
  readonly lines: number
  readonly forkFailures: number
  readonly oomRefusals: number
  readonly misconf: number
}
