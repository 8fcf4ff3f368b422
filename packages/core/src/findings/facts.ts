import type { Evidence } from './evidence.ts'
import { formatBytes, formatShare } from './format.ts'
import { ratio } from './rule.ts'
import * as thresholds from './thresholds.ts'

/** SIGKILL, which is what the kernel sends: 128 + 9. */
export const killedExitCode = 137

/** The container's limit, as somebody declared it or the pod says. */
export function containerLimit({ declaredLimit, pod }: Evidence): number | undefined {
  const limit = declaredLimit ?? pod?.memoryLimit
  return limit !== undefined && limit > 0 ? limit : undefined
}

export function killedBefore({ pod }: Evidence): boolean {
  return pod?.lastState?.reason === 'OOMKilled' || pod?.lastState?.exitCode === killedExitCode
}

export function lostData({ restarts }: Evidence): number {
  return restarts?.filter((restart) => restart.dataLost).length ?? 0
}

/** There is a maxmemory, so that the policy means something. */
export function isLimited({ vitals }: Evidence): boolean {
  return vitals.memory.max !== undefined && vitals.memory.max > 0
}

export function evictsAnything({ vitals }: Evidence): boolean {
  return vitals.memory.policy?.startsWith('allkeys-') === true
}

export interface KeyTotals {
  readonly keys: number
  readonly withoutTtl: number
}

/** Of all databases; of the sample where INFO told nothing. */
export function keyTotals({ vitals, sample }: Evidence): KeyTotals | undefined {
  if (vitals.keyspace === undefined) return sample && { keys: sample.keys, withoutTtl: sample.withoutTtl }
  let keys = 0
  let expiring = 0
  for (const database of vitals.keyspace) {
    keys += database.keys
    expiring += database.expiring
  }
  return { keys, withoutTtl: Math.max(0, keys - expiring) }
}

/** Fork, AOF and replication copy pages that are written meanwhile. */
export function copyOnWrite({ vitals }: Evidence): number | undefined {
  const { currentCopyOnWritePeak, lastCopyOnWrite } = vitals.persistence
  if (currentCopyOnWritePeak === undefined && lastCopyOnWrite === undefined) return undefined
  return Math.max(currentCopyOnWritePeak ?? 0, lastCopyOnWrite ?? 0)
}

/** What is resident beyond what is used; without the program and its libraries, which outweigh the data of a small Redis. */
export function holes({ vitals }: Evidence): number | undefined {
  const { fragmentationBytes, rssOverheadBytes = 0 } = vitals.memory
  return fragmentationBytes === undefined ? undefined : fragmentationBytes - Math.max(0, rssOverheadBytes)
}

/** Resident memory stays where the peak left it: neither a leak nor fragmentation. */
export function explainedByPeak({ vitals }: Evidence): boolean {
  const { used, peak, rss, allocatorFragmentationRatio } = vitals.memory
  const high = ratio(peak, used)
  const resident = ratio(rss, peak)
  if (high === undefined || resident === undefined) return false
  const scattered =
    allocatorFragmentationRatio !== undefined && allocatorFragmentationRatio > thresholds.fragmentationRatio
  return high > thresholds.peakRatio && resident <= thresholds.fragmentationRatio && !scattered
}

/** `save ""` and no AOF; undefined where CONFIG was not allowed to tell. */
export function isEphemeral({ vitals, settings }: Evidence): boolean | undefined {
  const appendOnly = settings?.appendOnly ?? vitals.persistence.appendOnly
  if (appendOnly === true) return false
  if (settings?.save === undefined || appendOnly === undefined) return undefined
  return settings.save === ''
}

/** Who holds the memory, the largest first, as far as a sample or this process's ledger tells. */
export function memoryHolders({ sample, client }: Evidence): string | undefined {
  const prefixes = (sample?.prefixes ?? []).map(({ prefix, bytes }) => ({ name: prefix, bytes }))
  const namespaces = (client?.namespaces ?? []).map(({ namespace, bytes }) => ({ name: namespace, bytes }))
  const [kind, holders] = prefixes.length > 0 ? ['prefix', prefixes] : ['namespace', namespaces]
  const whole = holders.reduce((sum, { bytes }) => sum + bytes, 0)
  if (whole <= 0) return undefined
  const largest = [...holders].sort((one, other) => other.bytes - one.bytes).slice(0, 3)
  const shares = largest.map(({ name, bytes }) => `${name} ${formatBytes(bytes)} (${formatShare(bytes / whole)})`)
  return `by ${kind}${kind === 'prefix' ? ', of what was sampled' : ', as this process wrote'}: ${shares.join(', ')}`
}

/** `56.2 MiB of 64 MiB (88 %)`. */
export function bytesOf(part: number, whole: number): string {
  return `${formatBytes(part)} of ${formatBytes(whole)}${whole > 0 ? ` (${formatShare(part / whole)})` : ''}`
}
