import type { Purpose } from '../findings/evidence.ts'
import { bytesPerKey } from './plan-bytes.ts'

export interface PlanInput {
  readonly purpose: Purpose
  readonly keys: number
  /** A value's bytes, to which the overhead is added; or the bytes of a key as they were measured. */
  readonly size:
    | { readonly kind: 'value'; readonly bytes: number }
    | { readonly kind: 'key'; readonly bytes: number; readonly source: 'given' | 'measured' }
  /** How many times the data fits: room for peaks and growth. */
  readonly headroom: number
  /** A share per month: 0.05 for 5 %. */
  readonly growth: number
}

/** Amounts are bytes, unless their names say otherwise. */
export interface Plan {
  readonly purpose: Purpose
  readonly keys: number
  readonly bytesPerKey: number
  /** Bytes per key by bytes of its value; null where only the whole is known. */
  readonly overhead: number | null
  /** Keys × value × 1.2, as the rule of thumb has it; null where the value's size is not known. */
  readonly ruleOfThumb: number | null
  readonly data: number
  readonly headroom: number
  readonly maxmemory: number
  /** As redis.conf takes it. */
  readonly maxmemoryText: string
  readonly policy: 'allkeys-lru' | 'noeviction'
  readonly persistence: 'none' | 'aof'
  readonly containerLimit: number
  /** As Kubernetes takes it. */
  readonly containerLimitText: string
  readonly growth: Growth | null
}

export interface Growth {
  readonly perMonth: number
  /** From today, month 0, on to the month in which maxmemory is reached, or five years. */
  readonly months: readonly {
    readonly month: number
    readonly keys: number
    readonly data: number
    readonly fill: number
  }[]
  /** The first month over 80 %, at which the memory should have been raised. */
  readonly raiseBy: number | null
  readonly fullBy: number | null
}

const Mi = 1024 ** 2
const ruleOfThumb = 1.2
/** Of maxmemory: fragmentation, client and replication buffers, the process itself. */
const containerShare = 1.25
/** The least above maxmemory: a Redis without data, and its clients as they all come back at once. */
const containerBase = 32 * Mi
/** Of maxmemory: pages that change while a child writes them to disk. All of them would be 1; half is a busy save. */
const copyOnWriteShare = 0.5
/** Where the alerts warn. */
const raiseAt = 0.8
const longest = 60

/** How much memory a Redis for so many keys needs, and how to set it up. */
export function makePlan(input: PlanInput): Plan {
  const { purpose, keys, size, headroom, growth } = input
  const perKey =
    size.kind === 'key' ? size.bytes : bytesPerKey({ valueBytes: size.bytes, keys, expires: purpose !== 'queue' })
  const data = Math.ceil(keys * perKey)
  const maxmemory = usualMaxmemory(data * headroom)
  const persistence = purpose === 'queue' ? 'aof' : 'none'
  const limit = containerLimit(maxmemory, persistence)
  return {
    purpose,
    keys,
    bytesPerKey: Math.round(perKey),
    overhead: size.kind === 'value' ? Number((perKey / size.bytes).toFixed(2)) : null,
    ruleOfThumb: size.kind === 'value' ? Math.ceil(keys * size.bytes * ruleOfThumb) : null,
    data,
    headroom,
    maxmemory,
    maxmemoryText: `${maxmemory / Mi}mb`,
    // A full session store that refuses logins hurts more than one that forgets the longest idle; a job lost is lost.
    policy: purpose === 'queue' ? 'noeviction' : 'allkeys-lru',
    persistence,
    containerLimit: limit,
    containerLimitText: `${limit / Mi}Mi`,
    growth: growth > 0 ? growthOf({ keys, data, maxmemory, perMonth: growth }) : null,
  }
}

/** Two digits are exact enough, and easy to say: 193.8 MiB are 200mb. */
function usualMaxmemory(bytes: number): number {
  const mebibytes = Math.max(16, bytes / Mi)
  const step = Math.max(1, 10 ** (Math.floor(Math.log10(mebibytes)) - 1))
  return Math.ceil(mebibytes / step) * step * Mi
}

function containerLimit(maxmemory: number, persistence: Plan['persistence']): number {
  const least = Math.max(maxmemory * containerShare, maxmemory + containerBase)
  const mebibytes = (least + (persistence === 'none' ? 0 : maxmemory * copyOnWriteShare)) / Mi
  const step = mebibytes <= 1_024 ? 32 : 256
  return Math.ceil(mebibytes / step) * step * Mi
}

function growthOf(given: { keys: number; data: number; maxmemory: number; perMonth: number }): Growth {
  const { keys, data, maxmemory, perMonth } = given
  const all = Array.from({ length: longest + 1 }, (_, month) => {
    const factor = (1 + perMonth) ** month
    const bytes = Math.ceil(data * factor)
    return { month, keys: Math.round(keys * factor), data: bytes, fill: Number((bytes / maxmemory).toFixed(4)) }
  })
  const full = all.find(({ fill }) => fill >= 1)
  return {
    perMonth,
    months: full === undefined ? all : all.slice(0, full.month + 1),
    raiseBy: all.find(({ fill }) => fill >= raiseAt)?.month ?? null,
    fullBy: full?.month ?? null,
  }
}

/** Lines for redis-cli that set a running Redis so. None switches persistence off: what is in it may have no other copy. */
export function redisCliOf({ maxmemoryText, policy, persistence }: Plan): readonly string[] {
  return [
    `CONFIG SET maxmemory ${maxmemoryText}`,
    `CONFIG SET maxmemory-policy ${policy}`,
    ...(persistence === 'aof' ? ['CONFIG SET appendonly yes'] : []),
  ]
}

/** Values for Bitnami's chart. Its replicas keep the same data, and its preset (192Mi) would kill them. */
export function helmOf({ maxmemoryText, policy, persistence, containerLimitText }: Plan): string {
  const resources = `  resources:
    requests:
      memory: ${containerLimitText}
    limits:
      memory: ${containerLimitText}
  persistence:
    enabled: ${persistence !== 'none'}
`
  return `commonConfiguration: |-
  maxmemory ${maxmemoryText}
  maxmemory-policy ${policy}
  save ""
  appendonly ${persistence === 'aof' ? 'yes' : 'no'}
master:
${resources}replica:
${resources}`
}
