import type { SampleEvidence } from './evidence.ts'
import { evictsAnything, isLimited, keyTotals } from './facts.ts'
import { formatBytes, formatCount, formatOf, formatSeconds, formatShare } from './format.ts'
import { advice } from './remedies.ts'
import { lines, type Rules, ratio } from './rule.ts'
import * as thresholds from './thresholds.ts'

/** Redis 7.0 and newer; plain EXPIRE would lengthen the TTLs that are there. */
const backfill = 'redis-cli EXPIRE <key> <seconds> NX'

export const keyRules: Rules<
  'keys-without-ttl' | 'ttl-too-long' | 'big-values' | 'hot-key' | 'mixed-workloads' | 'expired-stale'
> = {
  'keys-without-ttl': (evidence) => {
    const totals = keyTotals(evidence)
    if (evidence.purpose === 'queue' || totals === undefined || totals.keys < thresholds.keysWorthARule)
      return undefined
    const share = ratio(totals.withoutTtl, totals.keys)
    if (share === undefined || share <= thresholds.withoutTtlShare) return undefined
    const bounded = evidence.purpose === 'cache' && evictsAnything(evidence) && isLimited(evidence)
    const prefixes = (evidence.sample?.prefixes ?? []).filter(({ withoutTtl }) => withoutTtl > 0)
    return {
      severity: bounded ? 'info' : 'warning',
      title: `${formatShare(share)} of the keys have no TTL`,
      evidence: lines(
        `${formatCount(totals.withoutTtl)} of ${formatCount(totals.keys)} keys`,
        ...prefixes.slice(0, 3).map(({ prefix, withoutTtl, keys }) => {
          return `${prefix}: ${formatCount(withoutTtl)} of ${formatCount(keys)} sampled`
        }),
      ),
      why: bounded
        ? 'The policy evicts them when room is needed, but until then what is out of date stays.'
        : 'They stay for ever: sessions of visitors who never logged out, entries that nobody reads. Memory only grows.',
      remedy: advice(
        'Set the TTL in the command that writes (SET with EX, SETEX), not in a second one. Give a TTL to those that are there, by SCAN; NX leaves the TTLs alone that exist.',
        'redis-cli --scan --pattern <prefix>*',
        backfill,
      ),
    }
  },

  'ttl-too-long': ({ vitals, client, sample, purpose }) => {
    if (purpose === 'queue') return undefined
    const averages = (vitals.keyspace ?? []).filter(
      ({ averageTtlMilliseconds }) => averageTtlMilliseconds !== undefined,
    )
    const expiring = averages.reduce((sum, database) => sum + database.expiring, 0)
    const weighed = averages.reduce((sum, { expiring, averageTtlMilliseconds }) => {
      return sum + expiring * (averageTtlMilliseconds ?? 0)
    }, 0)
    const average = ratio(weighed, expiring) ?? sample?.ttlMilliseconds.median
    if (average === undefined) return undefined
    const configured = Math.max(0, ...(client?.namespaces ?? []).map(({ ttlMilliseconds }) => ttlMilliseconds))
    const most = configured > 0 ? configured * thresholds.ttlFactor : thresholds.ttlAtMost
    if (average <= most) return undefined
    const longest = sample?.ttlMilliseconds.most
    return {
      severity: configured > 0 ? 'warning' : 'info',
      title: `Keys live for ${formatSeconds(average / 1_000)} on average`,
      evidence: lines(
        `average TTL ${formatSeconds(average / 1_000)}`,
        configured > 0 && `the longest that this process writes is ${formatSeconds(configured / 1_000)}`,
        longest !== undefined && `the longest sampled is ${formatSeconds(longest / 1_000)}`,
      ),
      why: 'Sessions and entries that nobody comes back for take their memory for as long.',
      remedy: advice(
        'Take a shorter TTL and renew it with each use (a sliding window): those in use stay, the others go.',
      ),
    }
  },

  'big-values': ({ client, sample }) => {
    const namespaces = (client?.namespaces ?? []).filter(
      ({ largestValue }) => (largestValue ?? 0) > thresholds.bigValue,
    )
    const sampled = (sample?.largest ?? []).filter(({ bytes }) => bytes > thresholds.bigValue)
    if (namespaces.length === 0 && sampled.length === 0) return undefined
    const largest = Math.max(
      ...namespaces.map(({ largestValue }) => largestValue ?? 0),
      ...sampled.map(({ bytes }) => bytes),
    )
    return {
      severity: 'warning',
      title: `Values of up to ${formatBytes(largest)}`,
      evidence: lines(
        ...namespaces.map(({ namespace, largestValue }) => `${namespace}: up to ${formatBytes(largestValue ?? 0)}`),
        sampled.length > 0 && `${formatOf(sampled.length, 'sampled key')} above ${formatBytes(thresholds.bigValue)}`,
        ...sampled.slice(0, 3).map(({ key, type, bytes }) => `${key} (${type}): ${formatBytes(bytes)}`),
      ),
      why: 'Each read of one holds up all other commands, fills output buffers, and a write of one may evict thousands of small keys or be refused alone.',
      remedy: advice(
        'Split or compress them, keep only what is read, or put them into an object store.',
        'redis-cli --memkeys',
      ),
    }
  },

  'hot-key': ({ client }) => {
    const hot = (client?.namespaces ?? []).filter(
      ({ hottestShare, lookupsPerSecond }) =>
        hottestShare !== undefined &&
        hottestShare > thresholds.hotKeyShare &&
        hottestShare * lookupsPerSecond > thresholds.hotKeyPerSecond,
    )
    if (hot.length === 0) return undefined
    return {
      severity: 'warning',
      title: 'One key takes much of the traffic',
      evidence: hot.map(({ namespace, hottestShare = 0, lookupsPerSecond }) => {
        return `${namespace}: one key takes ${formatShare(hottestShare)} of ${formatCount(lookupsPerSecond)} lookups a second`
      }),
      why: 'One key lives on one node and one core: more replicas or shards do not help it.',
      remedy: advice(
        'Answer it from the local tier for some seconds (local.ttl). On a cluster, keep copies of it on other nodes (copies).',
      ),
    }
  },

  'mixed-workloads': (evidence) => {
    const { vitals, purpose, sample } = evidence
    const databases = (vitals.keyspace ?? []).filter(({ keys }) => keys > 0)
    const totals = keyTotals(evidence)
    const withTtl = totals && totals.keys >= thresholds.keysWorthARule ? 1 - totals.withoutTtl / totals.keys : undefined
    const isMixed =
      purpose !== 'queue' &&
      withTtl !== undefined &&
      withTtl > thresholds.withoutTtlShare &&
      withTtl < 1 - thresholds.withoutTtlShare
    const kinds = kindsOf(sample)
    if (databases.length < 2 && !isMixed && kinds === undefined) return undefined
    return {
      severity: 'warning',
      title: 'Different kinds of data share this Redis',
      evidence: lines(
        databases.length > 1 && `${formatCount(databases.length)} databases have keys`,
        isMixed && withTtl !== undefined && `${formatShare(withTtl)} of the keys have a TTL, the others none`,
        kinds && `without a TTL: ${kinds.kept.join(', ')}; with one: ${kinds.passing.join(', ')}`,
      ),
      why: 'They share one limit and one policy. A rush on the cache pushes sessions out, or jobs that nobody deletes fill Redis until the cache is refused.',
      remedy: advice(
        'Give caches, sessions and queues a Redis each, with the policy that each wants: allkeys-lru, volatile-ttl, noeviction. A namespace takes its own with the option redis.',
        'redis-cli INFO keyspace',
      ),
    }
  },

  'expired-stale': ({ vitals }) => {
    const { expiredStalePercent, expiredTimeCapReached } = vitals.totals
    if (expiredStalePercent === undefined || expiredStalePercent <= thresholds.expiredStalePercent) return undefined
    if (expiredTimeCapReached === 0) return undefined
    return {
      severity: 'warning',
      title: `${formatShare(expiredStalePercent / 100)} of the keys with a TTL are dead and still hold memory`,
      evidence: lines(
        `expired_stale_perc is ${formatCount(expiredStalePercent)}`,
        expiredTimeCapReached !== undefined &&
          `expiring ran out of its time ${formatOf(expiredTimeCapReached, 'time')}`,
      ),
      why: 'More keys expire than Redis collects. Memory is full of what nobody can read any more, and live keys are evicted for it.',
      remedy: {
        say: 'Spread TTLs (ttlJitter) so that not everything expires together; active-expire-effort (1 to 10) lets Redis work harder at it.',
        redisCli: vitals.provider === 'unknown' ? ['redis-cli CONFIG SET active-expire-effort 4'] : [],
      },
    }
  },
}

/** Prefixes whose keys stay and prefixes whose keys pass, where there are both. */
function kindsOf(sample: SampleEvidence | undefined) {
  const prefixes = (sample?.prefixes ?? []).filter(({ keys }) => keys >= thresholds.keysWorthARule)
  const named = (least: number, most: number) =>
    prefixes
      .filter(({ keys, withoutTtl }) => withoutTtl / keys >= least && withoutTtl / keys <= most)
      .map(({ prefix }) => prefix)
      .slice(0, 3)
  const kept = named(1 - thresholds.withoutTtlShare, 1)
  const passing = named(0, thresholds.withoutTtlShare)
  return kept.length > 0 && passing.length > 0 ? { kept, passing } : undefined
}
