import type { MemoryLine } from '../pressure/memory-line.ts'
import type { Evidence } from './evidence.ts'
import { bytesOf, containerLimit, explainedByPeak, holes, killedBefore, lostData, memoryHolders } from './facts.ts'
import type { Severity } from './finding.ts'
import { formatBytes, formatCount, formatOf, formatSeconds, formatShare } from './format.ts'
import { advice, limitAndPolicy, setting } from './remedies.ts'
import { graded, lines, type Rules, ratio } from './rule.ts'
import * as thresholds from './thresholds.ts'

const decimals = (value: number) => value.toFixed(2)

export const memoryRules: Rules<
  'no-memory-limit' | 'memory-high' | 'fragmentation-high' | 'swapping' | 'overhead-dominant' | 'lazyfree-backlog'
> = {
  'no-memory-limit': (evidence) => {
    const { max, used, totalSystem } = evidence.vitals.memory
    if (max !== 0) return undefined
    const limit = containerLimit(evidence)
    const losses = lostData(evidence)
    const killed = killedBefore(evidence)
    return {
      severity: losses > 0 || limit !== undefined || killed ? 'critical' : 'warning',
      title: 'Redis has no memory limit: it grows until the kernel kills it',
      evidence: lines(
        'maxmemory is 0, which is the default',
        used !== undefined && limit !== undefined && `${bytesOf(used, limit)} that the container may have are used`,
        used !== undefined && limit === undefined && `${formatBytes(used)} are used`,
        limit === undefined &&
          totalSystem !== undefined &&
          `the machine has ${formatBytes(totalSystem)}; a container's limit cannot be seen from here`,
        losses > 0 && `${formatOf(losses, 'restart')} with loss of data within the hour`,
        killed && 'its pod was killed before (OOMKilled or exit code 137)',
        memoryHolders(evidence),
      ),
      why: 'Without maxmemory nothing is evicted and nothing is refused. Redis outgrows its container, the kernel kills it, it comes back empty, and all clients fill it again until the next time.',
      remedy: limitAndPolicy(evidence, 'Give Redis a maxmemory well below the limit of its container, and a policy.'),
    }
  },

  'memory-high': (evidence) => {
    const { fill, line, canEvict, forecast, vitals } = evidence
    const kills = line?.kills === true
    if (!kills && canEvict !== false) return undefined
    const soon = forecast?.secondsToFull
    const severity = worse(
      graded(fill, thresholds.fillWarning, thresholds.fillCritical),
      soon === undefined ? undefined : gradedTime(soon),
    )
    if (severity === undefined) return undefined
    const limit = line && `the limit in force, ${formatBytes(line.bytes)} (${limitOrigin(line, evidence)})`
    return {
      severity,
      title: fill === undefined ? 'Redis will soon be full' : `Redis is ${formatShare(fill)} full`,
      evidence: lines(
        fill !== undefined && `${formatShare(fill)} of ${limit ?? 'the limit in force'}`,
        vitals.memory.used !== undefined && `${formatBytes(vitals.memory.used)} are used`,
        soon !== undefined && soon > 0 && Number.isFinite(soon) && `full in about ${formatSeconds(soon)}`,
        memoryHolders(evidence),
      ),
      why: kills
        ? 'Past this limit Redis is not refused memory, it is killed: everything in it is gone at once, and every client comes back to an empty Redis.'
        : 'Nothing can be evicted, so once it is full Redis refuses every write: no session is renewed with new data, no fill reaches the cache, and each miss goes to the source.',
      remedy: limitAndPolicy(
        evidence,
        'Make room: raise maxmemory together with the container limit, or shorten TTLs, store less for each user, compress.',
      ),
    }
  },

  'fragmentation-high': (evidence) => {
    const { memory } = evidence.vitals
    const { used, rss, allocator } = memory
    if (used !== undefined && used <= thresholds.fragmentationUsed) return undefined
    if (explainedByPeak(evidence)) return undefined
    const measures = [
      { name: 'mem_fragmentation_ratio', share: memory.fragmentationRatio, bytes: holes(evidence) },
      {
        name: 'allocator_frag_ratio',
        share: memory.allocatorFragmentationRatio,
        bytes: memory.allocatorFragmentationBytes,
      },
    ]
    const high = measures.find(
      ({ share, bytes }) =>
        share !== undefined &&
        share > thresholds.fragmentationRatio &&
        bytes !== undefined &&
        bytes > thresholds.fragmentationBytes,
    )
    if (high?.share === undefined || high.bytes === undefined) return undefined
    const say = 'MEMORY PURGE gives back what the allocator holds and does not need.'
    const jemalloc = allocator?.startsWith('jemalloc') === true
    return {
      severity: 'warning',
      title: `${formatBytes(high.bytes)} are lost to fragmentation`,
      evidence: lines(
        `${high.name} is ${decimals(high.share)}, ${formatBytes(high.bytes)}`,
        rss !== undefined && used !== undefined && `${formatBytes(rss)} resident for ${formatBytes(used)} used`,
        allocator !== undefined && `allocator ${allocator}`,
      ),
      why: 'The kernel counts resident memory, not what Redis uses: a container is killed for the holes too, and maxmemory does not see them.',
      remedy: {
        say: `${say} ${
          jemalloc
            ? 'activedefrag mends it for good, where the build supports it.'
            : 'Active defragmentation needs the jemalloc that Redis brings along.'
        } A restart mends it too, but empties a Redis that persists nothing.`,
        redisCli: [
          'redis-cli MEMORY PURGE',
          ...(jemalloc ? setting(evidence, '', { activedefrag: 'yes' }).redisCli : []),
        ],
      },
    }
  },

  swapping: ({ vitals }) => {
    const { used, rss, fragmentationRatio } = vitals.memory
    if (used === undefined || used <= thresholds.swappingUsed || fragmentationRatio === undefined) return undefined
    if (fragmentationRatio >= thresholds.swappingWarning) return undefined
    return {
      severity: fragmentationRatio < thresholds.swappingCritical ? 'critical' : 'warning',
      title: 'Part of Redis seems to be swapped out',
      evidence: lines(
        `mem_fragmentation_ratio is ${decimals(fragmentationRatio)}: less is resident than used`,
        rss !== undefined && `${formatBytes(rss)} resident for ${formatBytes(used)} used`,
      ),
      why: 'A command that touches a swapped page waits for the disk, and all other clients wait behind it.',
      remedy: advice(
        `Give the machine more memory or Redis less: ${formatBytes(used)} must be resident. Switch swap off for its node.`,
        'redis-cli INFO memory',
      ),
    }
  },

  'overhead-dominant': ({ vitals }) => {
    const { used, overhead } = vitals.memory
    const share = ratio(overhead, used)
    if (used === undefined || overhead === undefined || share === undefined) return undefined
    if (used <= thresholds.overheadUsed || share <= thresholds.overheadShare) return undefined
    const keys = vitals.keyspace?.reduce((sum, database) => sum + database.keys, 0)
    return {
      severity: 'info',
      title: 'More than half of the memory is overhead, not data',
      evidence: lines(`${bytesOf(overhead, used)} are overhead`, keys !== undefined && `${formatCount(keys)} keys`),
      why: 'Many tiny keys, client buffers or the replication backlog take more than what is stored: more memory buys less than it seems.',
      remedy: advice(
        'Put small values that live and die together into one hash, shorten key names, and look at the buffers.',
        'redis-cli MEMORY STATS',
      ),
    }
  },

  'lazyfree-backlog': ({ vitals }) => {
    const pending = vitals.memory.lazyfreePendingObjects
    if (pending === undefined || pending <= thresholds.lazyfreeObjects) return undefined
    return {
      severity: 'warning',
      title: `${formatCount(pending)} deleted objects still hold their memory`,
      evidence: [`lazyfree_pending_objects is ${formatCount(pending)}`],
      why: 'The background thread cannot free as fast as keys are deleted: memory stays high although the keys are gone.',
      remedy: advice(
        'Delete in smaller steps, and spread TTLs so that not everything expires together.',
        'redis-cli INFO memory',
      ),
    }
  },
}

const gradedTime = (secondsToFull: number): Severity | undefined =>
  graded(-secondsToFull, -thresholds.secondsToFullWarning, -thresholds.secondsToFullCritical)

const worse = (one: Severity | undefined, other: Severity | undefined) =>
  one === 'critical' || other === undefined ? one : other

/** The container is judged by resident memory: what Redis needs beside `used_memory` is taken off its limit. */
function limitOrigin({ bytes, source }: MemoryLine, { declaredLimit, learned }: Evidence): string {
  if (source === 'maxmemory') return 'maxmemory'
  const whole = source === 'declared' ? declaredLimit : learned?.bytes
  const what = source === 'declared' ? 'the declared limit of the container' : 'learned from the deaths of Redis'
  if (whole === undefined || whole <= bytes) return what
  return `${what}, ${formatBytes(whole)}, less ${formatBytes(whole - bytes)} that Redis needs beside`
}
