import type { Evidence } from './evidence.ts'
import { containerLimit, copyOnWrite } from './facts.ts'
import * as thresholds from './thresholds.ts'

const MiB = 1024 ** 2
const GiB = 1024 ** 3

/** Limits that people write, in MiB. Beyond them whole steps of 4 GiB. */
const usualSizes = [64, 96, 128, 192, 256, 384, 512, 768, 1_024, 1_536, 2_048, 3_072, 4_096, 6_144, 8_192].map(
  (size) => size * MiB,
)

/** The smallest limit that people usually write and that holds so many bytes. */
export function usualSizeFor(bytes: number): number {
  return usualSizes.find((size) => size >= bytes) ?? Math.ceil(bytes / (4 * GiB)) * 4 * GiB
}

/** A round number, with room for buffers, fragmentation and forks between it and the container's limit. */
export function maxmemoryFor(limit: number): number {
  const share = limit * thresholds.maxmemoryShare
  if (share < 4 * MiB) return Math.max(MiB, Math.floor(share / MiB) * MiB)
  const step = share < GiB ? 4 * MiB : 64 * MiB
  return Math.round(share / step) * step
}

/** What Redis will need: small ones grow threefold, large ones by half. */
export function maxmemoryToGrowInto(used: number): number {
  const reserve = Math.min(used * thresholds.growthSmall, used + thresholds.growthAtMost)
  return Math.max(used * thresholds.growthLarge, reserve)
}

/** The container's limit over a maxmemory, with what was seen of resident memory and of forks. */
export function limitFor(maxmemory: number, resident: number, copied: number): number {
  return usualSizeFor(
    Math.max(maxmemory * thresholds.limitOverMaxmemory, resident * thresholds.limitOverResident + copied),
  )
}

export interface Sizing {
  readonly maxmemory: number
  /** The container's limit: the present one where it will do. */
  readonly limit: number
}

/** Undefined where neither use nor limit is known. */
export function sizingFor(evidence: Evidence): Sizing | undefined {
  const { max = 0, rss, peak } = evidence.vitals.memory
  const used = usedAtMost(evidence)
  const present = containerLimit(evidence) ?? evidence.learned?.bytes
  if (used === undefined)
    return present === undefined ? undefined : { maxmemory: maxmemoryFor(present), limit: present }
  // A lower maxmemory evicts at once, so it is lowered only where the container does not hold it.
  const kept = present === undefined || max <= maxmemoryFor(present) ? max : 0
  const wanted = Math.max(maxmemoryToGrowInto(used), kept)
  const needed = limitFor(wanted, Math.max(rss ?? 0, peak ?? 0, used), copyOnWrite(evidence) ?? 0)
  const limit = present !== undefined && present >= needed ? present : needed
  return { maxmemory: Math.max(maxmemoryFor(limit), kept), limit }
}

/** What a Redis uses that has just come back empty is not what it needs: what it died with is. */
function usedAtMost(evidence: Evidence): number | undefined {
  const killedAt = evidence.pod?.lastState?.reason === 'OOMKilled' ? containerLimit(evidence) : undefined
  const sizes = [evidence.vitals.memory.used, killedAt, ...(evidence.restarts ?? []).map(({ used }) => used)]
  const known = sizes.filter((size) => size !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}

/** For an instance whose maxmemory stays: the limit that leaves room over it. */
export function limitOver(evidence: Evidence): number | undefined {
  const { max, used, rss, peak } = evidence.vitals.memory
  const resident = Math.max(rss ?? 0, peak ?? 0, used ?? 0)
  if (!max && resident === 0) return undefined
  return limitFor(max ?? 0, resident, copyOnWrite(evidence) ?? 0)
}
